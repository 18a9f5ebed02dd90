"""Cohorts: one row for each (source, project, external id), read with its two counter rows."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Any, TypeAlias

from sqlalchemy import text

from gateway.core import texts
from gateway.core.cohorts import freshness, kinds
from gateway.core.cohorts.guard import Guard
from gateway.core.cohorts.page import CohortRef
from gateway.core.cohorts.page import cohort_key as digest
from gateway.store.cohorts import heard, receipts
from gateway.store.db.statement import Statement

if TYPE_CHECKING:
    import datetime
    from collections.abc import Mapping, Sequence

    from sqlalchemy import Connection, RowMapping


# What tells a cohort from others: its id, source, project, external id and name.
Label: TypeAlias = tuple[int, str, str, str, str]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Refresh:
    """A full refresh under way: how many distinct pages of it were stored, of how many."""

    session_id: str | None
    pages_received: int
    total_pages: int


@dataclasses.dataclass(frozen=True, kw_only=True)
class Cohort:
    """A cohort as readers see it, at one moment."""

    id: int
    source: str
    kind: str
    project_id: str
    external_id: str
    name: str
    description: str | None
    member_count: int
    created_at: datetime.datetime
    updated_at: datetime.datetime
    last_synced_at: datetime.datetime | None
    fresh_until: datetime.datetime | None
    stale: bool
    refresh: Refresh | None
    last_seq: int
    epoch: str
    guard: Guard | None
    deleted_at: datetime.datetime | None
    definition: Mapping[str, Any] | None = None
    schedule: Mapping[str, Any] | None = None
    next_load_at: datetime.datetime | None = None
    last_load: Mapping[str, Any] | None = None
    notify: Sequence[str] | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Filter:
    """Which cohorts: each part that is not None must be equal.

    `search` is a part of the name, with A to Z as a to z. `stale` leaves out those that are fresh,
    as `core.cohorts.freshness` judges. `deleted` ones are those of sources that were not removed.
    """

    id: int | None = None
    source: str | None = None
    project_id: str | None = None
    external_id: str | None = None
    name: str | None = None
    kind: str | None = None
    search: str | None = None
    stale: bool = False
    deleted: bool = False


def find(conn: Connection, source_id: int, cohort_key: bytes) -> CohortRef | None:
    """Find a cohort, deleted ones included."""
    row = conn.execute(_FIND, {"source_id": source_id, "key": cohort_key}).one_or_none()
    if row is None:
        return None
    return CohortRef(id=row.id, deleted=row.deleted)


def create(
    conn: Connection,
    source_id: int,
    *,
    project_id: str,
    external_id: str,
    name: str,
    description: str | None,
    now: datetime.datetime,
    guard: Guard | None = None,
) -> int | None:
    """Create a cohort with its counter rows and return its id; None if it exists.

    Two at once make one.
    """
    row = conn.execute(
        _CREATE,
        {
            "source_id": source_id,
            "project_id": texts.kept_id(project_id),
            "external_id": external_id,
            "key": digest(project_id, external_id),
            "name": name,
            "description": description,
            "guard": None if guard is None else json.dumps(dataclasses.asdict(guard)),
            "now": now,
        },
    ).one_or_none()
    if row is None:
        return None
    conn.execute(_CREATE_INTAKE_STATE, {"cohort_id": row.id})
    conn.execute(_CREATE_APPLY_STATE, {"cohort_id": row.id, "now": now})
    return int(row.id)


def count(conn: Connection, source_id: int, *, most: int) -> int:
    """Count the cohorts of a source that are not deleted, no further than to `most`."""
    return int(conn.execute(_SOME, {"source_id": source_id, "most": most}).scalar_one())


def rename(
    conn: Connection, cohort_id: int, *, name: str, description: str | None, now: datetime.datetime
) -> None:
    """Take over the texts of the newest session; the caller holds the counters of accepting."""
    parameters = {"id": cohort_id, "name": name, "description": description, "now": now}
    conn.execute(_RENAME, parameters)


def get(conn: Connection, cohort_id: int, *, now: datetime.datetime) -> Cohort | None:
    """Read a cohort that is not deleted."""
    which = Filter(id=cohort_id)
    found = listing(conn, which, now=now, after=0, limit=1)
    return found[0] if found else None


def listing(
    conn: Connection,
    which: Filter,
    *,
    now: datetime.datetime,
    after: int,
    limit: int,
    find: str | None = None,
) -> list[Cohort]:
    """List cohorts by id, from the first beyond `after`.

    With `find` those that have it in their name, in any case, or for their id at the source.
    """
    parameters = dataclasses.asdict(which) | {"key": None, "after": after, "limit": limit}
    parameters |= {
        "find": find,
        "now": now,
        "intervals": freshness.INTERVALS,
        "look_seconds": freshness.LOOK_KEPT.total_seconds(),
    }
    parameters["project_id"] = _kept(which.project_id)
    if which.project_id is not None and which.external_id is not None:
        parameters["key"] = digest(which.project_id, which.external_id)
    return [_cohort(row._mapping, now=now) for row in conn.execute(_READ, parameters)]


def present(
    conn: Connection, *, source: str | None, project_id: str | None, limit: int
) -> dict[int, Label]:
    """Name cohorts of a source and project that are not deleted, by id; any, at most `limit`."""
    parameters = {"source": source, "project_id": _kept(project_id), "limit": limit}
    return {row.id: row for row in _PRESENT.rows(conn, parameters)}


def present_ids(conn: Connection, *, source: str | None, project_id: str | None) -> list[int]:
    """List the ids of all of those, in one value: of many, each row would cost more than it."""
    parameters = {"source": source, "project_id": _kept(project_id)}
    return list(conn.execute(_PRESENT_IDS, parameters).scalar_one() or ())


def labels(conn: Connection, cohort_ids: Sequence[int]) -> dict[int, Label]:
    return {row.id: row for row in conn.execute(_LABELS, {"cohort_ids": list(cohort_ids)})}


def ever(conn: Connection, *, source: str | None, project_id: str | None) -> list[int]:
    """List the ids of the cohorts of a source and project, deleted ones included."""
    parameters = {"source": source, "project_id": _kept(project_id)}
    return list(conn.execute(_EVER, parameters).scalars())


def _kept(project_id: str | None) -> str | None:
    return None if project_id is None else texts.kept_id(project_id)


def _cohort(fields: RowMapping, *, now: datetime.datetime) -> Cohort:
    plain = {**fields, "project_id": texts.id_of_kept(fields["project_id"])}
    judged = heard.judge(heard.Heard(**{one: fields[one] for one in heard.Heard._fields}), now=now)
    for one in ("expected_every_seconds", "is_live", "looked_at"):
        del plain[one]
    plain |= {"fresh_until": judged.fresh_until, "stale": judged.stale}
    plain["guard"] = Guard.of(plain["guard"])
    plain["last_load"] = receipts.last(plain)
    session_id, newer, pages, total = (
        plain.pop(f"refresh_{part}") for part in ("session", "newer", "pages", "total")
    )
    mixpanel = plain["kind"] == kinds.MIXPANEL  # a load of another is whole when it is seen
    if not mixpanel or total is None or not (newer or pages < total):
        return Cohort(**plain, refresh=None)
    refresh = Refresh(session_id=session_id, pages_received=pages, total_pages=total)
    return Cohort(**plain, refresh=refresh)


_FIND = text("""
    SELECT id, deleted_at IS NOT NULL AS deleted
    FROM cohorts WHERE source_id = :source_id AND key = :key
