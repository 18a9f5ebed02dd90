"""From the first start to the last stop: in which order, with what environment, and until when."""

import math
import pathlib
import shutil
import signal
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from gateway import errors
from gateway.local import embedded
from gateway.local.embedded import children, folder, running
from gateway.local.supervisor import banner, credentials, port, restarting, secret_key, terminal
from gateway.local.supervisor.restarting import Kept
from gateway.local.supervisor.stop_signals import StopRequests
from gateway.settings import SECRET_NAMES, Settings, unknown_names

_ROOT = pathlib.Path(__file__).resolve().parents[3]
_TICK_SECONDS = 0.1
# What encrypts secrets is needed by whatever reads or writes them.
_PASSED_ON = ("GATEWAY_SECRET_KEY", "GATEWAY_SECRET_KEY_FILE")
_PROBE_PAUSE_SECONDS = 0.3
_READY_PATIENCE_SECONDS = 30.0
# A migration may have a large table to walk through.
_STEP_SECONDS = 3600.0
# Longer than gunicorn gives the requests that have begun (graceful_timeout, 15 s).
_EDGE_STOP: children.StopSteps = ((signal.SIGTERM, 18.0), (signal.SIGKILL, 5.0))
_SCHEDULER_STOP: children.StopSteps = ((signal.SIGTERM, 5.0), (signal.SIGKILL, 5.0))


@dataclass(frozen=True, kw_only=True)
class Programs:
    """Arguments of the interpreter for everything the supervisor starts."""

    migrate: tuple[str, ...] = ("-m", "gateway", "migrate")
    bootstrap: tuple[str, ...] = ("-m", "gateway", "bootstrap")
    web: tuple[str, ...] = ("-m", "gunicorn", "-c", "deploy/gunicorn.conf.py", "gateway.wsgi:app")
    worker: tuple[str, ...] = ("-m", "workers")
    scheduler: tuple[str, ...] = ("-m", "workers", "scheduler")
    loader: tuple[str, ...] = ("-m", "workers", "loader")
    sender: tuple[str, ...] = ("-m", "workers", "sender")


_PROGRAMS = Programs()


def run(settings: Settings, environ: Mapping[str, str], programs: Programs = _PROGRAMS) -> int:
    """Run the gateway until SIGINT or SIGTERM and return the exit code: 0 when asked to stop.

    `environ` is passed on to the programs, without secrets and with the settings made explicit.
    Call from the main thread. A second signal hurries. What goes wrong is said on standard error
    and returns 1.
    """
    asked = StopRequests()
    asked.listen()
    for warning in settings.warnings:
        terminal.warn(warning)
    try:
        with folder.hold(settings.data_dir) as data_dir:
            port.check(settings, asked.made)
            _Gateway(settings, environ, data_dir, programs, asked).run()
    except errors.GatewayError as error:
        if not asked.made():
            terminal.complain(str(error))
            return 1
    return 0


