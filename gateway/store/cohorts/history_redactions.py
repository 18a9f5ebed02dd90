"""Redactions: erasures of people that the history of some cohorts still names, and how far each is.

A row names the person, as long as it takes to find the id in the changes; a digest would have to be
computed of every id there. Readers are shown the history of the cohorts beyond `after` as it will
be once the redaction has reached them.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from sqlalchemy import text

from gateway.store.db.statement import Statement

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from sqlalchemy import Connection

# No cohort has this number: a redaction that is here has reached none.
START = 0


@dataclasses.dataclass(frozen=True, kw_only=True)
class Redaction:
    """An erasure by its order, the person it is about, and the last cohort that it has reached."""

    order: int
    member_id: str
    after: int


@dataclasses.dataclass(frozen=True, kw_only=True)
class Extent:
    """A cohort, and how many changes are kept of it."""

    cohort_id: int
    changes: int


def put(conn: Connection, order: int, member_id: str) -> None:
    """Note that the history may name the person of an erasure; none is noted of one that is not."""
    conn.execute(_PUT, {"order": order, "member_id": member_id})


def get(conn: Connection, order: int) -> Redaction | None:
    """Read the redaction of an erasure; None if it is through."""
    row = conn.execute(_GET, {"order": order}).one_or_none()
    return None if row is None else Redaction(**row._mapping)


def oldest(conn: Connection) -> int | None:
    """Return the order of the oldest redaction that is not through, None if all are."""
    order: int | None = conn.execute(_OLDEST).scalar_one_or_none()
    return order


def advance(conn: Connection, due: Redaction, *, after: int) -> None:
    """Remember how far a redaction has come, unless another process has come further."""
    conn.execute(_ADVANCE, {"order": due.order, "after": after})


def finish(conn: Connection, due: Redaction) -> None:
    """Forget a redaction that is through, and with it the id."""
    conn.execute(_FINISH, {"order": due.order})


def following(conn: Connection, due: Redaction, *, limit: int) -> list[Extent]:
    """List the next cohorts that a redaction has to reach, deleted ones included."""
    rows = conn.execute(_FOLLOWING, {"order": due.order, "after": due.after, "limit": limit})
    return [Extent(**row._mapping) for row in rows]


def naming(conn: Connection, cohort_ids: Sequence[int], member_id: str) -> set[int]:
    """Tell which of some cohorts have changes that name a person."""
    parameters = {"cohort_ids": list(cohort_ids), "member_id": member_id}
    return set(conn.execute(_NAMING, parameters).scalars())


def blank(
    conn: Connection, cohort_ids: Sequence[int], member_id: str, *, order: int
) -> Sequence[int]:
    """Take a person's id out of the changes before an erasure; returns the cohorts that had it.

    Those end where a session that began after the erasure lets the person enter.
    """
    parameters = {"cohort_ids": list(cohort_ids), "member_id": member_id, "order": order}
    return sorted(set(conn.execute(_BLANK, parameters).scalars()))


def of_cohort(conn: Connection, cohort_id: int) -> list[Redaction]:
    """List the redactions that have yet to reach a cohort."""
    rows = _OF_COHORT.rows(conn, {"cohort_id": cohort_id})
    return [Redaction(**row._asdict()) for row in rows]


def of_cohorts(conn: Connection, cohort_ids: Collection[int]) -> dict[int, list[Redaction]]:
    """List the redactions that have yet to reach some cohorts, by cohort."""
    found = dict[int, list[Redaction]]()
    for cohort_id, *row in _OF_COHORTS.rows(conn, {"cohort_ids": sorted(cohort_ids)}):
        order, member_id, after = row
        due = Redaction(order=order, member_id=member_id, after=after)
        found.setdefault(cohort_id, []).append(due)
    return found


def last_hidden(conn: Connection, cohort_id: int, due: Redaction) -> int:
    """Return the last seq of the changes that a redaction will blank in a cohort, 0 for none."""
    parameters = {"cohort_ids": [cohort_id], "member_id": due.member_id, "order": due.order}
    found: int = conn.execute(_LAST_HIDDEN, parameters).scalar_one()
    return found


_PUT = text("""
    INSERT INTO redactions (erased_order, member_id, source_id, project_id)
    SELECT erased_order, :member_id, source_id, project_id
    FROM erasures WHERE erased_order = :order
""")

_COLUMNS = 'SELECT r.erased_order AS "order", r.member_id, r.after_cohort AS "after" '

_GET = text(_COLUMNS + "FROM redactions r WHERE r.erased_order = :order")

_OLDEST = text("SELECT min(erased_order) FROM redactions")

_ADVANCE = text("""
    UPDATE redactions SET after_cohort = greatest(after_cohort, :after)
    WHERE erased_order = :order
""")

_FINISH = text("DELETE FROM redactions WHERE erased_order = :order")

_IN_SCOPE = """
    JOIN cohorts c ON (r.source_id IS NULL OR r.source_id = c.source_id)
                  AND (r.project_id IS NULL OR r.project_id = c.project_id)
"""

_FOLLOWING = text(
    """
    SELECT a.cohort_id, a.last_change - a.oldest_change + 1 AS changes
    FROM redactions r """
    + _IN_SCOPE
    + """
    JOIN apply_state a ON a.cohort_id = c.id
    WHERE r.erased_order = :order AND a.cohort_id > :after
    ORDER BY a.cohort_id LIMIT :limit
    """
)

_OF_COHORT = Statement(
    _COLUMNS
    + "FROM redactions r "
    + _IN_SCOPE
    + "WHERE c.id = :cohort_id AND r.after_cohort < c.id ORDER BY r.erased_order"
)

_OF_COHORTS = Statement(
    """
    SELECT c.id, r.erased_order, r.member_id, r.after_cohort
    FROM redactions r """
    + _IN_SCOPE
    + """
    WHERE c.id = ANY(CAST(:cohort_ids AS bigint[])) AND r.after_cohort < c.id
    ORDER BY r.erased_order
    """
)

_NAMING = text("""
    SELECT DISTINCT cohort_id FROM changes
    WHERE cohort_id = ANY(:cohort_ids) AND :member_id = ANY(member_ids)
""")

# What names the person before a later session lets them in. An exit by whatever session, from what
# those before the erasure had made, is among it.
_HIDDEN = """
    SELECT cohort_id, last_seq
    FROM (SELECT c.cohort_id, c.last_seq,
                 min(c.last_seq) FILTER (WHERE c.kind = 'entered' AND s.started_order > :order)
                     OVER (PARTITION BY c.cohort_id) AS back_at
          FROM changes c
          LEFT JOIN sessions s ON s.cohort_id = c.cohort_id AND s.number = c.session
          WHERE c.cohort_id = ANY(:cohort_ids) AND :member_id = ANY(c.member_ids)) named
    WHERE back_at IS NULL OR last_seq < back_at
"""

_BLANK = text(
    """
    UPDATE changes SET member_ids = array_replace(member_ids, :member_id, NULL)
    WHERE (cohort_id, last_seq) IN ("""
    + _HIDDEN
    + ") RETURNING cohort_id"
)

_LAST_HIDDEN = text("SELECT coalesce(max(last_seq), 0) FROM (" + _HIDDEN + ") hidden")
