"""The sender: it looks for sync jobs that are due, and works on them; no ring is needed."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Final

from gateway import outbound
from gateway.core.health import processes
from gateway.flows.syncs import pacing, setup
from gateway.flows.syncs.sender import AT_ONCE, Sender
from gateway.store.db.engine import Pool
from workers import runtime

if TYPE_CHECKING:
    import threading
    from collections.abc import Iterator, Sequence

    from workers.runtime import Runtime

LOOK_SECONDS: Final = 0.5
# A comparison of a large cohort is one statement.
LIMIT_SECONDS: Final = 900.0
BEAT_LIMIT_SECONDS: Final = 5.0
# Jobs at once, each with as many requests under way as its destination usually takes.
CONNECTIONS: Final = 4 * AT_ONCE
# How long the end of a process waits for requests that are under way.
LEAVE_SECONDS: Final = 10.0
LIMITS: Final = outbound.Limits(connections=CONNECTIONS)


@contextlib.contextmanager
def looking(made: Runtime, kinds: Sequence[str]) -> Iterator[None]:
    """Look for sync jobs in the background during the block, in a process of that kind."""
    if processes.SENDER not in kinds:
        yield
        return
    with runtime.beside(lambda ended: _look(made, ended), "sender", leave_seconds=LEAVE_SECONDS):
        yield


def _look(made: Runtime, ended: threading.Event) -> None:
    with setup.client(made.settings, LIMITS) as client:
        sender = make_sender(made, client)
        said = None
        while not ended.wait(LOOK_SECONDS):
            said = look(made, sender, said)
        sender.close()


def make_sender(made: Runtime, client: outbound.Client) -> Sender:
    """Wire what looks for jobs that are due."""
    url = made.settings.require_database_url()
    return Sender(
        Pool(url, name="send", size=CONNECTIONS, limit_seconds=LIMIT_SECONDS),
        Pool(url, name="lease", size=AT_ONCE, limit_seconds=BEAT_LIMIT_SECONDS),
        setup.of_settings(made.settings, client),
        holder=made.name,
        suppress=made.settings.suppress,
        pace=pacing.of_redis(made.settings.require_redis_url()),
    )


def look(made: Runtime, sender: Sender, said: str | None = None) -> str | None:
    """Look once; what fails is tried again by the next look. Returns why it failed."""

    def work() -> None:
        with made.duty.at_work():
            sender.look()

    reason = runtime.attempt(work, "send.failed", said)
    if reason is not None:
        made.duty.hinder(f"its last look for sync jobs failed: {reason}")
    return reason
