"""Changes: the entries and exits of a cohort, in order, without gaps."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Final

from sqlalchemy import text

from gateway.store.cohorts import cohort_version
from gateway.store.db.statement import Statement

if TYPE_CHECKING:
    import datetime
    from collections.abc import Sequence

    from sqlalchemy import Connection

# A row of the table tells of at most so many people.
PEOPLE_A_ROW: Final = 1000


@dataclasses.dataclass(frozen=True)
class Change:
    """One person's step in or out; `member_id` is None once the person was erased."""

    seq: int
    change: str
    member_id: str | None
    at: datetime.datetime
    session_id: str | None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Span:
    """The seqs `first`..`last` of a cohort."""

    cohort_id: int
    first: int
    last: int


@dataclasses.dataclass(frozen=True, kw_only=True)
class Listing:
    """Changes of a cohort, whether it is deleted, and the version that they were read at.

    `oldest_seq` is that of the oldest change kept, or of the next one if none is.
    """

    version: int
    oldest_seq: int
    deleted: bool
    changes: list[Change]


def listing(conn: Connection, cohort_id: int, *, after: int, limit: int) -> Listing | None:
    """List changes by seq, from the first kept beyond `after`; None if there is no such cohort."""
    parameters = {"cohort_id": cohort_id, "after": after, "limit": limit}
    rows = conn.execute(_LIST, parameters).all()
    if not rows:
        return None
    first = rows[0]
    return Listing(
        version=first.version,
        oldest_seq=first.oldest_change,
        deleted=first.closed,
        changes=[Change(*row[3:]) for row in rows if row.seq is not None],
    )


def of_spans(conn: Connection, spans: Sequence[Span]) -> list[tuple[int, Change]]:
    """List the changes of several spans with their cohorts, in the order of the spans."""
    parameters = {
        "cohort_ids": [span.cohort_id for span in spans],
        "firsts": [span.first for span in spans],
        "lasts": [span.last for span in spans],
        "more": PEOPLE_A_ROW - 1,
    }
    return [(row[0], Change(*row[1:])) for row in _OF_SPANS.rows(conn, parameters)]


# A cohort without (more) changes is one row of which only the first three columns are not null.
_LIST = text(
    "SELECT a.version, a.oldest_change, i.closed, h.seq, h.kind, h.member_id, h.at, h.session_id"
    + cohort_version.EVEN_IF_DELETED
    + """
    LEFT JOIN LATERAL (
        SELECT c.first_seq + u.place - 1 AS seq, c.kind, u.member_id, c.at, s.session_id
        FROM changes c
        CROSS JOIN LATERAL unnest(c.member_ids) WITH ORDINALITY AS u (member_id, place)
        LEFT JOIN sessions s ON s.cohort_id = c.cohort_id AND s.number = c.session
        WHERE c.cohort_id = :cohort_id
          AND c.last_seq > :after AND c.first_seq + u.place - 1 > :after
        ORDER BY c.last_seq, u.place LIMIT :limit) h ON true
    WHERE a.cohort_id = :cohort_id
    ORDER BY h.seq
    """
)

# `more` ends the look into the index: no row has more seqs, so none beyond begins within the span.
_OF_SPANS = Statement("""
    SELECT c.cohort_id, c.first_seq + u.place - 1 AS seq, c.kind, u.member_id, c.at, s.session_id
    FROM unnest(CAST(:cohort_ids AS bigint[]), CAST(:firsts AS bigint[]), CAST(:lasts AS bigint[]))
        WITH ORDINALITY AS r (cohort_id, first, last, place)
    JOIN changes c ON c.cohort_id = r.cohort_id
                  AND c.last_seq BETWEEN r.first AND r.last + :more AND c.first_seq <= r.last
    CROSS JOIN LATERAL unnest(c.member_ids) WITH ORDINALITY AS u (member_id, place)
    LEFT JOIN sessions s ON s.cohort_id = c.cohort_id AND s.number = c.session
    WHERE c.first_seq + u.place - 1 BETWEEN r.first AND r.last
    ORDER BY r.place, c.last_seq, u.place
""")
