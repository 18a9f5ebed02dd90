"""Indexes of hot properties: asked for by an operator, and built by the scheduler."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import structlog

from gateway import errors
from gateway.core.behaviour import conditions
from gateway.core.behaviour.faults import Faults
from gateway.flows.people import lookup
from gateway.store.behaviour import indexes
from gateway.store.db import audit, chores

if TYPE_CHECKING:
    import datetime
    from collections.abc import Callable

    from gateway.core.access.actor import Actor
    from gateway.core.behaviour.rule import Path
    from gateway.store.behaviour.indexes import Piece
    from gateway.store.db.engine import Pool

Index = indexes.Index

CHORE: Final = "indexes"
EVERY_SECONDS: Final = 5.0
# What goes on for longer is not disturbed: another process sees what is being built.
LEASE_SECONDS: Final = 60.0
# Of a source: each makes storing events of its name a little slower.
MOST: Final = 20

_TOO_MANY: Final = f"a source has at most {MOST} indexes; drop one that no rule needs"
_NONE: Final = "there is no index of this property; ask for one with POST"

_log = structlog.get_logger()


def request(
    pool: Pool, slug: str, name: str, path: str, *, now: datetime.datetime, actor: Actor
) -> Index:
    """Have the index of a property built, and one that failed tried again.

    Raises errors.Invalid, errors.NotFound or errors.Conflict.
    """
    event, keys = _read(name, path)
    source_id = lookup.require_source(pool, slug)
    with pool.begin() as conn:
        if not indexes.request(conn, source_id, event, keys, now=now, most=MOST):
            raise errors.Conflict(_TOO_MANY, code="too_many")
        audit.write(conn, actor, "event_index.requested", slug, now=now, event=name, property=path)
        return _find(indexes.listing(conn, source_id), event, keys)


def request_drop(
    pool: Pool, slug: str, name: str, path: str, *, now: datetime.datetime, actor: Actor
) -> None:
    """Have the index of a property dropped. Raises what `request` does."""
    event, keys = _read(name, path)
    source_id = lookup.require_source(pool, slug)
    with pool.begin() as conn:
        if not indexes.request_drop(conn, source_id, event, keys):
            raise errors.NotFound(_NONE)
        audit.write(conn, actor, "event_index.dropped", slug, now=now, event=name, property=path)


def find(pool: Pool, slug: str, name: str, path: str) -> Index:
    """Look up the index of a property. Raises what `request` does."""
    event, keys = _read(name, path)
    return _find(listing(pool, slug), event, keys)


def listing(pool: Pool, slug: str) -> list[Index]:
    """List the indexes of a source, by name and property."""
    source_id = lookup.require_source(pool, slug)
    with pool.read() as conn:
        return indexes.listing(conn, source_id)


def tend(
    pool: Pool,
    building: Pool,
    *,
    now: Callable[[], datetime.datetime],
    every_seconds: float = EVERY_SECONDS,
) -> bool:
    """Build and drop what is due, a month after another; False if another process does.

    `building` waits for as long as an index takes. What was not built now is tried again.
    """
    with pool.begin() as conn:
        claimed = chores.claim(
            conn, CHORE, every_seconds=every_seconds, lease_seconds=LEASE_SECONDS
        )
        if claimed is not None:
            indexes.drop_orphans(conn)
    if claimed is None:
        return False
    try:
        while (piece := _next(pool)) is not None:
            _tend(pool, building, piece)
        with pool.begin() as conn:
            for index_id in indexes.settle(conn, now=now()):
                _log.info("event_index.ready", index_id=index_id)
    finally:
        with pool.begin() as conn:
            chores.give_back(conn, CHORE, after=0)
    return True


def _next(pool: Pool) -> Piece | None:
    with pool.read() as conn:
        return next((one for one in indexes.pieces(conn) if not one.is_busy), None)


def _tend(pool: Pool, building: Pool, piece: Piece) -> None:
    """Build or drop the index of a month. Raises errors.Unavailable: a later round goes on.

    What is there by now is not valid: building it was cut short.
    """
    try:
        with building.apart() as conn:
            (indexes.drop if piece.is_there else indexes.build)(conn, piece)
    except errors.GatewayError as error:
        passing = isinstance(error, errors.Unavailable)
        with pool.begin() as conn:
            indexes.fail(conn, piece.id, str(error), for_good=not passing)
        _log.warning("event_index.failed", index_id=piece.id, reason=str(error))
        if passing or piece.is_there:
            raise


def _read(name: str, path: str) -> tuple[str, Path]:
    faults = Faults()
    event = faults.attempt(lambda: conditions.name(name, "event"))
    keys = faults.attempt(lambda: conditions.path(path, "property"))
    faults.tell()
    assert event is not None, "or a fault was told"  # noqa: S101
    assert keys is not None, "or a fault was told"  # noqa: S101
    return event, keys


def _find(found: list[Index], name: str, path: Path) -> Index:
    for one in found:
        if (one.name, one.path) == (name, path):
            return one
    raise errors.NotFound(_NONE)
