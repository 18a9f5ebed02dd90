"""Diffs: people to add or to remove, written with as few look-ups as can be.

Mostly the added are unknown and the removed are members. The former are copied straight in,
the latter taken out where they are found; all others are compared in the `delta`. The
caller holds the cohort, so its members stay the same between two statements.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Final

from gateway.core.cohorts import member_rows
from gateway.store.cohorts import changes, delta, staging
from gateway.store.cohorts.delta import Written
from gateway.store.db import arrays, plans
from gateway.store.db.statement import Pipeline, Statement

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from sqlalchemy import Connection

    from gateway.store.cohorts.delta import WriteContext
    from gateway.store.db.statement import Line


_NO_PROPERTIES: Final = member_rows.NULL.encode()


def add(
    line: Line, touch: WriteContext, people: Mapping[str, bytes], *, last_change: int
) -> Written:
    """Add members, except those that a newer session has touched.

    `people` are lines of a roster by member id.
    """
    known = _known(line, touch, people)
    strangers = sorted(people.keys() - known if known else people)
    start = f"{touch.cohort_id}\t{touch.session}\t{touch.at.isoformat()}\t".encode()
    if strangers:
        rows = staging.lines([_whole(people[one]) for one in strangers], start=start)
        staging.copy_in(_conn(line), _COPY_MEMBERSHIPS, rows)
        _record(line, touch, "entered", strangers, base=last_change)
    if not known:
        return Written(entered=len(strangers), exited=0)
    conn = _conn(line)
    staging.copy(conn, staging.lines([people[one] for one in known]))
    met = delta.add(conn, touch, last_change=last_change + len(strangers))
    return Written(entered=len(strangers) + met.entered, exited=0, kept=met.kept)


def _whole(line: bytes) -> bytes:
    """Give the line of an id alone the properties of a new member: none."""
    return line.removesuffix(_NO_PROPERTIES) + b"{}" if line.endswith(_NO_PROPERTIES) else line


def remove(
    line: Line, touch: WriteContext, people: Mapping[str, bytes], *, last_change: int
) -> Written:
    """Remove members, except those that a newer session has touched.

    `people` are lines of a roster by member id, of which only the ids matter.
    """
    gone: list[str] = []
    for some in arrays.cut(sorted(people)):
        found = _TO_TAKE_OUT.rows(line, _asked(touch, some) | {"session": touch.session})
        gone += [row.member_id for row in found]
        if found:
            places = "{" + ",".join(f'"{row.place}"' for row in found) + "}"
            parameters = {"cohort_id": touch.cohort_id, "session": touch.session}
            _TAKE_OUT.run(line, parameters | {"places": places})
    if gone:
        _record(line, touch, "exited", sorted(gone), base=last_change)
    if len(gone) < len(people):
        conn = _conn(line)
        staging.copy(conn, staging.lines([people[one] for one in people.keys() - gone]))
        delta.remove(conn, touch)
    return Written(entered=0, exited=len(gone))


def _conn(line: Line) -> Connection:
    return line.conn if isinstance(line, Pipeline) else line


def _known(line: Line, touch: WriteContext, people: Iterable[str]) -> list[str]:
    """List the ids of members and tombstones, asked in the order of the index."""
    found = [_KNOWN.column(line, _asked(touch, some)) for some in arrays.cut(sorted(people))]
    return list(itertools.chain.from_iterable(found))


def _asked(touch: WriteContext, member_ids: Sequence[str]) -> dict[str, object]:
    return {"cohort_id": touch.cohort_id, "member_ids": arrays.of_texts(member_ids)}


def _record(
    line: Line, touch: WriteContext, kind: str, member_ids: Sequence[str], *, base: int
) -> None:
    """Write transitions, with seqs from `base` + 1 on; one row of them takes no trip."""
    if len(member_ids) > changes.PEOPLE_A_ROW:
        staging.copy_in(_conn(line), _COPY_CHANGES, _changes(touch, kind, member_ids, base))
        return
    parameters = {
        "cohort_id": touch.cohort_id,
        "first_seq": base + 1,
        "last_seq": base + len(member_ids),
        "kind": kind,
        "at": touch.at,
        "session": touch.session,
        "member_ids": arrays.of_texts(member_ids),
    }
    _INSERT_CHANGES.run(line, parameters)


def _changes(
    touch: WriteContext, kind: str, member_ids: Sequence[str], base: int
) -> Iterator[bytes]:
    ends = f"{kind}\t{touch.at.isoformat()}\t{touch.session}"
    for start in range(0, len(member_ids), changes.PEOPLE_A_ROW):
        part = member_ids[start : start + changes.PEOPLE_A_ROW]
        seqs = f"{base + start + 1}\t{base + start + len(part)}"
        array = member_rows.escape(arrays.of_texts(part))
        yield f"{touch.cohort_id}\t{seqs}\t{ends}\t{array}\n".encode()


_COPY_MEMBERSHIPS = """
    COPY memberships (cohort_id, session, entered_at, member_id, distinct_id, email, first_name,
                      last_name, phone, properties)
    FROM STDIN
"""

_COPY_CHANGES = """
    COPY changes (cohort_id, first_seq, last_seq, kind, at, session, member_ids) FROM STDIN
"""

_INSERT_CHANGES = Statement("""
    INSERT INTO changes (cohort_id, first_seq, last_seq, kind, at, session, member_ids)
    VALUES (:cohort_id, :first_seq, :last_seq, :kind, :at, :session,
            CAST(:member_ids AS text[]))
""")

# The sub-select hides the array from the planner, which would estimate each of its elements; the
# LATERAL with LIMIT makes each a probe of the primary key, see `delta`.
_PROBED = """
    FROM unnest(CAST((SELECT CAST(:member_ids AS text[])) AS text[])) AS asked (member_id)
    CROSS JOIN LATERAL (
        SELECT p.member_id, p.ctid AS place, p.entered_at, p.session FROM memberships p
        WHERE p.cohort_id = :cohort_id AND p.member_id = asked.member_id LIMIT 1
    ) m
"""

_KNOWN = Statement("SELECT m.member_id" + _PROBED)

_TO_TAKE_OUT = Statement(
    "SELECT m.member_id, m.place"
    + _PROBED
    + "WHERE m.entered_at IS NOT NULL AND m.session <= :session"
)

_TAKE_OUT = plans.by_place("""
    UPDATE memberships
    SET session = :session, entered_at = NULL, distinct_id = NULL, email = NULL,
        first_name = NULL, last_name = NULL, phone = NULL, properties = NULL
    WHERE cohort_id = :cohort_id AND ctid = ANY(CAST(:places AS tid[]))
""")
