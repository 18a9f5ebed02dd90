"""The destinations as services and operators see them: what each is set to, and how it fares."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from gateway.core import fields
from gateway.flows.cohorts.parts import ListPage
from gateway.flows.syncs import destinations as flow
from gateway.store.syncs import agenda, destinations, jobs, secrets
from gateway.store.syncs.secrets import Sealed

if TYPE_CHECKING:
    import datetime
    from collections.abc import Mapping, Sequence

    from sqlalchemy import Connection

    from gateway.flows.syncs.setup import Setup
    from gateway.store.db.engine import Pool
    from gateway.store.syncs.agenda import Health
    from gateway.store.syncs.destinations import Listed


@dataclasses.dataclass(frozen=True, kw_only=True)
class Trouble:
    """What keeps a destination from its work."""

    code: str
    message: str
    at: datetime.datetime


@dataclasses.dataclass(frozen=True, kw_only=True)
class SecretSet:
    """When a secret was set; its value is in no answer."""

    set_at: datetime.datetime


@dataclasses.dataclass(frozen=True, kw_only=True)
class Entry:
    """A destination, without anything secret; a secret that is not set is None."""

    slug: str
    kind: str
    name: str
    paused: bool
    config: Mapping[str, object]
    secrets: Mapping[str, SecretSet | None]
    created_at: datetime.datetime
    last_ok_at: datetime.datetime | None
    last_error: Trouble | None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Single:
    """A destination, and some of the sync jobs that use it."""

    entry: Entry
    jobs: Sequence[int]


def listing(
    pool: Pool, setup: Setup, *, kind: str | None, after: str, limit: int
) -> ListPage[Entry, tuple[str]]:
    """List the destinations by slug, or those of one kind."""
    with pool.read() as conn:
        found = destinations.listing(conn, kind=kind, after=after, limit=limit + 1)
        return ListPage.cut(_entries(conn, setup, found), limit, _position)


def entry(pool: Pool, setup: Setup, slug: str) -> Entry:
    """Read one destination. Raises errors.NotFound."""
    with pool.read() as conn:
        found = _entries(conn, setup, destinations.listing(conn, slug=slug))
        if not found:
            raise flow.unknown(conn, slug)
    return found[0]


def single(pool: Pool, setup: Setup, slug: str) -> Single:
    """Read one destination with the sync jobs that keep it from being removed.

    Raises errors.NotFound.
    """
    with pool.read() as conn:
        (found, *_) = destinations.listing(conn, slug=slug) or (None,)
        if found is None:
            raise flow.unknown(conn, slug)
        using = jobs.using(conn, found.id, limit=flow.MOST_NAMED)
        (entry,) = _entries(conn, setup, [found])
    return Single(entry=entry, jobs=using)


def _position(entry: Entry) -> tuple[str]:
    return (entry.slug,)


def _entries(conn: Connection, setup: Setup, found: Sequence[Listed]) -> list[Entry]:
    sealed = dict[int, list[Sealed]]()
    for secret in secrets.of_destinations(conn, [one.id for one in found]):
        sealed.setdefault(secret.destination_id, []).append(secret)
    fares = agenda.health(conn, [one.id for one in found])
    return [
        Entry(
            slug=one.slug,
            kind=one.kind,
            name=one.name,
            paused=one.paused_at is not None,
            config=_config(setup, one),
            secrets=_secrets(setup, one, sealed.get(one.id, ())),
            created_at=one.created_at,
            last_ok_at=fares[one.id].last_ok_at if one.id in fares else None,
            last_error=_unreadable(setup, sealed.get(one.id, ())) or _trouble(fares.get(one.id)),
        )
        for one in found
    ]


def _config(setup: Setup, one: Listed) -> Mapping[str, object]:
    """Show what a kind has; of a kind that only a newer version knows, all that is kept."""
    kind = setup.kinds.get(one.kind)
    return one.config if kind is None else fields.shown(kind.config, one.config)


def _secrets(setup: Setup, one: Listed, sealed: Sequence[Sealed]) -> Mapping[str, SecretSet | None]:
    kind = setup.kinds.get(one.kind)
    unset: dict[str, SecretSet | None] = {}
    if kind is not None:
        unset = {field.name: None for field in kind.secrets}
    return unset | {secret.name: SecretSet(set_at=secret.set_at) for secret in sealed}


def _trouble(health: Health | None) -> Trouble | None:
    """Tell of the newest error of a job to the destination that is not well."""
    if health is None or health.error_code is None or health.error_at is None:
        return None
    return Trouble(code=health.error_code, message=health.error_message or "", at=health.error_at)


def _unreadable(setup: Setup, sealed: Sequence[Sealed]) -> Trouble | None:
    """Tell of the first secret that no key can read any more."""
    for secret in sealed:
        error = setup.unreadable(secret)
        if error is not None:
            return Trouble(code=error.code, message=str(error), at=secret.set_at)
    return None
