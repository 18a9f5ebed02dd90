"""Plans: what is written of a cohort that no statistics know costs what is written, on any server.

PostgreSQL itself counts the rows it looks at, so nothing here hangs on how it words a plan.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text

from gateway.core.cohorts import batch, member_rows
from gateway.store.cohorts import delta, diffs, staging
from gateway.store.cohorts.delta import WriteContext
from tests.model.desk import START
from tests.model.sender import ADD

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlalchemy import Connection

    from gateway.store.db.engine import Pool
    from tests.model.desk import Desk

PRESENT = 20_000
ASKED = 200
REST = b"\t\\N" * (len(member_rows.COLUMNS) - 1)


@pytest.fixture
def grown(desk: Desk, pool: Pool) -> Iterator[int]:
    """Let a cohort grow after the newest statistics; half of it are tombstones."""
    cohort_id = desk.send(ADD, "s", "").cohort_id
    with pool.begin() as conn:
        conn.execute(text("ALTER TABLE memberships SET (autovacuum_enabled = false)"))
        conn.execute(_OTHERS)
        conn.execute(text("ANALYZE memberships"))
        conn.execute(_GROW, {"cohort_id": cohort_id, "members": PRESENT})
    yield cohort_id
    with pool.begin() as conn:
        conn.execute(text("ALTER TABLE memberships RESET (autovacuum_enabled)"))


def test_add__of_known_people__looks_at_no_others(grown: int, pool: Pool) -> None:
    with pool.begin() as conn:
        before = looked_at(conn)
        written = diffs.add(conn, touch(grown), people(range(ASKED)), last_change=0)
        assert (written.entered, written.kept) == (ASKED // 2, ASKED // 2)
        assert looked_at(conn) - before < 10 * ASKED
        conn.rollback()


def test_add__of_strangers__looks_at_nobody(grown: int, pool: Pool) -> None:
    with pool.begin() as conn:
        before = looked_at(conn)
        crowd = people(range(PRESENT, PRESENT + ASKED))
        written = diffs.add(conn, touch(grown), crowd, last_change=0)
        assert written.entered == ASKED
        assert looked_at(conn) == before
        conn.rollback()


def test_remove__of_members_and_tombstones__looks_at_no_others(grown: int, pool: Pool) -> None:
    with pool.begin() as conn:
        before = looked_at(conn)
        written = diffs.remove(conn, touch(grown), people(range(ASKED)), last_change=0)
        assert written.exited == ASKED // 2
        assert looked_at(conn) - before < 10 * ASKED
        assert conn.execute(_TOUCHED).scalar_one() == ASKED
        conn.rollback()


def test_replace__when_few_leave__looks_once_at_everybody(grown: int, pool: Pool) -> None:
    with pool.begin() as conn:
        before = looked_at(conn)
        staging.copy(conn, staging.lines(list(people(range(1, PRESENT - ASKED, 2)).values())))
        written = delta.replace(conn, touch(grown), last_change=0)
        assert (written.entered, written.exited) == (0, ASKED // 2)
        assert looked_at(conn) - before < 1.5 * PRESENT
        assert conn.execute(_COUNT).scalar_one() == (PRESENT - ASKED) // 2
        conn.rollback()


def touch(cohort_id: int) -> WriteContext:
    return WriteContext(cohort_id=cohort_id, session=7, floor=0, at=START)


def people(numbers: Sequence[int]) -> dict[str, bytes]:
    return batch.merge([b"".join(b"x%d%b\n" % (number, REST) for number in numbers)])


def looked_at(conn: Connection) -> int:
    """Count the rows of memberships that this connection has been through so far."""
    found: int = conn.execute(_LOOKED_AT).scalar_one()
    return found


_OTHERS = text("""
    INSERT INTO memberships (cohort_id, member_id, session, entered_at)
    SELECT -k, 'x' || n, 1, CAST('2026-01-01T00:00:00Z' AS timestamptz)
    FROM generate_series(1, 50) k, generate_series(1, 100) n
""")

# Odd ones are members.
_GROW = text("""
    INSERT INTO memberships (cohort_id, member_id, session, entered_at)
    SELECT :cohort_id, 'x' || n, 1,
           CASE WHEN n % 2 = 1 THEN CAST('2026-01-01T00:00:00Z' AS timestamptz) END
    FROM generate_series(0, :members - 1) n
""")

_TOUCHED = text("SELECT count(*) FROM memberships WHERE session = 7")

_COUNT = text("SELECT count(*) FROM memberships WHERE cohort_id > 0")

_LOOKED_AT = text("""
    SELECT seq_tup_read + coalesce(idx_tup_fetch, 0) FROM pg_stat_xact_user_tables
    WHERE relname = 'memberships'
""")
