"""Diffs: people who are to come or to go, written with as few looks at each as can be.

Mostly those who come are unknown and those who go are members. The former are copied straight in,
the latter taken out where they are found; whoever else is named is compared in the `delta`. The
caller holds the cohort, so nobody comes or goes between two statements.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.core import roster
from gateway.store import arrays, changes, delta, staging
from gateway.store.delta import Written
from gateway.store.statement import Statement

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from sqlalchemy import Connection

    from gateway.store.delta import Touch


def add(conn: Connection, touch: Touch, people: Mapping[str, str], *, last_change: int) -> Written:
    """Make people members, but for whom newer sessions have touched.

    `people` are lines of a roster by member id.
    """
    asked = {"cohort_id": touch.cohort_id, "member_ids": arrays.of_texts(people)}
    known = _KNOWN.column(conn, asked)
    strangers = sorted(people.keys() - known if known else people)
    _insert(conn, touch, map(people.__getitem__, strangers))
    _record(conn, touch, "entered", strangers, base=last_change)
    if not known:
        return Written(entered=len(strangers), exited=0)
    staging.copy(conn, [_roster(map(people.__getitem__, known))])
    met = delta.add(conn, touch, last_change=last_change + len(strangers))
    return Written(entered=len(strangers) + met.entered, exited=0, kept=met.kept)


def remove(
    conn: Connection, touch: Touch, people: Mapping[str, str], *, last_change: int
) -> Written:
    """Take people out, but for whom newer sessions have touched.

    `people` are lines of a roster by member id, of which only the ids matter.
    """
    gone = _TAKE_OUT.column(
        conn,
        {
            "cohort_id": touch.cohort_id,
            "member_ids": arrays.of_texts(people),
            "session": touch.session,
        },
    )
    _record(conn, touch, "exited", sorted(gone), base=last_change)
    if len(gone) < len(people):
        staging.copy(conn, [_roster(map(people.__getitem__, people.keys() - gone))])
        delta.remove(conn, touch)
    return Written(entered=0, exited=len(gone))


def _record(
    conn: Connection, touch: Touch, kind: str, member_ids: Sequence[str], *, base: int
) -> None:
    """Write transitions, with seqs from `base` + 1 on."""
    ends = f"{kind}\t{touch.at.isoformat()}\t{touch.session}"
    rows = []
    for start in range(0, len(member_ids), changes.PEOPLE_A_ROW):
        part = member_ids[start : start + changes.PEOPLE_A_ROW]
        seqs = f"{base + start + 1}\t{base + start + len(part)}"
        array = roster.escape(arrays.of_texts(part))
        rows.append(f"{touch.cohort_id}\t{seqs}\t{ends}\t{array}\n")
    if rows:
        staging.copy_in(conn, _COPY_CHANGES, "".join(rows).encode())


def _insert(conn: Connection, touch: Touch, lines: Iterable[str]) -> None:
    start = f"{touch.cohort_id}\t{touch.session}\t{touch.at.isoformat()}\t"
    if rows := f"\n{start}".join(lines):
        staging.copy_in(conn, _COPY_MEMBERSHIPS, f"{start}{rows}\n".encode())


def _roster(lines: Iterable[str]) -> bytes:
    return "\n".join([*lines, ""]).encode()


_COPY_MEMBERSHIPS = """
    COPY memberships (cohort_id, session, entered_at, member_id, distinct_id, email, first_name,
                      last_name, phone, properties)
    FROM STDIN
"""

_COPY_CHANGES = """
    COPY changes (cohort_id, first_seq, last_seq, kind, at, session, member_ids) FROM STDIN
"""

# The sub-select hides the array from the planner, which would estimate each of its elements.
_KNOWN = Statement("""
    SELECT member_id FROM memberships
    WHERE cohort_id = :cohort_id
      AND member_id = ANY(CAST((SELECT CAST(:member_ids AS text[])) AS text[]))
""")

_TAKE_OUT = Statement("""
    UPDATE memberships
    SET session = :session, entered_at = NULL, distinct_id = NULL, email = NULL,
        first_name = NULL, last_name = NULL, phone = NULL, properties = NULL
    WHERE cohort_id = :cohort_id
      AND member_id = ANY(CAST((SELECT CAST(:member_ids AS text[])) AS text[]))
      AND entered_at IS NOT NULL AND session <= :session
    RETURNING member_id
""")
