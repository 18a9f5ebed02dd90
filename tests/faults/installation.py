"""A whole installation on loopback whose every process can be found, killed and frozen."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from gateway.local import embedded
from gateway.local.embedded import children
from gateway.store.db.engine import Pool
from tests import stack as stacks
from tests.faults import points
from tests.faults.disk import Disk
from tests.faults.parts import Part, owned_by, signal_all
from tests.faults.points import Points
from tests.faults.proxy import Proxy
from tests.stack import API_KEY, PASSWORD, ROOT, USERNAME, until

WEB = ("-m", "gunicorn", "-c", "deploy/gunicorn.conf.py", "tests.faults.web:app")
WORKER = ("-m", "tests.faults.worker")
LOADER = (*WORKER, "loader")
SENDER = (*WORKER, "sender")
SCHEDULER = (*WORKER, "scheduler")
WORKERS = 3
# Ten processes begin at once, maybe beside much else.
START_SECONDS = 240.0

_TERM = ((signal.SIGTERM, 20.0), (signal.SIGKILL, 5.0))
_POSTGRES_STOP = ((signal.SIGINT, 20.0), (signal.SIGQUIT, 5.0), (signal.SIGKILL, 5.0))


@dataclasses.dataclass(kw_only=True)
class Installation:
    """Postgres, Valkey, gunicorn with two processes, three workers, and one of each other kind."""

    folder: Path
    port: int
    postgres_url: str
    valkey_url: str
    postgres: Part
    valkey: Part
    points: Points
    environ: dict[str, str]
    notices_port: int
    to_postgres: Proxy | None = None
    to_valkey: Proxy | None = None
    programs: list[Part] = dataclasses.field(default_factory=list)

    @property
    def web(self) -> Part:
        """The gunicorn master."""
        return self._named("web")

    @property
    def scheduler(self) -> Part:
        """The scheduler."""
        return self._named("scheduler")

    @property
    def loader(self) -> Part:
        """The loader."""
        return self._named("loader")

    @property
    def sender(self) -> Part:
        """What sends cohorts and notices."""
        return self._named("sender")

    @property
    def workers(self) -> list[Part]:
        """The workers."""
        return [part for part in self.programs if part.name.startswith("worker")]

    @property
    def parts(self) -> list[Part]:
        """Everything that runs."""
        return [self.postgres, self.valkey, *self.programs]

    @property
    def base_url(self) -> str:
        """Where its web port is."""
        return f"http://127.0.0.1:{self.port}"

    def part_of(self, pid: int) -> Part:
        """Find the part to which a process belongs, or belonged until now."""
        return next(part for part in self.programs if part.pid == pid)

    def log_of(self, part: Part) -> Path:
        """What a program has said, in all its lives."""
        return self.folder / f"{part.name.replace(' ', '-')}.log"

    def web_processes(self) -> list[int]:
        """Process ids of gunicorn's workers."""
        return self.web.family()[1:]

    def add(self, name: str, words: Sequence[str], **environ: str) -> Part:
        """Start one more program of the product."""
        part = Part(name, lambda: self._launch(part, words, environ))
        self.programs.append(part)
        part.start()
        return part

    def remove(self, part: Part) -> None:
        """Stop a program for good."""
        part.stop(*_TERM)
        self.programs.remove(part)

    def run(self, *words: str) -> None:
        """Run a command of the product to its end."""
        command = [sys.executable, "-m", "gateway", *words]
        subprocess.run(command, cwd=ROOT, env=self.environ, check=True, capture_output=True)

    @contextlib.contextmanager
    def pool(self) -> Iterator[Pool]:
        """Lend connections to its Postgres, past any proxy."""
        pool = Pool(self.postgres_url, name="faults", size=2, limit_seconds=30)
        yield pool
        pool.close()

    def is_ready(self) -> bool:
        """Whether /readyz answers 200."""
        return stacks.is_ready(self.port)

    def heal(self) -> None:
        """End every fault that is still under way, and wait until everything runs."""
        self.points.disarm()
        for proxy in (self.to_postgres, self.to_valkey):
            if proxy is not None:
                proxy.heal()
        for part in self.parts:
            signal_all(part.family(), signal.SIGCONT)
            part.release()
        for part in self.parts:
            part.await_running()
        until(self.is_ready)

    def stop(self) -> list[int]:
        """Stop everything; returns the processes that are left behind, which should be none."""
        for part in self.parts:
            signal_all(part.family(), signal.SIGCONT)
        for part in reversed(self.programs):
            part.stop(*_TERM)
        self.valkey.stop(*_TERM)
        self.postgres.stop(*_POSTGRES_STOP)
        for proxy in (self.to_postgres, self.to_valkey):
            if proxy is not None:
                proxy.close()
        return owned_by(self.folder)

    def _named(self, name: str) -> Part:
        return next(part for part in self.programs if part.name == name)

    def _launch(
        self, part: Part, words: Sequence[str], environ: dict[str, str]
    ) -> children.Process:
        # gunicorn ends its own processes on SIGTERM; the others have none.
        dies_by = signal.SIGTERM if words == WEB else signal.SIGKILL
        with self.log_of(part).open("ab") as log:
            return children.start(
                [sys.executable, *words],
                environ={**self.environ, **environ},
                death_signal=dies_by,
                cwd=ROOT,
                output=log,
            )


