"""Exporting: a whole cohort as it is at one moment, in constant memory."""

from __future__ import annotations

import contextlib
import functools
import threading
from typing import TYPE_CHECKING, Final, Self

from gateway import errors
from gateway.flows.cohorts import lookup, read_out
from gateway.flows.cohorts.lookup import Preconditions, Tagged
from gateway.store.cohorts import cohort_version, exports

if TYPE_CHECKING:
    import datetime
    from collections.abc import Callable
    from types import TracebackType

    from sqlalchemy import Connection

    from gateway.core.access.actor import Actor
    from gateway.flows.cohorts.read_routing import ReadRouter
    from gateway.store.db.engine import Pool

    Copy = Callable[[Connection, int, Callable[[bytes], object]], None]

# A reader of a large cohort may be slow; one that is slower holds back vacuum for too long.
LIMIT_SECONDS: Final = 900.0

RETRY_SECONDS: Final = 10


def record(pool: Pool, actor: Actor, cohort_id: int, form: str, *, now: datetime.datetime) -> None:
    """Note in the audit log that a whole cohort is being read out."""
    read_out.note(pool, actor, "cohort.exported", cohort_id, now=now, format=form)


class Exporter:
    """Opens exports, no more than `at_once` at a time: each one keeps a thread and a connection."""

    def __init__(self, readers: ReadRouter, *, at_once: int) -> None:
        self._readers = readers
        self._free = threading.BoundedSemaphore(at_once)

    def ndjson(self, cohort_id: int, asker: Preconditions = lookup.UNCONDITIONAL) -> Tagged[Export]:
        """Open a cohort to be sent as JSON lines, unless the asker holds what would be sent.

        Raises errors.NotFound, errors.Unavailable, and errors.RateLimited while too many are open.
        """
        return self._open(cohort_id, asker, "ndjson", exports.ndjson)

    def csv(self, cohort_id: int, asker: Preconditions = lookup.UNCONDITIONAL) -> Tagged[Export]:
        """Open a cohort to be sent as CSV. As `ndjson` does."""
        return self._open(cohort_id, asker, "csv", exports.csv)

    def _open(self, cohort_id: int, asker: Preconditions, form: str, copy: Copy) -> Tagged[Export]:
        if not self._free.acquire(blocking=False):
            message = "as many cohorts are being streamed as may be at once; try again later"
            raise errors.RateLimited(message, retry_after_seconds=RETRY_SECONDS)

        def attempt(pool: Pool) -> Tagged[Export]:
            with contextlib.ExitStack() as begun:
                conn = begun.enter_context(pool.begin(limit_seconds=LIMIT_SECONDS))
                exports.begin(conn, limit_seconds=LIMIT_SECONDS)
                self._readers.require(pool, conn, cohort_id, asker.min_seq)
                version = cohort_version.get(conn, cohort_id)
                if version is None:
                    raise errors.NotFound(lookup.NO_COHORT)
                tag = lookup.tag_of(form, cohort_id, version.members)
                if asker.held.has(tag):
                    return Tagged(tag=tag, answer=None)
                send = functools.partial(copy, conn, cohort_id)
                opening.push(begun.pop_all())
                last_seq = cohort_version.last_change(conn, cohort_id) or 0
                export = Export(send, opening.pop_all(), last_seq=last_seq)
                return Tagged(tag=tag, answer=export)

        with contextlib.ExitStack() as opening:
            opening.callback(self._free.release)
            return self._readers.choose(attempt)


class Export:
    """An open view of a cohort; it is a context manager, and closed when that ends."""

    def __init__(
        self,
        send: Callable[[Callable[[bytes], object]], None],
        opened: contextlib.ExitStack,
        *,
        last_seq: int,
    ) -> None:
        self._send = send
        self._opened = opened
        self.last_seq = last_seq
        """The newest change that the export includes; following changes goes on after it."""

    def __enter__(self) -> Self:
        """Return itself; it is open already."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        raised: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Roll back what was raised in between, and give the connection back."""
        self._opened.__exit__(kind, raised, traceback)

    def send(self, write: Callable[[bytes], object]) -> None:
        """Write all of it, in chunks of whole lines. Raises what `write` raises."""
        self._send(write)

    def close(self) -> None:
        """Close it if it was never entered."""
        self._opened.close()