""")

_CREATE = text("""
    INSERT INTO cohorts
        (source_id, project_id, external_id, key, name, description, guard, created_at, updated_at)
    VALUES (:source_id, :project_id, :external_id, :key, :name, :description,
            CAST(:guard AS jsonb), :now, :now)
    ON CONFLICT (source_id, key) DO NOTHING RETURNING id
""")

_CREATE_INTAKE_STATE = text("INSERT INTO intake_state (cohort_id) VALUES (:cohort_id)")

_CREATE_APPLY_STATE = text("""
    INSERT INTO apply_state (cohort_id, updated_at) VALUES (:cohort_id, :now)
""")

_SOME = text("""
    SELECT count(*)
    FROM (SELECT FROM cohorts WHERE source_id = :source_id AND deleted_at IS NULL LIMIT :most) c
""")

_RENAME = text("""
    UPDATE cohorts SET name = :name, description = :description, updated_at = :now
    WHERE id = :id
""")

# A refresh is under way until it, or a newer one, is complete and has become the floor.
_READ = text("""
    SELECT c.id, s.slug AS source, s.kind, c.project_id, c.external_id, c.name, c.description,
           a.member_count, c.created_at, greatest(c.updated_at, a.updated_at) AS updated_at,
           CASE WHEN s.kind = 'mixpanel' THEN i.last_synced_at ELSE a.applied_at END
               AS last_synced_at,
           s.expected_every_seconds, a.last_change AS last_seq, e.epoch, c.guard, c.deleted_at,
           c.schedule, CASE WHEN c.schedule IS NOT NULL THEN c.due_at END AS next_load_at,
           c.fresh_until, c.notify,
           s.kind = 'people' AND c.schedule IS NULL AS is_live,
           o.number AS load_number, o.state AS load_state, o.ended_at AS load_finished_at,
           o.error_code AS load_code, o.error_message AS load_message, o.error_hint AS load_hint,
           d.definition, q.looked_at,
           n.session_id AS refresh_session, r.total_pages AS refresh_total,
           r.session > a.floor AS refresh_newer,
           r.more_pages + (
               SELECT coalesce(CAST(sum(upper(p) - lower(p)) AS bigint), 0)
               FROM unnest(r.pages) p) AS refresh_pages
    FROM cohorts c
    JOIN sources s ON s.id = c.source_id
    JOIN intake_state i ON i.cohort_id = c.id
    JOIN apply_state a ON a.cohort_id = c.id
    CROSS JOIN (SELECT max(epoch) AS epoch FROM epochs) e
    LEFT JOIN syncs r
        ON r.cohort_id = i.cohort_id AND r.session = i.refresh_session AND r.action = 'members'
        AND r.session >= a.floor
    LEFT JOIN sessions n ON n.cohort_id = r.cohort_id AND n.number = r.session
    LEFT JOIN loads o ON o.cohort_id = i.cohort_id AND o.number = i.last_load
    LEFT JOIN cohort_definitions d ON d.cohort_id = i.cohort_id AND d.is_latest
    LEFT JOIN rule_states q ON q.cohort_id = i.cohort_id
    WHERE (c.deleted_at IS NOT NULL) = :deleted AND c.id > :after
      AND (NOT :deleted OR s.removed_at IS NULL)
      AND (CAST(:id AS bigint) IS NULL OR c.id = :id)
      AND (CAST(:source AS text) IS NULL OR s.slug = :source)
      AND (CAST(:project_id AS text) IS NULL OR c.project_id = :project_id)
      AND (CAST(:external_id AS text) IS NULL OR c.external_id = :external_id)
      AND (CAST(:key AS bytea) IS NULL OR c.key = :key)
      AND (CAST(:name AS text) IS NULL OR c.name = :name)
      AND (CAST(:kind AS text) IS NULL OR s.kind = :kind)
      AND (CAST(:search AS text) IS NULL
           OR strpos(lower(c.name COLLATE "C"), lower(CAST(:search AS text) COLLATE "C")) > 0)
      AND (CAST(:find AS text) IS NULL OR strpos(lower(c.name), lower(:find)) > 0
           OR c.external_id = :find)
      AND (NOT :stale OR CASE
          WHEN s.kind = 'people' AND c.schedule IS NULL
              THEN coalesce(q.looked_at, '-infinity') + make_interval(secs => :look_seconds) < :now
          WHEN c.fresh_until IS NOT NULL THEN c.fresh_until <= :now
          ELSE coalesce(i.last_synced_at, '-infinity')
              + :intervals * make_interval(secs => s.expected_every_seconds) < :now
          END)
    ORDER BY c.id LIMIT :limit
