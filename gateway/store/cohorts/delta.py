"""The delta: how staged members differ from the cohort, found once and then written.

Each staged or present member gets a kind, and a member that need not change gets no row:

new     not known here         becomes a member
back    a tombstone            becomes a member again
kept    a member               its profile, or the session to remember, is written
gone    a member               leaves
out     a tombstone            the session to remember is written
absent  not known here         a tombstone is left
stale   a tombstone            is not needed any more
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Final, TypeAlias

from sqlalchemy import text

from gateway.store.cohorts import changes, staging
from gateway.store.db import plans

if TYPE_CHECKING:
    import datetime
    from collections.abc import Mapping, Sequence

    from sqlalchemy import Connection
    from sqlalchemy.sql.elements import TextClause

# Of differences, by kind.
Counts: TypeAlias = "Mapping[str, int]"

ENTERING: Final = ("new", "back")
LEAVING: Final = ("gone",)


@dataclasses.dataclass(frozen=True, kw_only=True)
class WriteContext:
    """What changes a cohort, and when: the session of the pages, the cohort's floor, the time."""

    cohort_id: int
    session: int
    floor: int
    at: datetime.datetime


@dataclasses.dataclass(frozen=True, kw_only=True)
class Written:
    """How many became members, stopped being one, and stayed one but were written anew."""

    entered: int
    exited: int
    kept: int = 0


def add(conn: Connection, touch: WriteContext, *, last_change: int) -> Written:
    """Make the staged people, all known, members where no newer session has spoken."""
    conn.execute(_FIND_ADDED, _finding(touch))
    counts = _counts(conn)
    _rewrite(conn, touch, counts)
    return record(conn, touch, counts, last_change=last_change)


def remove(conn: Connection, touch: WriteContext) -> None:
    """Leave tombstones for the staged people; none of them is a member to be removed."""
    conn.execute(_FIND_REMOVED, _finding(touch))
    write_tombstones(conn, touch, _counts(conn))


def write_tombstones(conn: Connection, touch: WriteContext, counts: Counts) -> None:
    """Leave the tombstones that were found to be missing or older."""
    if counts.get("out", 0):
        parameters = {"cohort_id": touch.cohort_id, "session": touch.session}
        plans.run_by_place(conn, _RENEW_TOMBSTONES, parameters)
    if counts.get("absent", 0):
        conn.execute(_INSERT_TOMBSTONES, {"session": touch.session})


def replace(
    conn: Connection, touch: WriteContext, *, last_change: int, spared: Sequence[str] = ()
) -> Written:
    """Make the cohort exactly the staged people, except those that newer sessions have touched.

    The `spared` stay what they are.
    """
    counts = find_replaced(conn, touch, spared=spared)
    return write_replaced(conn, touch, counts, last_change=last_change)


def find_replaced(
    conn: Connection, touch: WriteContext, *, spared: Sequence[str] = (), bare: bool = False
) -> Counts:
    """Find how the cohort differs from the staged people, and count the differences by kind.

    The profiles of members differ from nothing that is `bare`.
    """
    counts = find_whole(conn, touch, _FIND_REPLACED_BARE if bare else _FIND_REPLACED)
    if not spared:
        return counts
    conn.execute(_SPARE, {"member_ids": list(spared)})
    return _counts(conn)


def find_whole(conn: Connection, touch: WriteContext, statement: TextClause) -> Counts:
    """Run a statement that compares all that is staged, however much that is."""
    staging.analyze(conn)
    conn.execute(_MORE_MEMORY)
    conn.execute(statement, _finding(touch))
    return _counts(conn)


def write_replaced(
    conn: Connection, touch: WriteContext, counts: Counts, *, last_change: int
) -> Written:
    """Write the differences that were found; a member that is gone leaves nothing behind."""
    if counts.get("gone", 0) + counts.get("stale", 0):
        plans.run_by_place(conn, _DELETE, {"cohort_id": touch.cohort_id})
    _insert_new(conn, touch, counts)
    _rewrite(conn, touch, counts)
    return record(conn, touch, counts, last_change=last_change)


