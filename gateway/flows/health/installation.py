"""Checking whether what is in the database lets pages in, guards them, and has them applied."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from gateway.core.access import defaults, secrets
from gateway.core.health import forwarding_rules, installation_rules
from gateway.core.health.forwarding_rules import ImportFacts
from gateway.core.health.installation_rules import (
    BuiltInFacts,
    EnvironmentFacts,
    PulseFacts,
    SecretFacts,
    SourceFacts,
)
from gateway.core.sources import webhook_config
from gateway.core.syncs.forwarding import State
from gateway.flows.health import duty
from gateway.flows.sources import built_in
from gateway.flows.sources.setup import Setup
from gateway.store.access import api_keys
from gateway.store.cohorts import backlog
from gateway.store.health import heartbeats, privileges
from gateway.store.sources import secrets as secrets_kept
from gateway.store.sources import sources
from gateway.store.syncs import action_imports

if TYPE_CHECKING:
    import datetime

    from sqlalchemy import Connection

    from gateway.core.health.finding import Finding
    from gateway.settings import Settings
    from gateway.store.db.engine import Pool
    from gateway.store.sources.sources import Source


def installation(pool: Pool, settings: Settings, *, now: datetime.datetime) -> list[Finding]:
    """Judge sources, keys, processes and backlog of a database with this version's schema.

    Raises errors.Unavailable when it cannot be asked.
    """
    with pool.read() as conn:
        # A query for each source, of which there are few: it is what a request looks up, too.
        found = [
            one
            for listed in sources.listing(conn, now=now, kind=webhook_config.KIND)
            if (one := sources.find(conn, listed.slug, now=now)) is not None
        ]
        built = [BuiltInFacts(**dataclasses.asdict(one)) for one in built_in.look(conn)]
        session = privileges.facts(conn)
        valid = [key for key in api_keys.listing(conn) if key.is_valid(now)]
        pulses = _pulses(conn, now)
        waiting = _backlog(conn, settings, now)
        sealed = _secrets(conn, Setup.of(settings), now)
        imports = list(map(_import, action_imports.standings(conn)))
    in_force = {key.hash for key in valid}
    return [
        *installation_rules.session(session),
        *installation_rules.sources(map(_source, found)),
        *installation_rules.built_in(built),
        installation_rules.keys(len(valid)),
        *installation_rules.environment(_environment(settings, found, in_force)),
        *installation_rules.secrets(sealed),
        *forwarding_rules.imports(imports),
        *installation_rules.processes(pulses),
        *installation_rules.backlog(waiting),
    ]


def _source(found: Source) -> SourceFacts:
    return SourceFacts(
        slug=found.slug,
        auth_required=found.config.auth_required,
        paused=found.paused,
        logins=len(found.credentials),
    )


def _import(found: action_imports.Standing) -> ImportFacts:
    return ImportFacts(
        slug=found.source,
        stopped=found.state is State.STOPPED,
        trouble=found.error_message,
        waiting=found.waiting,
    )


def _secrets(conn: Connection, setup: Setup, now: datetime.datetime) -> SecretFacts:
    slugs = {one.id: one.slug for one in sources.listing(conn, now=now)}
    sealed = secrets_kept.of_sources(conn, list(slugs))
    lost = {slugs[one.source_id] for one in sealed if setup.unreadable(one) is not None}
    older = sum(not setup.vault.is_newest(one.ciphertext) for one in sealed)
    return SecretFacts(
        kept=len(sealed),
        older=older,
        unreadable=tuple(sorted(lost)),
        has_key=setup.vault.has_key,
    )


def _environment(settings: Settings, found: list[Source], in_force: set[bytes]) -> EnvironmentFacts:
    password, key = settings.webhook_password, settings.api_key
    verifier = secrets.Verifier()
    credentials = (
        one for source in found if source.slug == defaults.SLUG for one in source.credentials
    )
    return EnvironmentFacts(
        username=settings.webhook_username,
        password=password,
        password_is_in_force=password is not None
        and any(verifier.verify(password.encode(), one.password) for one in credentials),
        key=key,
        key_is_in_force=key is not None and secrets.hash_key(key) in in_force,
    )


def _pulses(conn: Connection, now: datetime.datetime) -> dict[str, PulseFacts]:
    return {
        pulse.kind: PulseFacts(
            alive=pulse.alive,
            working=pulse.working,
            trouble=duty.trouble(pulse),
            silent_seconds=None
            if pulse.last_beat is None
            else max(0.0, now.timestamp() - pulse.last_beat),
        )
        for pulse in heartbeats.pulses(conn)
    }


def _backlog(
    conn: Connection, settings: Settings, now: datetime.datetime
) -> installation_rules.BacklogFacts:
    totals = backlog.totals(conn, now=now)
    return installation_rules.BacklogFacts(
        pending=totals.pending,
        most=settings.max_pending_pages,
        oldest_seconds=totals.oldest_seconds,
        blocked=totals.blocked,
    )
