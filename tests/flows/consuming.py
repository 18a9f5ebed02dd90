"""Consumers of the feed over all cohorts, and what the database says beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import text

from gateway.flows.cohorts import feed
from gateway.store.cohorts import feed as feed_rows
from tests.model.sender import ADD

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gateway.store.db.engine import Pool
    from tests.model.desk import Desk

Change = tuple[str, int, str, str | None]
ALL = 1000


class Consumer:
    """Follows the feed from its start, and keeps what it is told."""

    def __init__(self, pool: Pool, *, source: str | None = None) -> None:
        self.pool, self.source = pool, source
        self.place: feed.Place | None = None
        self.told: list[Change] = []

    def step(self, limit: int = ALL) -> list[Change]:
        """Read on once."""
        part = feed.read(self.pool, after=self.place, source=self.source, limit=limit)
        self.place = part.place
        assert len(part.changes) <= limit
        found = [(one.cohort_id, one.seq, one.change, one.member_id) for one in part.changes]
        self.told += found
        return found

    def run(self, limit: int = ALL) -> list[Change]:
        """Read on to the end."""
        return [change for part in iter(lambda: self.step(limit), []) for change in part]


def catch_up(consumers: Iterable[Consumer]) -> None:
    """Read on to the end: one may have found nothing while another numbered the last changes."""
    for consumer in consumers:
        consumer.run()


def add(desk: Desk, cohort: str, members: str) -> str:
    """Let people enter a cohort by a session of their own; returns its id."""
    receipt = desk.send(ADD, f"{cohort}-{members}-{desk.clock()}", members, cohort=cohort)
    desk.settle(receipt)
    return str(receipt.cohort_id)


def kept(pool: Pool) -> dict[str, list[Change]]:
    """List what is kept of the changes of each cohort."""
    found = dict[str, list[Change]]()
    with pool.read() as conn:
        for row in conn.execute(_KEPT):
            cohort_id = str(row.cohort_id)
            found.setdefault(cohort_id, []).append((cohort_id, *row[1:]))
    return found


def by_cohort(told: list[Change]) -> dict[str, list[Change]]:
    found = dict[str, list[Change]]()
    for change in told:
        found.setdefault(change[0], []).append(change)
    return found


def positions(pool: Pool) -> int:
    with pool.read() as conn:
        return feed_rows.state(conn).position


_KEPT = text("""
    SELECT cohort_id, first_seq + place - 1 AS seq, kind, member_id
    FROM changes, unnest(member_ids) WITH ORDINALITY AS u (member_id, place)
    ORDER BY cohort_id, seq
""")