def _finding(touch: WriteContext) -> dict[str, int]:
    return {"cohort_id": touch.cohort_id, "session": touch.session, "floor": touch.floor}


def _counts(conn: Connection) -> Counts:
    return {row.kind: row.members for row in conn.execute(_COUNT)}


def _insert_new(conn: Connection, touch: WriteContext, counts: Counts) -> None:
    if counts.get("new", 0):
        conn.execute(_INSERT_NEW, {"session": touch.session, "at": touch.at})


def _rewrite(conn: Connection, touch: WriteContext, counts: Counts) -> None:
    if counts.get("back", 0) + counts.get("kept", 0):
        conn.execute(_REWRITE, {"session": touch.session, "at": touch.at})


def record(conn: Connection, touch: WriteContext, counts: Counts, *, last_change: int) -> Written:
    """Write the transitions, exits before entries."""
    done = written(counts)
    _write_changes(conn, touch, "exited", LEAVING, done.exited, base=last_change)
    _write_changes(conn, touch, "entered", ENTERING, done.entered, base=last_change + done.exited)
    return done


def written(counts: Counts) -> Written:
    """Say what differences come to once they are written."""
    return Written(
        entered=sum(counts.get(kind, 0) for kind in ENTERING),
        exited=sum(counts.get(kind, 0) for kind in LEAVING),
        kept=counts.get("kept", 0),
    )


def _write_changes(
    conn: Connection,
    touch: WriteContext,
    change: str,
    kinds: Sequence[str],
    count: int,
    *,
    base: int,
) -> None:
    if not count:
        return
    conn.execute(
        _WRITE_CHANGES,
        {
            "change": change,
            "kinds": list(kinds),
            "base": base,
            "at": touch.at,
            "session": touch.session,
            "people_a_row": changes.PEOPLE_A_ROW,
        },
    )


PROFILE = "distinct_id, email, first_name, last_name, phone, properties"

DIFFERS = """
    (m.distinct_id, m.email, m.first_name, m.last_name, m.phone, m.properties)
    IS DISTINCT FROM
    (s.distinct_id, s.email, s.first_name, s.last_name, s.phone, s.properties)
"""

# A LATERAL with LIMIT is a probe of the primary key whatever the statistics say; a new cohort is
# unknown to them, and a join might scan all of it for each page. The same goes for a condition with
# an array: PostgreSQL 15 and 16 may take it for a filter, and pass the whole cohort through it.
# What was found is written by its place.
MET = """
    LEFT JOIN LATERAL (
        SELECT p.*, p.ctid AS place FROM memberships p
        WHERE p.cohort_id = :cohort_id AND p.member_id = s.member_id LIMIT 1
    ) m ON true
"""

_PROBED = " FROM staging s" + MET

# A staged member without `properties` is an id alone, and leaves the profile of a member as it is.
_FIND_ADDED = text(
    "INSERT INTO differences (cohort_id, kind, member_id, " + PROFILE + ")"
    """
    SELECT CAST(:cohort_id AS bigint),
           CASE WHEN m.entered_at IS NULL THEN 'back' ELSE 'kept' END,
           s.member_id, p.distinct_id, p.email, p.first_name, p.last_name, p.phone, p.properties"""
    + _PROBED
    + """
    CROSS JOIN LATERAL (
        SELECT m.distinct_id, m.email, m.first_name, m.last_name, m.phone, m.properties
        WHERE s.properties IS NULL AND m.entered_at IS NOT NULL
        UNION ALL
        SELECT s.distinct_id, s.email, s.first_name, s.last_name, s.phone,
               coalesce(s.properties, '{}')
        WHERE s.properties IS NOT NULL OR m.entered_at IS NULL) p
    WHERE m.session <= :session
      AND (m.entered_at IS NULL
           OR greatest(m.session, :floor) < :session
           OR s.properties IS NOT NULL AND """
    + DIFFERS
    + ")"
)

