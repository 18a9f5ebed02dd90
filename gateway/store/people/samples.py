"""Samples of what is seen: properties of events and traits, with their types and frequent values.

The values of a few rows are looked up when they are asked for. Where there are more rows than that,
a sample is kept, so that no request has to read many.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import text

if TYPE_CHECKING:
    import datetime
    from collections.abc import Mapping, Sequence

    from sqlalchemy import Connection

# The sample of the traits stands where names of events do, none of which is empty.
TRAITS: Final = ""


def kept(conn: Connection, slug: str, names: Sequence[str]) -> tuple[int, str, Any] | None:
    """Find a source: its id, its kind, and what is kept of some names, by name; None for none."""
    row = conn.execute(_KEPT, {"slug": slug, "names": list(names)}).one_or_none()
    return None if row is None else (row.id, row.kind, row.seen)


def due(
    conn: Connection, source_id: int, *, before: datetime.datetime, rows: int, limit: int
) -> list[str]:
    """List names with at least so many rows that have no sample since a moment."""
    parameters = {"source_id": source_id, "before": before, "rows": rows, "limit": limit}
    return list(conn.execute(_DUE, parameters).scalars())


def take(
    conn: Connection,
    source_id: int,
    name: str,
    found: Sequence[Mapping[str, Any]],
    *,
    now: datetime.datetime,
) -> None:
    """Keep what was found of a name; each has its values as JSON."""
    listed = [
        f'{{"name": {json.dumps(one["name"])}, "types": {json.dumps(list(one["types"]))},'
        f' "values": {one["values"]}}}'
        for one in found
    ]
    seen = f"[{', '.join(listed)}]"
    parameters = {"source_id": source_id, "event": name, "seen": seen, "now": now}
    conn.execute(_TAKE, parameters)


def forget_old(conn: Connection, *, before: datetime.datetime) -> None:
    """Forget samples that were not taken anew: there are not enough rows any more."""
    conn.execute(_FORGET_OLD, {"before": before})


_KEPT = text("""
    SELECT s.id, s.kind, (
        SELECT jsonb_object_agg(t.event, (
            SELECT coalesce(jsonb_agg(p || jsonb_build_object(
                'values', CAST(p -> 'values' AS text))), '[]')
            FROM jsonb_array_elements(t.seen) p))
        FROM seen_samples t WHERE t.source_id = s.id AND t.event = ANY(:names)) AS seen
    FROM sources s WHERE s.slug = :slug AND s.removed_at IS NULL
""")

_DUE = text("""
    SELECT n.name
    FROM (
        SELECT name, sum(events) AS rows FROM event_days
        WHERE source_id = :source_id GROUP BY name
        UNION ALL
        SELECT '', count(*) FROM (
            SELECT FROM people WHERE source_id = :source_id LIMIT :rows) p
    ) n
    WHERE n.rows >= :rows AND NOT EXISTS (
        SELECT FROM seen_samples t
        WHERE t.source_id = :source_id AND t.event = n.name AND t.sampled_at >= :before)
    ORDER BY n.rows DESC, n.name LIMIT :limit
""")

_TAKE = text("""
    INSERT INTO seen_samples (source_id, event, seen, sampled_at)
    VALUES (:source_id, :event, CAST(:seen AS jsonb), :now)
    ON CONFLICT (source_id, event) DO UPDATE
    SET seen = excluded.seen, sampled_at = excluded.sampled_at
""")

_FORGET_OLD = text("DELETE FROM seen_samples WHERE sampled_at < :before")
