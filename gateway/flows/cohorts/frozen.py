"""Freezing: a load that reads the members of another cohort, as they were after one change."""

from __future__ import annotations

import dataclasses
import re
from typing import TYPE_CHECKING, Any, Final

from gateway import errors
from gateway.core.cohorts.load import Mode, State, Trigger, load_id
from gateway.errors import Fault
from gateway.flows.cohorts import load, lookup
from gateway.flows.cohorts.retention import HISTORY_KEPT
from gateway.store.cohorts import accept, histories, receipts
from gateway.store.db import leases, timeouts

if TYPE_CHECKING:
    import datetime
    from collections.abc import Callable, Mapping

    from sqlalchemy import Connection

    from gateway.core.access.actor import Actor
    from gateway.core.cohorts.load import Load
    from gateway.core.cohorts.receipt import Receipt
    from gateway.store.db.engine import Pool

# In the options of a load.
OPTION: Final = "freeze"

PAGE_BYTES: Final = 4 << 20
PAGE_MEMBERS: Final = 10_000
# For one comparison of a cohort of ten million with its changes.
LIMIT_SECONDS: Final = 900.0

# COPY writes three control characters so; our lines have them as they are.
_ESCAPED: Final = re.compile(rb"\\(.)", re.DOTALL)
_CONTROLS: Final = {b"b": b"\b", b"f": b"\f", b"v": b"\v"}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Moment:
    """The cohort to read, and the change after which its members are meant."""

    cohort_id: int
    through: int

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> Moment | None:
        """Read the options of a load; None for one that reads something else."""
        kept = options.get(OPTION)
        return None if kept is None else cls(**kept)


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Members:
    """A page of a frozen cohort: all of its lines are members."""

    roster: bytes
    usable: int
    skipped: Mapping[str, int] = dataclasses.field(default_factory=dict)

    @property
    def received(self) -> int:
        return self.usable


def moment(
    conn: Connection, cohort_id: int, at: datetime.datetime | None, *, now: datetime.datetime
) -> Moment:
    """Find the change that a moment is after, the newest without one.

    Raises errors.NotFound, errors.Invalid for the future, and errors.Gone if what came after the
    moment is not kept.
    """
    kept = histories.kept(conn, cohort_id)
    if kept is None:
        raise errors.NotFound(lookup.NO_COHORT)
    if at is None:
        return Moment(cohort_id=cohort_id, through=kept.last_seq)
    if at > now:
        raise errors.Invalid([Fault("at", "is in the future; leave it out for now")])
    if not kept.reaches(at, pruned_before=now - HISTORY_KEPT):
        message = "changes that were made after that moment are not kept any more"
        raise errors.Gone(message, oldest_seq=kept.oldest_seq)
    through = histories.last_before(conn, cohort_id, at)
    return Moment(cohort_id=cohort_id, through=max(through, kept.oldest_seq - 1))


def queue(
    conn: Connection, cohort_id: int, source: Moment, *, actor: Actor, now: datetime.datetime
) -> Receipt:
    """Queue the load of a list that was made in this transaction."""
    counters = accept.counters(conn, cohort_id)
    assert counters is not None, "it was made in this transaction"  # noqa: S101
    one = load.take_place(conn, cohort_id, counters, Mode.REPLACE, State.QUEUED, now=now)
    asked = receipts.Asked(
        trigger=Trigger.REQUEST,
        review=False,
        upload=None,
        options={OPTION: dataclasses.asdict(source)},
        file=None,
        requested_by=actor.name,
    )
    receipts.describe(conn, one, asked)
    leases.offer(conn, "load", load_id(cohort_id, one.number))
    found = receipts.get(conn, cohort_id, one.number)
    assert found is not None, "it was described in this transaction"  # noqa: S101
    return found


def read(
    pool: Pool,
    one: Load,
    source: Moment,
    *,
    check: Callable[[], None],
    now: Callable[[], datetime.datetime],
) -> int:
    """Read the members into pages of a load, and return how many pages those are.

    `check` is called before each page, and may raise. Raises errors.Conflict if another process
    reads the load or it has ended, and errors.Unavailable.
    """
    pages = _Pages(pool, one, check, now)
    with pool.begin(limit_seconds=LIMIT_SECONDS) as conn:
        histories.begin(conn)
        timeouts.allow(conn, statement_seconds=LIMIT_SECONDS, lock_seconds=LIMIT_SECONDS)
        histories.copy_members(conn, source.cohort_id, source.through, pages.write)
        pages.flush()
    return pages.count


class _Pages:
    """Lines as they come, staged page by page."""

    def __init__(
        self,
        pool: Pool,
        one: Load,
        check: Callable[[], None],
        now: Callable[[], datetime.datetime],
    ) -> None:
        self.count = 0
        self._pool = pool
        self._load = one
        self._check = check
        self._now = now
        self._lines: list[bytes] = []
        self._bytes = 0

    def write(self, line: bytes) -> None:
        self._lines.append(_ours(line))
        self._bytes += len(line)
        if self._bytes >= PAGE_BYTES or len(self._lines) >= PAGE_MEMBERS:
            self.flush()

    def flush(self) -> None:
        if not self._lines:
            return
        self._check()
        self.count += 1
        members = _Members(roster=b"".join(self._lines), usable=len(self._lines))
        load.add(self._pool, self._load, self.count, members, now=self._now())
        self._lines, self._bytes = [], 0


def _ours(line: bytes) -> bytes:
    """Write a line as `member_rows` does."""
    return _ESCAPED.sub(lambda found: _CONTROLS.get(found[1], found[0]), line)
