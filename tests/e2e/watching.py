"""How tests look at a whole gateway as its operators do, and what they plant in it."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from tests import stack as stacks
from tests.http import scrape
from tests.http.scrape import Scrape
from tests.stack import Answer, Stack

# Planted in everything that belongs to people, and in secrets; nowhere else does it occur.
PERSON = "zqxcanary"
SECRET = "zqxsecret"

USER, PASSWORD, KEY = f"{SECRET}-user", f"{SECRET}-password", f"{SECRET}-key"

SOMEBODY = {
    "mixpanel_distinct_id": f"{PERSON}-id",
    "$distinct_id": f"{PERSON}-distinct",
    "email": f"{PERSON}@example.com",
    "first_name": f"{PERSON}-first",
    "last_name": f"{PERSON}-last",
    "phone_number": f"+1{PERSON}",
    f"{PERSON}-key": f"{PERSON}-value",
}


def await_workers(gateway: Stack, started: int) -> None:
    """Wait until so many workers, which apply pages, have been started since the beginning."""
    stacks.until(lambda: _workers_started(gateway) == started)


def _workers_started(gateway: Stack) -> int:
    said = [line for line in gateway.said().splitlines() if '"worker.started"' in line]
    return sum('"kinds":["worker"]' in line for line in said)


def post(
    gateway: Stack, cohort: str, session: str, members: list[object], *, action: str = "add_members"
) -> int:
    """Send a page and return the status of the answer."""
    parameters = {
        "mixpanel_project_id": "1",
        "mixpanel_cohort_id": cohort,
        "mixpanel_cohort_name": f"{PERSON}-name",
        "mixpanel_cohort_description": f"{PERSON}-description",
        "mixpanel_session_id": session,
        "page_info": {"total_pages": 1, "page_count": 1},
        "members": members,
    }
    return send(gateway, {"action": action, "parameters": parameters})


def send(gateway: Stack, body: object, headers: Mapping[str, str] | None = None) -> int:
    """Post anything as the source's sender and return the status of the answer."""
    return gateway.post(body, auth=(USER, PASSWORD), headers=headers).status


def send_raw(gateway: Stack, *parts: str) -> None:
    """Send what no HTTP client would, and wait for the end of the answer."""
    with gateway.connect() as connection:
        connection.sendall("".join(parts).encode())
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(65536):
            pass


def ask(gateway: Stack, method: str, path: str, body: bytes | None = None) -> Answer:
    """Call the query API with the key of all scopes."""
    return gateway.call(method, path, body, {"Authorization": f"Bearer {KEY}"})


def look(gateway: Stack) -> Scrape:
    """Scrape it."""
    answer = gateway.call("GET", "/metrics")
    assert answer.status == 200
    return scrape.parse(answer.body.decode())


def look_until(gateway: Stack, done: Callable[[Scrape], bool]) -> Scrape:
    """Scrape until something is so."""
    pages = [look(gateway)]

    def is_done() -> bool:
        pages.append(look(gateway))
        return done(pages[-1])

    stacks.until(is_done)
    return pages[-1]


def await_applied(gateway: Stack) -> None:
    """Wait until nothing is pending."""
    look_until(gateway, lambda page: page.value("gateway_pending_pages") == 0)


def children(pid: int) -> dict[int, str]:
    """Return the command lines of a process's children, by process id."""
    found = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    commands = {int(one): Path(f"/proc/{one}/cmdline").read_bytes().decode() for one in found}
    return {one: command.replace("\0", " ").strip() for one, command in commands.items()}


def pid_of(gateway: Stack, words: str) -> int:
    """Return the process id of a part of the gateway whose command line ends so."""
    parts = children(gateway.process.pid)
    return next(pid for pid, command in parts.items() if command.endswith(words))


@contextlib.contextmanager
def frozen(pids: list[int]) -> Iterator[None]:
    """Stop processes as a machine that hangs does."""
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)
