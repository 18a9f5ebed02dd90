"""Refusals: pages of known sources that were answered with what makes Mixpanel pause a sync.

A row tells of all refusals of one cohort for one reason, and a source has a bounded number of rows.
When one is over is not written by accepting, which has other things to do: a page of the cohort
that was accepted later says so.
"""

from __future__ import annotations

import dataclasses
import hashlib
from typing import TYPE_CHECKING, Any

from sqlalchemy import text

if TYPE_CHECKING:
    import datetime
    from collections.abc import Iterable, Sequence

    from sqlalchemy import Connection


@dataclasses.dataclass(frozen=True, kw_only=True)
class Refused:
    """What was refused and why; the cohort is None where it is not known, or not to be believed."""

    source_id: int
    cohort_key: bytes | None
    project_id: str | None
    external_id: str | None
    status: int
    message: str
    signed: bool
    """Whether credentials came with it, or none were needed."""

    @property
    def key(self) -> bytes:
        """What is the same for all refusals of one cohort for one reason."""
        parts = (self.cohort_key or b"", str(self.status).encode(), self.message.encode())
        return hashlib.sha256(b"\0".join(parts)).digest()


@dataclasses.dataclass(frozen=True, kw_only=True)
class Counted:
    """So many refusals of one kind, and when the first and the last of them was."""

    refused: Refused
    first_at: datetime.datetime
    last_at: datetime.datetime
    count: int


@dataclasses.dataclass(frozen=True, kw_only=True)
class Refusal:
    """Refusals of one kind as they are shown."""

    id: int
    source: str
    project_id: str | None
    external_id: str | None
    status: int
    message: str
    first_at: datetime.datetime
    last_at: datetime.datetime
    count: int
    resolved_at: datetime.datetime | None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Open:
    """A refusal of a cohort of which no page has been accepted since."""

    source: str
    cohort_id: int
    status: int
    message: str
    last_at: datetime.datetime


def record(conn: Connection, counted: Sequence[Counted], *, most: int) -> None:
    """Add to what is counted, and keep at most so many rows of each source.

    Those of cohorts that exist are kept before others, newer ones before older ones.
    """
    columns: dict[str, list[object]] = {
        name: [getattr(one.refused, name) for one in counted]
        for name in ("source_id", "key", "cohort_key", "project_id", "external_id", "status")
    }
    columns |= {
        name: [getattr(one.refused, name) for one in counted] for name in ("message", "signed")
    }
    columns |= {
        name: [getattr(one, name) for one in counted] for name in ("first_at", "last_at", "count")
    }
    conn.execute(_RECORD, columns)
    sources = sorted({one.refused.source_id for one in counted})
    conn.execute(_TRIM, {"source_ids": sources, "most": most})


def listing(
    conn: Connection,
    *,
    source: str | None,
    since: datetime.datetime | None,
    before: int,
    limit: int,
) -> list[Refusal]:
    """List refusals, the newest kinds first, from the first with an id below `before`."""
    parameters = {"source": source, "since": since, "before": before, "limit": limit}
    rows = conn.execute(_LIST, parameters).all()
    accepted = _accepted(conn, rows)
    return [
        Refusal(
            id=row.id,
            source=row.source,
            project_id=row.project_id,
            external_id=row.external_id,
            status=row.status,
            message=row.message,
            first_at=row.first_at,
            last_at=row.last_at,
            count=row.times,
            resolved_at=row.resolved_at or _later(row, accepted),
        )
        for row in rows
    ]


def unresolved(conn: Connection) -> list[Open]:
    """List the refusals of cohorts in use of which no page has been accepted since.

    What came without credentials is left out: the ids of a cohort are no secret.
    """
    rows = conn.execute(_UNRESOLVED).all()
    accepted = _accepted(conn, rows)
    return [
        Open(
            source=row.source,
            cohort_id=row.cohort_id,
            status=row.status,
            message=row.message,
            last_at=row.last_at,
        )
        for row in rows
        if row.signed and not row.deleted and _later(row, accepted) is None
    ]


def settle(conn: Connection) -> int:
    """Keep when refusals were over, for those that are by now; returns how many."""
    rows = conn.execute(_UNRESOLVED).all()
    accepted = _accepted(conn, rows)
    over = {row.id: at for row in rows if (at := _later(row, accepted)) is not None}
    if not over:
        return 0
    return conn.execute(_SETTLE, {"ids": list(over), "ats": list(over.values())}).rowcount


