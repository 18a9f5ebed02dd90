"""A gateway in production, on this machine: what the Procfile names, and a terminal beside it."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import signal
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from gateway.local import embedded
from gateway.local.embedded import children
from gateway.local.embedded.cluster import binary
from gateway.store.db.engine import Pool
from tests import stack as stacks
from tests.deploy import requesting
from tests.deploy.requesting import Answer
from tests.e2e.documents import Copy
from tests.faults.parts import Part
from tests.http import scrape
from tests.stack import API_KEY, DEFAULT, PASSWORD, USERNAME, until

PROGRAMS = {
    "web": ("-m", "gunicorn", "-c", "deploy/gunicorn.conf.py", "gateway.wsgi:app"),
    "worker": ("-m", "workers"),
    "loader": ("-m", "workers", "loader"),
    "sender": ("-m", "workers", "sender"),
    "scheduler": ("-m", "workers", "scheduler"),
}
_TERM = ((signal.SIGTERM, 20.0), (signal.SIGKILL, 5.0))
_POSTGRES_STOP = ((signal.SIGINT, 20.0), (signal.SIGKILL, 5.0))


@dataclasses.dataclass(kw_only=True)
class Production(Copy):
    """Servers and what the Procfile names, kept running as a platform would, in a copy of the code.

    `parts` are its processes by name, `settings` the environment that the programs start with.
    """

    parts: dict[str, Part] = dataclasses.field(default_factory=dict)
    settings: dict[str, str] = dataclasses.field(default_factory=dict)
    sessions: int = 0

    def environ(self) -> dict[str, str]:
        """Return the environment of the programs and of the terminal."""
        programs = f"{Path(sys.prefix, 'bin')}:{binary('psql').parent}:{os.environ['PATH']}"
        ours = {**super().environ(), **self.settings, "PATH": programs}
        del ours["CURL_HOME"]  # a person's curl has no settings of ours
        return ours

    def configure(self, **settings: str) -> None:
        """Change the environment, for programs at their next start and in the terminal at once."""
        self.settings |= settings
        with (self.scratch / "variables").open("a") as variables:
            variables.writelines(f"export {name}='{value}'\n" for name, value in settings.items())

    def type_with(self, text: str, **variables: str) -> str:
        """Do what a block of commands says, with what its reader was asked to fill in."""
        given = "".join(f"{name}='{value}'\n" for name, value in variables.items())
        return self.type_in(f"{given}{text}")

    def succeeds(self, text: str, **variables: str) -> bool:
        """Tell whether a block of commands succeeds."""
        try:
            self.type_with(text, **variables)
        except AssertionError:
            return False
        return True

    def start_server(self, name: str, folder: str = "data") -> str:
        """Start a server that is kept running at its address, and return that."""
        data_dir = self.scratch / folder
        data_dir.mkdir(mode=0o700, exist_ok=True)
        found: list[embedded.Server] = []

        def launch() -> children.Process:
            port = found[0].port if found else None
            if name == "valkey":
                password = found[0].password if found else None
                found.append(embedded.start_valkey(data_dir, port=port, password=password))
            else:
                found.append(embedded.start_postgres(data_dir, port=port))
            return found[-1].process

        self.parts[name] = Part(name, launch)
        self.parts[name].start()
        return found[0].url.replace("postgresql+psycopg2", "postgresql")

    def start_programs(self) -> None:
        """Start what the Procfile names, and wait until it is ready."""
        for command in ("migrate", "bootstrap"):
            self.type_in(f"python -m gateway {command}")
        for name, words in PROGRAMS.items():
            self.add(name, words)
        until(lambda: stacks.is_ready(self.port))

    def add(self, name: str, words: Sequence[str], **environ: str) -> None:
        """Start one more program; what it is told on top of the settings stays its own."""
        self.parts[name] = Part(name, self._launcher(name, words, environ))
        self.parts[name].start()

    def _launcher(
        self, name: str, words: Sequence[str], environ: Mapping[str, str]
    ) -> Callable[[], children.Process]:
        # gunicorn ends its own processes on SIGTERM; the others have none.
        dies_by = signal.SIGTERM if words == PROGRAMS["web"] else signal.SIGKILL

        def launch() -> children.Process:
            with self.log(name).open("ab") as log:
                return children.start(
                    [sys.executable, *words],
                    environ={**self.environ(), **environ},
                    death_signal=dies_by,
                    cwd=self.place,
                    output=log,
                )

        return launch

    def log(self, name: str) -> Path:
        """Return where a program writes what it says."""
        return self.scratch / f"{name}.log"

    def stop(self, *names: str) -> None:
        """Stop parts until `restart`, or all of them for good."""
        for name in names or tuple(reversed(self.parts)):
            part, steps = self.parts[name], _POSTGRES_STOP if "postgres" in name else _TERM
            if not names:
                part.stop(*steps)
                continue
            part.hold()
            part.send(steps[0][0])
            part.await_dead()

    def restart(self, *names: str) -> None:
        """Stop parts, if they run, and start them with what `settings` say now."""
        for name in names:
            starts = self.parts[name].starts
            self.stop(name)
            self.parts[name].release()
            self.parts[name].await_running(starts + 1)
        if "web" in names:
            until(lambda: stacks.is_ready(self.port))

    @contextlib.contextmanager
    def stopped(self, *names: str) -> Iterator[None]:
        """Keep parts down during a block; the block itself is to bring them back, or its end."""
        self.stop(*names)
        try:
            yield
        finally:
            for name in names:
                self.parts[name].release()
                self.parts[name].await_running()

    @contextlib.contextmanager
    def pool(self) -> Iterator[Pool]:
        """Lend connections to its database."""
        url = self.settings["DATABASE_URL"].replace("postgresql:", "postgresql+psycopg2:")
        pool = Pool(url, name="test", size=2, limit_seconds=30)
        yield pool
        pool.close()

    def post(
        self,
        members: Sequence[str | None],
        *,
        cohort: str,
        action: str = "add_members",
        path: str = DEFAULT,
        password: str = PASSWORD,
        port: int | None = None,
    ) -> int:
        """Post a sync of one page and return the status; None is a member without an id."""
        self.sessions += 1
        parameters = {
            "mixpanel_project_id": "1",
            "mixpanel_cohort_id": cohort,
            "mixpanel_session_id": f"session-{self.sessions}",
            "page_info": {"total_pages": 1, "page_count": 1},
            "members": [{"mixpanel_distinct_id": one} if one else {"no": "id"} for one in members],
        }
        body = json.dumps({"action": action, "parameters": parameters}).encode()
        login = requesting.login(password)
        client = requesting.plain(port or self.port)
        return requesting.send(client, "POST", path, body, login).status

    def cohort_id(self, external_id: str) -> str:
        """Return the id of a cohort, by what Mixpanel calls it; the newest if there are two."""
        found = self.ask(f"/v1/cohorts?external_id={external_id}")["cohorts"]
        return str(found[-1]["id"])

    def members(self, external_id: str) -> set[str]:
        """Return who is in a cohort."""
        path = f"/v1/cohorts/{self.cohort_id(external_id)}/members?limit=1000"
        return {str(one["member_id"]) for one in self.ask(path)["members"]}

    def ask(self, path: str) -> dict[str, list[dict[str, object]]]:
        """Ask the API."""
        found: dict[str, list[dict[str, object]]] = self.get(path, self.login()).json
        return found

    def login(self) -> dict[str, str]:
        """Return the header that the API asks for."""
        return {"Authorization": f"Bearer {API_KEY}"}

    def get(self, path: str, headers: Mapping[str, str] | None = None) -> Answer:
        """Get something."""
        return requesting.send(requesting.plain(self.port), "GET", path, headers=headers)

    def look(self) -> scrape.Scrape:
        """Scrape it."""
        return scrape.parse(self.get("/metrics").body.decode())

    def await_applied(self) -> None:
        """Wait until nothing is pending."""
        until(lambda: self.look().value("gateway_pending_pages") == 0)


@contextlib.contextmanager
def running(folder: Path) -> Iterator[Production]:
    """Start production in a folder, and stop it afterwards."""
    copy = Copy.make(folder, stacks.free_port())
    made = Production(place=copy.place, scratch=copy.scratch, port=copy.port)
    made.settings |= {
        "GATEWAY_BIND": "127.0.0.1",
        "GATEWAY_WEB_PROCESSES": "2",
        "GATEWAY_WEB_THREADS": "4",
        "GATEWAY_DISK_GIB": "50",
        "GATEWAY_WEBHOOK_USERNAME": USERNAME,
        "GATEWAY_WEBHOOK_PASSWORD": PASSWORD,
        "GATEWAY_API_KEY": API_KEY,
        "GATEWAY_LOG_FORMAT": "json",
    }
    try:
        made.settings["DATABASE_URL"] = made.start_server("postgres")
        made.settings["REDIS_URL"] = made.start_server("valkey")
        made.start_programs()
        yield made
    finally:
        made.stop()
