"""Destinations as their operator handles them: made, changed, paused, removed."""

from __future__ import annotations

import dataclasses
import difflib
from typing import TYPE_CHECKING, Any, Final

from gateway import errors
from gateway.core import fields, secrecy
from gateway.core.access import credentials as rules
from gateway.core.access.actor import GATEWAY
from gateway.flows.syncs import setup as setups
from gateway.store.db import audit
from gateway.store.syncs import destinations, jobs, secrets

if TYPE_CHECKING:
    import datetime
    from collections.abc import Mapping

    from sqlalchemy import Connection

    from gateway.core.access.actor import Actor
    from gateway.flows.syncs.setup import Setup
    from gateway.store.db.engine import Pool
    from gateway.store.syncs.destinations import Listed

# So many of the jobs that use a destination are named.
MOST_NAMED: Final = 100


@dataclasses.dataclass(frozen=True, kw_only=True)
class Wanted:
    """A destination to be made."""

    slug: str
    kind: str
    name: str | None = None
    config: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    secrets: Mapping[str, Any] = dataclasses.field(default_factory=dict, repr=False)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Changes:
    """What to change of a destination; None, and what is not named, stays as it is."""

    name: str | None = None
    paused: bool | None = None
    config: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    secrets: Mapping[str, Any] = dataclasses.field(default_factory=dict, repr=False)

    def changed(self) -> list[str]:
        """Name the fields that change, but `paused`, which is a state of its own."""
        name = [] if self.name is None else ["name"]
        config = [f"config.{one}" for one in sorted(self.config)]
        return [*name, *config, *(f"secrets.{one}" for one in sorted(self.secrets))]


def add(
    pool: Pool, wanted: Wanted, setup: Setup, *, now: datetime.datetime, actor: Actor = GATEWAY
) -> None:
    """Make a destination.

    Raises errors.Invalid naming what cannot be used, errors.Exists if the slug is taken, and
    errors.NoSecretKey.
    """
    kind = setup.require(wanted.kind)
    wrong = secrecy.faults(kind, wanted.config, wanted.secrets, whole=True)
    if not rules.is_slug(wanted.slug):
        message = f"{wanted.slug!a} is none: use 1 to 64 lower-case letters, digits, - and _"
        wrong = [errors.Fault("slug", message), *wrong]
    config = {} if wrong else fields.read(kind.config, wanted.config)
    wrong = wrong or kind.faults(fields.shown(kind.config, config))
    if wrong:
        raise errors.Invalid(wrong)
    made = destinations.Made(slug=wanted.slug, kind=kind.name, name=wanted.name, config=config)
    with pool.begin() as conn:
        destination_id = destinations.create(conn, made, now=now)
        if destination_id is None:
            raise errors.Exists(f"there is a destination '{wanted.slug}'; choose another slug")
        setups.write_secrets(conn, setup, destination_id, wanted.secrets, now=now)
        audit.write(conn, actor, "destination.created", wanted.slug, now=now, kind=kind.name)


def change(
    pool: Pool,
    slug: str,
    changes: Changes,
    setup: Setup,
    *,
    now: datetime.datetime,
    actor: Actor = GATEWAY,
) -> None:
    """Change what a destination was made with.

    Raises errors.NotFound, errors.Invalid naming what cannot be used, errors.SecretsNeeded if
    secrets would travel elsewhere, and errors.NoSecretKey.
    """
    with pool.begin() as conn:
        found = _lock(conn, slug)
        if changes.config or changes.secrets:
            _configure(conn, found, changes, setup, now=now)
        if changes.name is not None:
            destinations.rename(conn, found.id, changes.name)
        if changes.paused is True and destinations.pause(conn, found.id, now=now):
            audit.write(conn, actor, "destination.paused", slug, now=now)
        if changes.paused is False and destinations.resume(conn, found.id):
            audit.write(conn, actor, "destination.resumed", slug, now=now)
        changed = changes.changed()
        if changed:
            audit.write(conn, actor, "destination.changed", slug, now=now, fields=changed)


def _configure(
    conn: Connection, found: Listed, changes: Changes, setup: Setup, *, now: datetime.datetime
) -> None:
    kind = setup.require(found.kind)
    wrong = secrecy.faults(kind, changes.config, changes.secrets, whole=False)
    after = found.config
    if not wrong:
        after = {**found.config, **fields.read(kind.config, changes.config)}
        wrong = kind.faults(fields.shown(kind.config, after))
    if wrong:
        raise errors.Invalid(wrong)
    kept = [one.name for one in secrets.of_destinations(conn, [found.id])]
    secrecy.require(kind, found.config, after, kept=kept, given=changes.secrets)
    destinations.configure(conn, found.id, after)
    setups.write_secrets(conn, setup, found.id, changes.secrets, now=now)


def remove(pool: Pool, slug: str, *, now: datetime.datetime, actor: Actor = GATEWAY) -> None:
    """End a destination for good. Raises errors.NotFound, and errors.Conflict naming sync jobs."""
    with pool.begin() as conn:
        found = _lock(conn, slug)
        using = jobs.using(conn, found.id, limit=MOST_NAMED)
        if using:
            named = ", ".join(map(str, using))
            raise errors.Conflict(
                f"sync jobs go to this destination: {named}; delete them first",
                code="in_use",
                sync_jobs=[str(one) for one in using],
            )
        destinations.remove(conn, found.id, now=now)
        secrets.drop_all(conn, found.id)
        audit.write(conn, actor, "destination.removed", slug, now=now)


def _lock(conn: Connection, slug: str) -> Listed:
    found = destinations.lock(conn, slug)
    if found is None:
        raise unknown(conn, slug)
    return found


def unknown(conn: Connection, slug: str) -> errors.NotFound:
    """Say that there is no such destination, and which is called alike."""
    slugs = [one.slug for one in destinations.listing(conn)]
    near = difflib.get_close_matches(slug, slugs, n=1)
    hint = f"did you mean '{near[0]}'?" if near else "`destination list` shows those there are"
    return errors.NotFound(f"there is no destination {slug!a}; {hint}")
