"""Readers: where query calls are answered from, a replica that keeps up or else the primary."""

from __future__ import annotations

import collections
import math
import threading
import time
from typing import TYPE_CHECKING, Final, TypeVar

import structlog

from gateway import errors
from gateway.store.cohorts import cohort_version, epochs
from gateway.store.db import replication

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Connection

    from gateway.store.db.engine import Pool
    from gateway.store.db.replication import Position

# A replica that lacks what was committed longer ago than this is not used.
MOST_BEHIND_SECONDS: Final = 5.0
# How often it is looked at, and how often while it does not answer.
LOOK_SECONDS: Final = 1.0
PAUSE_SECONDS: Final = 5.0
# How long a look waits for a server that is frozen.
PATIENCE_SECONDS: Final = 1.0
# An older look says nothing, however good it was.
BELIEVED_SECONDS: Final = 3.0
# After so long no process can show what was true before.
SETTLED_SECONDS: Final = MOST_BEHIND_SECONDS + BELIEVED_SECONDS

_POLL_SECONDS: Final = 0.02
_MARKS: Final = 64

T = TypeVar("T")

_log = structlog.get_logger()


class ReplicaLag(errors.Unavailable):
    """The changes of a cohort have not come to the seq that was asked for."""


class ReadRouter:
    """The primary, and perhaps a replica of it that takes the reads off it.

    Once a second a read looks first how far both are. All times are of this process's
    clock: the replica shows what was committed when the primary's log ended where the replica is
    now. Whatever the replica cannot do is asked of the primary.
    """

    def __init__(
        self,
        primary: Pool,
        replica: Pool | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._primary = primary
        self._replica = replica
        self._clock = clock
        self._looking = threading.Lock()
        self._look_at = -math.inf
        self._good_until = -math.inf
        # When the primary's log ended where, as far as the replica has not come to it.
        self._marks: collections.deque[tuple[float, Position]] = collections.deque(maxlen=_MARKS)
        self._shown_until = -math.inf
        self._was_used = False

    def ask(self, look: Callable[[Connection], T]) -> T:
        """Read on a connection in autocommit; `look` is called anew if the replica fails."""

        def attempt(pool: Pool) -> T:
            with pool.read() as conn:
                return look(conn)

        return self.choose(attempt)

    def ask_about(
        self, cohort_id: int, look: Callable[[Connection], T], *, min_seq: int, after: int = 0
    ) -> T:
        """Read, as `ask` does, where a cohort's changes have come to `min_seq` and to `after`.

        Raises errors.Unavailable if they have not come to `min_seq`, on the primary neither, and
        errors.Ahead if the primary has not come to `after`.
        """
        if not min_seq and not after:
            return self.ask(look)

        def attempt(pool: Pool) -> T:
            with pool.read() as conn:
                self.require(pool, conn, cohort_id, min_seq, after=after)
                return look(conn)

        return self.choose(attempt)

    def choose(self, attempt: Callable[[Pool], T]) -> T:
        """Try something with the replica if it keeps up, and with the primary if that fails."""
        if self._replica is not None and self._keeps_up(self._replica):
            try:
                return attempt(self._replica)
            except ReplicaLag:
                pass
            except (errors.Unavailable, errors.InternalError):
                self._look_at = -math.inf
        return attempt(self._primary)

    def require(
        self, pool: Pool, conn: Connection, cohort_id: int, min_seq: int, *, after: int = 0
    ) -> None:
        """Raise Behind unless a cohort's changes have come so far on a pool's connection.

        On the primary, raise errors.Ahead if they have not come to `after`.
        """
        wanted = max(min_seq, after)
        found = cohort_version.last_change(conn, cohort_id) if wanted else 0
        if found is None and pool is self._primary:
            return  # there is no such cohort, and reading it will say so
        if found is not None and found < after and pool is self._primary:
            message = f"after: the newest change of this cohort is {found}; list the members anew"
            raise errors.Ahead(message, last_seq=found, epoch=epochs.get(conn))
        if found is None or found < wanted:
            message = f"the changes of this cohort have not come to seq {wanted} yet"
            raise ReplicaLag(message, retry_after_seconds=1)

    def settle(self) -> None:
        """Wait until no process shows less than the primary shows now.

        That is when the replica has it, or when everybody has left the replica for lacking it.
        """
        if self._replica is None:
            return
        with self._primary.begin() as conn:
            replication.flush(conn)
        with self._primary.read() as conn:
            goal = replication.position(conn)
        until = self._clock() + SETTLED_SECONDS
        while self._clock() < until:
            here = _position(self._replica)
            if here is not None and here.shows(goal):
                return
            time.sleep(_POLL_SECONDS)

    def _keeps_up(self, replica: Pool) -> bool:
        if self._clock() >= self._look_at and self._looking.acquire(blocking=False):
            try:
                self._look(replica)
            finally:
                self._looking.release()
        return self._clock() < self._good_until

    def _look(self, replica: Pool) -> None:
        began = self._clock()
        goal = _position(self._primary)
        here = None if goal is None else _position(replica)
        if goal is not None and here is not None:
            self._marks.append((began, goal))
            while self._marks and here.shows(self._marks[0][1]):
                self._shown_until, _ = self._marks.popleft()
        used = here is not None and began - self._shown_until <= MOST_BEHIND_SECONDS
        self._good_until = began + BELIEVED_SECONDS if used else -math.inf
        self._look_at = began + (PAUSE_SECONDS if here is None else LOOK_SECONDS)
        if used != self._was_used:
            self._was_used = used
            _log.info("replica.joined") if used else _log.warning("replica.left")


def _position(pool: Pool) -> Position | None:
    """Read where a server is; None if it does not say so in time."""
    try:
        with pool.read(limit_seconds=PATIENCE_SECONDS) as conn:
            return replication.position(conn)
    except errors.GatewayError:
        return None
