"""Notices are sent by the senders, which send everything else that leaves the gateway."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Final

from gateway import messenger
from gateway.core import moments
from gateway.core.health import processes
from gateway.flows.notices import send
from gateway.store.db.engine import Pool
from workers import runtime

if TYPE_CHECKING:
    import threading
    from collections.abc import Iterator, Sequence

    from workers.runtime import Runtime

LOOK_SECONDS: Final = 2.0
LIMIT_SECONDS: Final = 5.0
# How long the end of a process waits for a message that is under way.
LEAVE_SECONDS: Final = 10.0


@contextlib.contextmanager
def looking(made: Runtime, kinds: Sequence[str]) -> Iterator[None]:
    """Send notices in the background during the block, in a process of that kind."""
    if processes.SENDER not in kinds:
        yield
        return
    with runtime.beside(lambda ended: _look(made, ended), "notices", leave_seconds=LEAVE_SECONDS):
        yield


def _look(made: Runtime, ended: threading.Event) -> None:
    url = made.settings.require_database_url()
    pool = Pool(url, name="notices", size=1, limit_seconds=LIMIT_SECONDS)
    said = None
    while not ended.wait(LOOK_SECONDS):
        said = runtime.attempt(lambda: look(made, pool, ended), "notices.failed", said)
    pool.close()


def look(made: Runtime, pool: Pool, ended: threading.Event) -> int:
    """Send what is due; returns how many messages were taken."""
    channels = made.settings.notify
    return send.run(pool, channels, messenger.post, now=moments.now, is_ending=ended.is_set)
