"""Taking in people and events, a request at a time, in a handful of statements."""

from __future__ import annotations

import dataclasses
import io
from typing import TYPE_CHECKING, Any, Final, cast

from gateway.core.people.items import MAX_KEYS
from gateway.store.db import arrays
from gateway.store.db.statement import Statement

if TYPE_CHECKING:
    import datetime
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from gateway.store.db.statement import Line, Pipeline

# Of all traits of a person together; a patch has at most 32 KiB without the spaces of jsonb.
MAX_TRAITS_BYTES: Final = 64 * 1024

COLUMNS: Final = (
    "source_id",
    "person_id",
    "time",
    "id",
    "name",
    "event_id",
    "received_at",
    "properties",
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Source:
    """The source of a request: its kind, whether it is paused, and the number of the arrival."""

    id: int
    kind: str
    paused: bool
    arrival: int


def enter(line: Line, slug: str) -> Source | None:
    """Find a source and number an arrival in it; None if there is no such source.

    Erasures wait until the transaction ends, and it waits for one that runs.
    """
    row = _ENTER.first(line, {"slug": slug})
    if row is None:
        return None
    return Source(id=row.id, kind=row.kind, paused=row.paused, arrival=row.arrival)


def remember(
    line: Line,
    source_id: int,
    event_ids: Collection[str],
    *,
    now: datetime.datetime,
    forgotten_before: datetime.datetime,
) -> set[str]:
    """Remember ids of events; returns those that were not remembered before.

    In one order, so that two requests with the same ids wait for each other one way only.
    """
    parameters = {
        "source_id": source_id,
        "event_ids": arrays.of_texts(sorted(event_ids)),
        "now": now,
        "before": forgotten_before,
    }
    return set(_REMEMBER.column(line, parameters))


def erased(
    line: Line, source_id: int, digests: Mapping[bytes, str]
) -> dict[str, datetime.datetime]:
    """Tell which of some people, by the digests of their ids, were erased, and when."""
    parameters = {"source_id": source_id, "digests": list(digests)}
    rows = _ERASED.rows(line, parameters)
    return {digests[bytes(row.person_digest)]: row.erased_at for row in rows}


def create_people(
    line: Line, source: Source, person_ids: Collection[str], *, now: datetime.datetime
) -> list[str]:
    """Create the people that there are not yet, and return these."""
    parameters = {
        "source_id": source.id,
        "person_ids": arrays.of_texts(sorted(person_ids)),
        "arrival": source.arrival,
        "now": now,
    }
    return _CREATE.column(line, parameters)


def merge_traits(
    line: Line, source: Source, patches: Mapping[str, str], *, now: datetime.datetime
) -> set[str]:
    """Merge traits, JSON by person, of which null removes one; returns the people written.

    They are there already. Those that would have too many, or too large ones, stay as they are.
    """
    names = sorted(patches)
    parameters = {
        "source_id": source.id,
        "person_ids": arrays.of_texts(names),
        "patches": arrays.of_texts([patches[one] for one in names]),
        "arrival": source.arrival,
        "now": now,
        "keys": MAX_KEYS,
        "bytes": MAX_TRAITS_BYTES,
    }
    return set(_MERGE.column(line, parameters))


def store_events(trip: Pipeline, lines: Iterable[str]) -> None:
    """Store events, each as a line of COPY's text format with `COLUMNS`."""
    text = io.BytesIO("".join(lines).encode())
    driver: Any = cast("Any", trip.conn.connection.dbapi_connection)
    driver.cursor().copy_expert(_COPY, text)


def count_days(line: Line, source_id: int, counts: Mapping[tuple[str, datetime.date], int]) -> None:
    """Count events by name and day."""
    parameters = {
        "source_id": source_id,
        "names": [name for name, _ in counts],
        "days": [day for _, day in counts],
        "counts": list(counts.values()),
    }
    _COUNT.run(line, parameters)


def note_rejected(
    line: Line,
    source_id: int,
    rows: Sequence[tuple[int, str, str | None, str, str]],
    *,
    now: datetime.datetime,
) -> None:
    """Note rejected events as (id, person id, name, code, message)."""
    ids, people, names, codes, messages = zip(*rows, strict=True)
    parameters = {
        "source_id": source_id,
        "ids": list(ids),
        "people": list(people),
        "names": list(names),
        "codes": list(codes),
        "messages": list(messages),
        "now": now,
    }
    _REJECT.run(line, parameters)


_ENTER = Statement("""
    SELECT s.id, s.kind, s.paused_at IS NOT NULL AS paused, nextval('arrivals') AS arrival,
           pg_advisory_xact_lock_shared(hashtext('gateway.people'), CAST(s.id AS integer))
    FROM sources s WHERE s.slug = :slug AND s.removed_at IS NULL
""")

# An id that was remembered for long enough is taken over as a new one.
_REMEMBER = Statement("""
    INSERT INTO event_ids (source_id, event_id, received_at)
    SELECT :source_id, e.event_id, :now
    FROM unnest(CAST(:event_ids AS text[])) AS e (event_id)
    ON CONFLICT (source_id, event_id) DO UPDATE SET received_at = excluded.received_at
    WHERE event_ids.received_at < :before
    RETURNING event_id
""")

_ERASED = Statement("""
    SELECT person_digest, erased_at FROM person_erasures
    WHERE source_id = :source_id AND person_digest = ANY(CAST(:digests AS bytea[]))
""")

_CREATE = Statement("""
    INSERT INTO people (source_id, person_id, created_at, updated_at, changed)
    SELECT :source_id, p.person_id, :now, :now, :arrival
    FROM unnest(CAST(:person_ids AS text[])) AS p (person_id)
    ON CONFLICT (source_id, person_id) DO NOTHING
    RETURNING person_id
""")

# Every row is there by now, and each is locked in the order of the ids. jsonb as text has spaces
# between names and values, which the size allows for.
_MERGE = Statement("""
    INSERT INTO people AS p (source_id, person_id, traits, created_at, updated_at, changed)
    SELECT :source_id, u.person_id, CAST(u.patch AS jsonb), :now, :now, :arrival
    FROM unnest(CAST(:person_ids AS text[]), CAST(:patches AS text[])) AS u (person_id, patch)
    ON CONFLICT (source_id, person_id) DO UPDATE
    SET traits = (SELECT coalesce(jsonb_object_agg(t.key, t.value), '{}')
                  FROM jsonb_each(p.traits || excluded.traits) t
                  WHERE jsonb_typeof(t.value) <> 'null'),
        updated_at = excluded.updated_at, changed = excluded.changed
    WHERE (SELECT count(*) <= :keys AND coalesce(sum(octet_length(CAST(t.value AS text))
                                                     + octet_length(t.key)), 0) <= :bytes
           FROM jsonb_each(p.traits || excluded.traits) t WHERE jsonb_typeof(t.value) <> 'null')
    RETURNING person_id
""")

_COUNT = Statement("""
    INSERT INTO event_days (source_id, name, day, events)
    SELECT :source_id, c.name, c.day, c.events
    FROM unnest(CAST(:names AS text[]), CAST(:days AS date[]), CAST(:counts AS bigint[]))
        AS c (name, day, events)
""")

_REJECT = Statement("""
    INSERT INTO rejected_events (source_id, id, person_id, event, code, message, received_at)
    SELECT :source_id, r.id, r.person_id, r.event, r.code, r.message, :now
    FROM unnest(CAST(:ids AS bigint[]), CAST(:people AS text[]), CAST(:names AS text[]),
                CAST(:codes AS text[]), CAST(:messages AS text[]))
        AS r (id, person_id, event, code, message)
""")

_COPY: Final = (
    "COPY events (source_id, person_id, time, id, name, event_id, received_at, properties)"
    " FROM STDIN"
)