class _Gateway:
    """Everything that runs on one data folder."""

    def __init__(
        self,
        settings: Settings,
        environ: Mapping[str, str],
        data_dir: pathlib.Path,
        programs: Programs,
        asked: StopRequests,
    ) -> None:
        self._settings = settings
        self._data_dir = data_dir
        self._programs = programs
        self._asked = asked
        self._credentials = credentials.resolve(settings, data_dir)
        self._environ = _environ(settings, environ, data_dir)
        if not settings.secret_key:
            self._environ["GATEWAY_SECRET_KEY_FILE"] = str(secret_key.keep(data_dir))
        self._servers: list[Kept] = []
        self._edges: list[Kept] = []
        self._schedulers: list[Kept] = []
        self._logs: list[pathlib.Path] = []

    def run(self) -> None:
        """Start everything, keep it running until asked to stop, stop everything."""
        try:
            self._start()
            self._watch()
        finally:
            self._stop()

    def _start(self) -> None:
        _empty(pathlib.Path(self._environ["PROMETHEUS_MULTIPROC_DIR"]))
        self._environ["DATABASE_URL"] = self._settings.database_url or self._start_postgres()
        self._environ["REDIS_URL"] = self._settings.redis_url or self._start_valkey()
        self._do("Migrating the database", self._programs.migrate, {})
        self._do(
            "Setting up the credentials",
            self._programs.bootstrap,
            self._credentials.values.environ(),
        )
        if self._asked.made():
            return
        # Should we be killed: gunicorn ends its own processes on SIGTERM; a worker has none, and
        # what it was doing is done again.
        programs, kill = self._programs, signal.SIGKILL
        self._edges.append(self._keep("web", programs.web, signal.SIGTERM, _EDGE_STOP))
        for number in range(1, self._settings.workers + 1):
            self._edges.append(self._keep(f"worker {number}", programs.worker, kill, _EDGE_STOP))
        for number in range(1, self._settings.loads + 1):
            self._edges.append(self._keep(f"loader {number}", programs.loader, kill, _EDGE_STOP))
        self._edges.append(self._keep("sender", programs.sender, kill, _EDGE_STOP))
        scheduler = self._keep("scheduler", programs.scheduler, kill, _SCHEDULER_STOP)
        self._schedulers.append(scheduler)

    def _start_postgres(self) -> str:
        def start(port: int | None = None) -> embedded.Server:
            return embedded.start_postgres(self._data_dir, port=port, give_up=self._asked.made)

        server = start()
        self._keep_server(server, lambda: start(server.port).process)
        return server.url

    def _start_valkey(self) -> str:
        def start(port: int | None = None, password: str | None = None) -> embedded.Server:
            return embedded.start_valkey(
                self._data_dir,
                port=port,
                password=password,
                give_up=self._asked.made,
            )

        server = start()
        self._keep_server(server, lambda: start(server.port, server.password).process)
        return server.url

    def _keep_server(self, server: embedded.Server, again: Callable[[], children.Process]) -> None:
        steps = server.stop_steps
        self._servers.append(Kept(server.name, again, steps=steps, process=server.process))
        self._logs.append(server.log_path)

    def _keep(
        self,
        name: str,
        program: tuple[str, ...],
        death_signal: signal.Signals,
        steps: children.StopSteps,
    ) -> Kept:
        return Kept(name, lambda: self._launch(program, self._environ, death_signal), steps=steps)

    def _launch(
        self,
        program: tuple[str, ...],
        environ: Mapping[str, str],
        death_signal: signal.Signals,
    ) -> children.Process:
        argv = [sys.executable, *program]
        return children.start(argv, environ=environ, death_signal=death_signal, cwd=_ROOT)

    def _do(self, what: str, program: tuple[str, ...], more_environ: Mapping[str, str]) -> None:
        """Run a program to its end; raises errors.CommandFailed when it fails."""
        if self._asked.made():
            return
        process = self._launch(program, {**self._environ, **more_environ}, signal.SIGKILL)
        if not children.wait(process, _STEP_SECONDS, self._asked.made):
            children.stop([process], _SCHEDULER_STOP, self._asked.hurried)
        if process.returncode != 0:
            raise errors.CommandFailed(f"{what} failed; what it said above is why.")

    def _watch(self) -> None:
        """Keep everything running, and greet once it is ready, until we are asked to stop."""
        probe_at: float | None = time.monotonic()
        complain_at = time.monotonic() + _READY_PATIENCE_SECONDS
        while not self._asked.made():
            for part in (*self._servers, *self._schedulers, *self._edges):
                part.tend()
            for path in self._logs:
                embedded.limit_log(path)
            now = time.monotonic()
            if probe_at is not None and now >= probe_at:
                probe_at = None if self._greet() else now + _PROBE_PAUSE_SECONDS
            if probe_at is not None and now >= complain_at:
                complain_at = math.inf
                terminal.warn("not ready yet; /readyz and the messages above say why.")
            time.sleep(_TICK_SECONDS)

    def _greet(self) -> bool:
        """Greet if the gateway is ready; False if it is not."""
        if not banner.is_ready(self._settings):
            return False
        terminal.say(
            banner.text(
                self._settings,
                self._credentials,
                self._data_dir,
                at_terminal=terminal.is_there(),
            )
        )
        return True

    def _stop(self) -> None:
        """Stop what uses the servers before the servers."""
        terminal.say("Stopping.")
        hurry = self._asked.hurried
        restarting.stop(self._edges, hurry)
        restarting.stop(self._schedulers, hurry)
        for server in reversed(self._servers):
            restarting.stop([server], hurry)
        terminal.say(f"Stopped. The data is kept in {self._data_dir}.")


def _environ(
    settings: Settings,
    environ: Mapping[str, str],
    data_dir: pathlib.Path,
) -> dict[str, str]:
    """Return the environment of the programs, but for the addresses of the servers.

    Secrets of the caller are left out: the two URLs come later, as plain text even if they came as
    files, as does that of a replica, and the credentials are for the bootstrap alone. What is
    unknown was complained of here, once; what libpq reads is not for a server of ours.
    """
    replica = settings.read_database_url
    known = environ if settings.database_url else running.without_libpq(environ)
    secret = {*SECRET_NAMES, *(f"{name}_FILE" for name in SECRET_NAMES)} - set(_PASSED_ON)
    left_out = secret.union(unknown_names(environ))
    return {
        **{name: value for name, value in known.items() if name not in left_out},
        **({} if replica is None else {"GATEWAY_READ_DATABASE_URL": replica}),
        **({} if settings.database_url else {"GATEWAY_DISK_DIR": str(data_dir)}),
        "PORT": str(settings.port),
        "GATEWAY_BIND": settings.bind,
        "GATEWAY_DATA_DIR": str(data_dir),
        "GATEWAY_WEB_PROCESSES": str(settings.web_processes),
        "GATEWAY_WEB_THREADS": str(settings.web_threads),
        "GATEWAY_WORKERS": str(settings.workers),
        "PROMETHEUS_MULTIPROC_DIR": str(data_dir / "metrics"),
    }


def _empty(path: pathlib.Path) -> None:
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir(mode=0o700)