# An unknown id has no session, and `greatest` goes by the floor alone.
_FIND_REMOVED = text(
    """
    INSERT INTO differences (cohort_id, kind, place, member_id)
    SELECT CAST(:cohort_id AS bigint),
           CASE WHEN m.member_id IS NULL THEN 'absent' ELSE 'out' END,
           m.place, s.member_id"""
    + _PROBED
    + "WHERE greatest(m.session, :floor) < :session"
)

_REPLACED = (
    "INSERT INTO differences (cohort_id, kind, place, member_id, " + PROFILE + ")"
    """
    SELECT CAST(:cohort_id AS bigint),
           CASE WHEN m.member_id IS NULL THEN 'new'
                WHEN s.member_id IS NULL AND m.entered_at IS NULL THEN 'stale'
                WHEN s.member_id IS NULL THEN 'gone'
                WHEN m.entered_at IS NULL THEN 'back' ELSE 'kept' END,
           m.place, coalesce(s.member_id, m.member_id),
           s.distinct_id, s.email, s.first_name, s.last_name, s.phone, s.properties
    FROM ("""
    + staging.LATEST
    + """) s
    FULL JOIN (SELECT *, ctid AS place FROM memberships WHERE cohort_id = :cohort_id) m
        ON m.member_id = s.member_id
    WHERE m.member_id IS NULL
       OR (m.session <= :session
           AND (s.member_id IS NULL OR m.entered_at IS NULL"""
)

_FIND_REPLACED = text(_REPLACED + " OR " + DIFFERS + "))")

_FIND_REPLACED_BARE = text(_REPLACED + "))")

_SPARE = text("DELETE FROM differences WHERE member_id = ANY(:member_ids)")

_COUNT = text("SELECT kind, count(*) AS members FROM differences GROUP BY kind")

_INSERT_NEW = text(
    "INSERT INTO memberships (cohort_id, member_id, session, entered_at, " + PROFILE + ")"
    " SELECT cohort_id, member_id, :session, :at, " + PROFILE + " FROM differences"
    " WHERE kind = 'new' ORDER BY member_id"
)

_REWRITE = text(
    "INSERT INTO memberships (cohort_id, member_id, session, entered_at, " + PROFILE + ")"
    " SELECT cohort_id, member_id, :session, :at, " + PROFILE + " FROM differences"
    """
    WHERE kind IN ('back', 'kept') ORDER BY member_id
    ON CONFLICT (cohort_id, member_id) DO UPDATE
    SET session = excluded.session,
        entered_at = coalesce(memberships.entered_at, excluded.entered_at),
        distinct_id = excluded.distinct_id, email = excluded.email,
        first_name = excluded.first_name, last_name = excluded.last_name,
        phone = excluded.phone, properties = excluded.properties
    """
)

_RENEW_TOMBSTONES = text("""
    UPDATE memberships SET session = :session
    WHERE cohort_id = :cohort_id
      AND ctid = ANY(ARRAY(SELECT place FROM differences WHERE kind = 'out'))
""")

_INSERT_TOMBSTONES = text("""
    INSERT INTO memberships (cohort_id, member_id, session)
    SELECT cohort_id, member_id, :session FROM differences WHERE kind = 'absent' ORDER BY member_id
""")

_DELETE = text("""
    DELETE FROM memberships
    WHERE cohort_id = :cohort_id
      AND ctid = ANY(ARRAY(SELECT place FROM differences WHERE kind IN ('gone', 'stale')))
""")

_WRITE_CHANGES = text("""
    INSERT INTO changes (cohort_id, first_seq, last_seq, kind, at, session, member_ids)
    SELECT cohort_id, :base + min(n), :base + max(n), :change, :at, :session,
           array_agg(member_id ORDER BY n)
    FROM (SELECT cohort_id, member_id, row_number() OVER (ORDER BY member_id) AS n
          FROM differences WHERE kind = ANY(:kinds)) numbered
    GROUP BY cohort_id, (n - 1) / :people_a_row
""")

_MORE_MEMORY = text("SET LOCAL work_mem = '128MB'")
