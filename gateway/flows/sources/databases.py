"""Databases that sources are: previews of queries, and what there is to read."""

from __future__ import annotations

import contextlib
import dataclasses
import time
from typing import TYPE_CHECKING, Any, Final

from gateway import errors
from gateway.core import fields
from gateway.core.cohorts.failures import Failure
from gateway.database_errors import QueryRefused, SourceFailed
from gateway.flows.sources import setup as setups
from gateway.sources.sql import queries, reading
from gateway.sources.sql.session import Target
from gateway.store.db import audit
from gateway.store.sources import secrets, sources

if TYPE_CHECKING:
    import datetime
    from collections.abc import Iterator, Mapping

    from gateway.core.access.actor import Actor
    from gateway.flows.sources.setup import Setup
    from gateway.sources.sql.reading import Preview, Schema
    from gateway.sources.sql.session import Session
    from gateway.sources.sql.vendor import Vendor
    from gateway.store.db.engine import Pool

# A call ends within 30 seconds; stopping a query on a server that does not listen takes some.
CALL_SECONDS: Final = 30.0
STOPPING_SECONDS: Final = 8.0
LEAST_SECONDS: Final = 1.0

# Failures of what was asked; the others are of the source, its network or its server.
_OF_QUERY: Final = frozenset(
    {
        Failure.QUERY_INVALID,
        Failure.NOT_ONE_STATEMENT,
        Failure.WRITES,
        Failure.COLUMN_MISSING,
        Failure.AMBIGUOUS_COLUMN,
        Failure.PERMISSION,
        Failure.TOO_MANY_BYTES,
    }
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Asked:
    """A query to try, and the column of its result that has the member id."""

    query: str
    member_id: str | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Found:
    """A source as it is set to, whatever its kind; `config` is as it is kept."""

    id: int
    slug: str
    kind: str
    config: Mapping[str, Any]


def preview(
    pool: Pool, setup: Setup, slug: str, asked: Asked, *, now: datetime.datetime, actor: Actor
) -> Preview:
    """Run a query for its first rows; nothing is kept.

    Raises errors.NotFound, errors.Conflict for a source that is no database, errors.Invalid for
    what is wrong with the query, and SourceFailed for what is wrong with its database.
    """
    ends_at = time.monotonic() + CALL_SECONDS - STOPPING_SECONDS
    found, vendor = require(pool, setup, slug, now=now)
    query = queries.require(asked.query, vendor.dialect)
    with pool.begin() as conn:
        audit.write(conn, actor, "source.previewed", slug, now=now)
    with _opened(pool, setup, found, vendor) as session:
        limit = max(LEAST_SECONDS, ends_at - time.monotonic())
        return reading.preview(session, query, member_id=asked.member_id, limit_seconds=limit)


def schema(pool: Pool, setup: Setup, slug: str, *, search: str, now: datetime.datetime) -> Schema:
    """List the tables of a database that can be read. Raises as `preview` does."""
    ends_at = time.monotonic() + CALL_SECONDS - STOPPING_SECONDS
    found, vendor = require(pool, setup, slug, now=now)
    with _opened(pool, setup, found, vendor) as session:
        limit = max(LEAST_SECONDS, ends_at - time.monotonic())
        return reading.schema(session, search, limit_seconds=limit)


def find(pool: Pool, slug: str, *, now: datetime.datetime) -> Found:
    """Find a source of any kind. Raises errors.NotFound."""
    with pool.read() as conn:
        listed = sources.listing(conn, now=now, slug=slug)
    if not listed:
        raise errors.NotFound("no such source, or it was removed")
    (one,) = listed
    return Found(id=one.id, slug=one.slug, kind=one.kind, config=one.config)


def require(pool: Pool, setup: Setup, slug: str, *, now: datetime.datetime) -> tuple[Found, Vendor]:
    """Find a source that is a database. Raises errors.NotFound or errors.Conflict."""
    found = find(pool, slug, now=now)
    vendor = setup.vendor(found.kind)
    if vendor is None:
        raise errors.Conflict(f"the source '{slug}' is of kind {found.kind}, and is no database")
    return found, vendor


def target(
    pool: Pool, setup: Setup, found: Found, vendor: Vendor, *, limit_seconds: float
) -> Target:
    """Decrypt what is needed to connect.

    Raises errors.ReadFailed if the driver is not installed, or a secret cannot be read.
    """
    reason = setup.kinds[found.kind].reason
    if reason is not None:
        raise errors.ReadFailed(Failure.DRIVER_MISSING, reason, hint="Install it.")
    with pool.read() as conn:
        sealed = secrets.of_sources(conn, [found.id])
    try:
        opened = {
            one.name: setup.vault.open(one.ciphertext, setups.place(found.id, one.name))
            for one in sealed
        }
    except errors.SecretUnreadable as error:
        hint = "Put its key back into GATEWAY_SECRET_KEY, or set the secret of the source anew."
        raise errors.ReadFailed(Failure.SECRET_UNREADABLE, str(error), hint=hint) from error
    return Target(
        config=fields.shown(vendor.config, found.config),
        secrets=opened,
        reach=setup.reach,
        limit_seconds=limit_seconds,
    )


@contextlib.contextmanager
def _opened(pool: Pool, setup: Setup, found: Found, vendor: Vendor) -> Iterator[Session]:
    """Lend a session for a call; what fails is refused as a request is."""
    try:
        session = reading.open_session(
            vendor, target(pool, setup, found, vendor, limit_seconds=CALL_SECONDS)
        )
        with contextlib.closing(session):
            yield session
    except errors.ReadFailed as error:
        raise _refused(error) from error


def _refused(error: errors.ReadFailed) -> errors.Refused:
    said = f"{error}. {error.hint}"
    if error.failure in _OF_QUERY:
        return QueryRefused("query", said, failure=error.failure)
    return SourceFailed(said, failure=error.failure)
