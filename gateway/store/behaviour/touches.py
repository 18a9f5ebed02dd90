"""What last touched a member of a cohort, and how the membership changed."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from sqlalchemy import text

if TYPE_CHECKING:
    import datetime

    from sqlalchemy import Connection


@dataclasses.dataclass(frozen=True, kw_only=True)
class Origin:
    """A cohort that is not deleted: name, source, kind, and the definition to explain, if any.

    That is the one in force; before the first evaluation, the newest. `touch` is what last touched
    a person in it; None if nothing ever did, or it is forgotten.
    """

    name: str
    source_id: int
    kind: str
    definition: object
    touch: Touch | None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Touch:
    """Whether a person is a member now, and the session that last said so."""

    is_member: bool
    session_id: str | None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Change:
    """An entry or an exit."""

    seq: int
    change: str
    at: datetime.datetime
    session_id: str | None


def origin(conn: Connection, cohort_id: int, member_id: str) -> Origin | None:
    """Find a cohort, and how a person stands to it."""
    parameters = {"cohort_id": cohort_id, "member_id": member_id}
    row = conn.execute(_ORIGIN, parameters).one_or_none()
    if row is None:
        return None
    touch = Touch(is_member=row.is_member, session_id=row.session_id) if row.touched else None
    return Origin(
        name=row.name,
        source_id=row.source_id,
        kind=row.kind,
        definition=row.definition,
        touch=touch,
    )


def changes(conn: Connection, cohort_id: int, member_id: str, *, limit: int) -> list[Change]:
    """List the changes of a person in a cohort, the newest first."""
    parameters = {"cohort_id": cohort_id, "member_id": member_id, "limit": limit}
    return [Change(**row._mapping) for row in conn.execute(_CHANGES, parameters)]


_ORIGIN = text("""
    SELECT c.name, c.source_id, s.kind, d.definition, m.member_id IS NOT NULL AS touched,
           m.entered_at IS NOT NULL AS is_member, n.session_id
    FROM cohorts c
    JOIN sources s ON s.id = c.source_id
    LEFT JOIN rule_states r ON r.cohort_id = c.id AND r.number > 0
    LEFT JOIN cohort_definitions d ON d.cohort_id = c.id
        AND CASE WHEN r.number IS NULL THEN d.is_latest ELSE d.number = r.number END
    LEFT JOIN memberships m ON m.cohort_id = c.id AND m.member_id = :member_id
    LEFT JOIN sessions n ON n.cohort_id = m.cohort_id AND n.number = m.session
    WHERE c.id = :cohort_id AND c.deleted_at IS NULL
""")

_CHANGES = text("""
    SELECT c.first_seq + u.place - 1 AS seq, c.kind AS change, c.at, n.session_id
    FROM changes c
    CROSS JOIN LATERAL unnest(c.member_ids) WITH ORDINALITY AS u (member_id, place)
    LEFT JOIN sessions n ON n.cohort_id = c.cohort_id AND n.number = c.session
    WHERE c.cohort_id = :cohort_id AND c.member_ids @> ARRAY[CAST(:member_id AS text)]
      AND u.member_id = :member_id
    ORDER BY 1 DESC LIMIT :limit
""")