def prune(conn: Connection, *, before: datetime.datetime) -> int:
    """Delete the refusals that last happened before a moment; returns how many."""
    return conn.execute(_PRUNE, {"before": before}).rowcount


def _accepted(conn: Connection, rows: Iterable[Any]) -> dict[int, datetime.datetime]:
    """Tell of the cohorts of these rows when the newest page of each was accepted."""
    cohort_ids = sorted({row.cohort_id for row in rows if row.cohort_id is not None})
    found = conn.execute(_ACCEPTED, {"cohort_ids": cohort_ids})
    return {row.cohort_id: row.last_synced_at for row in found}


def _later(row: Any, accepted: dict[int, datetime.datetime]) -> datetime.datetime | None:  # noqa: ANN401 - a row
    at = accepted.get(row.cohort_id)
    return at if at is not None and at > row.last_at else None


_RECORD = text("""
    INSERT INTO refusals (source_id, key, cohort_key, project_id, external_id, status, message,
                          signed, first_at, last_at, count)
    SELECT * FROM unnest(
        CAST(:source_id AS bigint[]), CAST(:key AS bytea[]), CAST(:cohort_key AS bytea[]),
        CAST(:project_id AS text[]), CAST(:external_id AS text[]), CAST(:status AS integer[]),
        CAST(:message AS text[]), CAST(:signed AS boolean[]), CAST(:first_at AS timestamptz[]),
        CAST(:last_at AS timestamptz[]), CAST(:count AS bigint[]))
    ORDER BY 1, 2
    ON CONFLICT (source_id, key) DO UPDATE
    SET first_at = least(refusals.first_at, excluded.first_at),
        last_at = greatest(refusals.last_at, excluded.last_at),
        count = refusals.count + excluded.count,
        signed = excluded.signed OR (refusals.signed AND refusals.resolved_at IS NULL),
        resolved_at = NULL
""")

_TRIM = text("""
    DELETE FROM refusals WHERE id IN (
        SELECT id FROM (
            SELECT r.id, row_number() OVER (
                PARTITION BY r.source_id
                ORDER BY c.id IS NULL, r.last_at DESC, r.id DESC) AS place
            FROM refusals r
            LEFT JOIN cohorts c ON c.source_id = r.source_id AND c.key = r.cohort_key
            WHERE r.source_id = ANY(:source_ids)) ranked
        WHERE place > :most)
""")

_LIST = text("""
    SELECT r.id, s.slug AS source, r.project_id, r.external_id, r.status, r.message, r.first_at,
           r.last_at, r.count AS times, r.resolved_at, c.id AS cohort_id
    FROM refusals r
    JOIN sources s ON s.id = r.source_id
    LEFT JOIN cohorts c ON c.source_id = r.source_id AND c.key = r.cohort_key
    WHERE s.removed_at IS NULL AND r.id < :before
      AND (CAST(:source AS text) IS NULL OR s.slug = :source)
      AND (CAST(:since AS timestamptz) IS NULL OR r.last_at >= :since)
    ORDER BY r.id DESC LIMIT :limit
""")

_UNRESOLVED = text("""
    SELECT r.id, s.slug AS source, c.id AS cohort_id, c.deleted_at IS NOT NULL AS deleted,
           r.status, r.message, r.last_at, r.signed
    FROM refusals r
    JOIN sources s ON s.id = r.source_id
    JOIN cohorts c ON c.source_id = r.source_id AND c.key = r.cohort_key
    WHERE s.removed_at IS NULL AND r.resolved_at IS NULL
""")

_ACCEPTED = text("""
    SELECT cohort_id, last_synced_at FROM intake_state
    WHERE cohort_id = ANY(:cohort_ids) AND last_synced_at IS NOT NULL
""")

_SETTLE = text("""
    UPDATE refusals SET resolved_at = over.at
    FROM unnest(CAST(:ids AS bigint[]), CAST(:ats AS timestamptz[])) AS over (id, at)
    WHERE refusals.id = over.id AND refusals.resolved_at IS NULL AND refusals.last_at < over.at
""")

_PRUNE = text("DELETE FROM refusals WHERE last_at < :before")