""")

_PRESENT = Statement("""
    SELECT c.id, s.slug AS source, c.project_id, c.external_id, c.name
    FROM cohorts c JOIN sources s ON s.id = c.source_id
    WHERE c.deleted_at IS NULL
      AND (CAST(:source AS text) IS NULL OR s.slug = :source)
      AND (CAST(:project_id AS text) IS NULL OR c.project_id = :project_id)
    LIMIT :limit
""")

_PRESENT_IDS = text("""
    SELECT array_agg(c.id)
    FROM cohorts c JOIN sources s ON s.id = c.source_id
    WHERE c.deleted_at IS NULL
      AND (CAST(:source AS text) IS NULL OR s.slug = :source)
      AND (CAST(:project_id AS text) IS NULL OR c.project_id = :project_id)
""")

_LABELS = text("""
    SELECT c.id, s.slug AS source, c.project_id, c.external_id, c.name
    FROM cohorts c JOIN sources s ON s.id = c.source_id
    WHERE c.id = ANY(:cohort_ids)
""")

_EVER = text("""
    SELECT c.id FROM cohorts c JOIN sources s ON s.id = c.source_id
    WHERE (CAST(:source AS text) IS NULL OR s.slug = :source)
      AND (CAST(:project_id AS text) IS NULL OR c.project_id = :project_id)
    ORDER BY c.id
""")