@contextlib.contextmanager
def installed(
    folder: Path, *, proxied: bool = False, disk: Disk | None = None
) -> Iterator[Installation]:
    """Start an installation in a folder; afterwards stop it and see that nothing is left."""
    installation = _with_servers(folder, disk, proxied=proxied)
    try:
        for command in ("migrate", "bootstrap"):
            installation.run(command)
        installation.add("web", WEB)
        for number in range(1, WORKERS + 1):
            installation.add(f"worker {number}", WORKER)
        installation.add("loader", LOADER)
        installation.add("sender", SENDER)
        installation.add("scheduler", SCHEDULER)
        until(installation.is_ready, START_SECONDS)
        yield installation
    finally:
        left = installation.stop()
    assert left == []


def _with_servers(folder: Path, disk: Disk | None, *, proxied: bool) -> Installation:
    data_dir = folder / "data" if disk is None else disk.folder
    data_dir.mkdir(mode=0o700, exist_ok=True)
    servers, postgres, valkey = _started(data_dir, disk)
    here = Points(folder / "points")
    here.folder.mkdir()
    urls = {name: server.url for name, server in servers.items()}
    installation = Installation(
        folder=folder,
        port=stacks.free_port(),
        postgres_url=urls["postgres"],
        valkey_url=urls["valkey"],
        postgres=postgres,
        valkey=valkey,
        points=here,
        environ={},
        notices_port=stacks.free_port(),
    )
    if proxied:
        proxies = {name: Proxy(server.port) for name, server in servers.items()}
        installation.to_postgres = proxies["postgres"]
        installation.to_valkey = proxies["valkey"]
        for name, proxy in proxies.items():
            urls[name] = urls[name].replace(f":{servers[name].port}/", f":{proxy.port}/")
    where = {"DATABASE_URL": urls["postgres"], "REDIS_URL": urls["valkey"]}
    notices = {"GATEWAY_NOTIFY": f"faults=json://127.0.0.1:{installation.notices_port}"}
    installation.environ |= _environ(folder, here, installation.port) | where | notices
    return installation


def _started(data_dir: Path, disk: Disk | None) -> tuple[dict[str, embedded.Server], Part, Part]:
    """Start Postgres and Valkey; a restart finds the port and password of the first start."""
    servers: dict[str, embedded.Server] = {}

    def start_postgres() -> children.Process:
        if disk is not None:
            disk.enter()
        port = servers["postgres"].port if "postgres" in servers else None
        servers["postgres"] = embedded.start_postgres(data_dir, port=port)
        return servers["postgres"].process

    def start_valkey() -> children.Process:
        old = servers.get("valkey")
        port, password = (old.port, old.password) if old else (None, None)
        servers["valkey"] = embedded.start_valkey(data_dir, port=port, password=password)
        return servers["valkey"].process

    postgres, valkey = Part("postgres", start_postgres), Part("valkey", start_valkey)
    postgres.start()
    valkey.start()
    return servers, postgres, valkey


def _environ(folder: Path, here: Points, port: int) -> dict[str, str]:
    """What every program is told, but for where its servers are."""
    return {
        "PATH": os.environ["PATH"],
        "PORT": str(port),
        "GATEWAY_BIND": "127.0.0.1",
        "GATEWAY_DATA_DIR": str(folder),
        "GATEWAY_WEB_PROCESSES": "2",
        "GATEWAY_WEBHOOK_USERNAME": USERNAME,
        "GATEWAY_WEBHOOK_PASSWORD": PASSWORD,
        "GATEWAY_API_KEY": API_KEY,
        "GATEWAY_SECRET_KEY": "a key of thirty-two characters!!",
        "GATEWAY_ALLOW_LOCAL_SOURCES": "1",
        "GATEWAY_ALLOW_PRIVATE_DESTINATIONS": "127.0.0.0/8",
        "PROMETHEUS_MULTIPROC_DIR": str(folder / "metrics"),
        points.FOLDER_NAME: str(here.folder),
        **{name: value for name, value in os.environ.items() if name.startswith("COVERAGE_")},
    }
