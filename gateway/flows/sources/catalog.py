"""The sources as services and operators see them: what each is set to, and how it fares."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Final

from gateway import errors
from gateway.core import fields
from gateway.flows.cohorts.parts import ListPage
from gateway.store.sources import reads, refusals, secrets, sources
from gateway.store.sources.secrets import Sealed
from gateway.store.syncs import action_imports

if TYPE_CHECKING:
    import datetime
    from collections.abc import Mapping, Sequence

    from sqlalchemy import Connection

    from gateway.core.syncs.forwarding import State
    from gateway.flows.sources.setup import Setup
    from gateway.store.db.engine import Pool
    from gateway.store.sources.sources import Listed


@dataclasses.dataclass(frozen=True, kw_only=True)
class Trouble:
    """What keeps a source from its work, since it last was at it."""

    code: str
    message: str
    at: datetime.datetime


@dataclasses.dataclass(frozen=True, kw_only=True)
class SecretSet:
    """When a secret was set; its value is in no answer."""

    set_at: datetime.datetime


@dataclasses.dataclass(frozen=True, kw_only=True)
class Forwarding:
    """How the sending of recorded actions to Mixpanel fares; counts are since it was set up."""

    state: State
    waiting: int
    oldest_at: datetime.datetime | None
    sent: int
    rejected: int
    last_sent_at: datetime.datetime | None
    next_try_at: datetime.datetime | None
    last_error: Trouble | None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Entry:
    """A source, without anything secret; a secret that is not set is None."""

    slug: str
    kind: str
    name: str
    paused: bool
    config: Mapping[str, object]
    secrets: Mapping[str, SecretSet | None]
    cohort_count: int
    created_at: datetime.datetime
    last_ok_at: datetime.datetime | None
    last_error: Trouble | None
    notify: Sequence[str] | None
    forwarding: Forwarding | None = None


def listing(
    pool: Pool, setup: Setup, *, kind: str | None, after: str, limit: int, now: datetime.datetime
) -> ListPage[Entry, tuple[str]]:
    """List the sources by slug, or those of one kind."""
    with pool.read() as conn:
        found = sources.listing(conn, now=now, kind=kind, after=after, limit=limit + 1)
        return ListPage.cut(_entries(conn, setup, found), limit, _position)


def entry(pool: Pool, setup: Setup, slug: str, *, now: datetime.datetime) -> Entry:
    """Read one source. Raises errors.NotFound."""
    with pool.read() as conn:
        found = _entries(conn, setup, sources.listing(conn, now=now, slug=slug))
    if not found:
        raise errors.NotFound("no such source, or it was removed")
    return found[0]


def _position(entry: Entry) -> tuple[str]:
    return (entry.slug,)


def _entries(conn: Connection, setup: Setup, found: Sequence[Listed]) -> list[Entry]:
    pages = sources.last_pages(conn, [one.slug for one in found])
    read = [one.id for one in found if setup.vendor(one.kind) is not None]
    applied = reads.last_applied(conn, read) if read else {}
    troubles = _troubles(conn) | (_failures(conn, read) if read else {})
    imports = _forwarding(conn, setup, found)
    sealed = dict[int, list[Sealed]]()
    for secret in secrets.of_sources(conn, [one.id for one in found]):
        sealed.setdefault(secret.source_id, []).append(secret)
    return [
        Entry(
            slug=one.slug,
            kind=one.kind,
            name=one.name,
            paused=one.paused_at is not None,
            config=_config(setup, one),
            secrets=_secrets(setup, one, sealed.get(one.id, ())),
            cohort_count=one.cohorts,
            created_at=one.created_at,
            last_ok_at=(applied if one.id in read else pages).get(one.slug),
            last_error=_unreadable(setup, sealed.get(one.id, ())) or troubles.get(one.slug),
            notify=one.notify,
            forwarding=imports.get(one.id),
        )
        for one in found
    ]


def forwarding(conn: Connection, source_ids: Sequence[int]) -> dict[int, Forwarding]:
    """Tell how forwarding fares, of the sources among these that forward actions."""
    return {
        one.source_id: Forwarding(
            state=one.state,
            waiting=one.waiting,
            oldest_at=one.oldest_at,
            sent=one.sent,
            rejected=one.rejected,
            last_sent_at=one.last_sent_at,
            next_try_at=one.next_at,
            last_error=_trouble(one),
        )
        for one in action_imports.standings(conn, source_ids)
    }


def _forwarding(conn: Connection, setup: Setup, found: Sequence[Listed]) -> dict[int, Forwarding]:
    """Look at the sources that are set to forward actions; most requests find none."""
    kinds = {name for name, kind in setup.kinds.items() if kind.needs}
    ids = [one.id for one in found if one.kind in kinds and one.config.get("import")]
    return forwarding(conn, ids) if ids else {}


def _trouble(one: action_imports.Standing) -> Trouble | None:
    if one.error_code is None or one.error_message is None or one.error_at is None:
        return None
    return Trouble(code=one.error_code, message=one.error_message, at=one.error_at)


def _config(setup: Setup, one: Listed) -> Mapping[str, object]:
    """Show what a kind has; of a kind that only a newer version knows, all that is kept."""
    kind = setup.kinds.get(one.kind)
    return one.config if kind is None else fields.shown(kind.config, one.config)


def _secrets(setup: Setup, one: Listed, sealed: Sequence[Sealed]) -> Mapping[str, SecretSet | None]:
    kind = setup.kinds.get(one.kind)
    unset: dict[str, SecretSet | None] = {} if kind is None else dict.fromkeys(_names(kind.secrets))
    return unset | {secret.name: SecretSet(set_at=secret.set_at) for secret in sealed}


def _names(declared: Sequence[fields.Field]) -> list[str]:
    return [one.name for one in declared]


def _unreadable(setup: Setup, sealed: Sequence[Sealed]) -> Trouble | None:
    """Tell of the first secret that no key can read any more; nothing else fails of it."""
    for secret in sealed:
        error = setup.unreadable(secret)
        if error is not None:
            return Trouble(code=error.code, message=str(error), at=secret.set_at)
    return None


def _failures(conn: Connection, source_ids: Sequence[int]) -> dict[str, Trouble]:
    """Find the newest load of each database that failed and is not over."""
    return {
        slug: Trouble(code=one.code, message=one.message, at=one.at)
        for slug, one in reads.last_failed(conn, source_ids).items()
    }


def _troubles(conn: Connection) -> dict[str, Trouble]:
    """Find the newest refusal of each source that is not over."""
    found = sorted(refusals.unresolved(conn), key=lambda one: one.last_at)
    return {
        one.source: Trouble(code=_CODES[one.status], message=one.message, at=one.last_at)
        for one in found
    }


_CODES: Final = {
    kind.status: kind.code
    for kind in (errors.Malformed, errors.Unauthenticated, errors.Forbidden, errors.NotFound)
}
