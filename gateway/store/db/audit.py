"""The audit log: a row for each thing that was changed, read out or tried, without its content.

A change and its row are written in one transaction. Rows hold names and numbers, never secrets and
no data of members.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, Final

import orjson
from sqlalchemy import BigInteger, Column, Identity, Table, Text, text
from sqlalchemy.dialects.postgresql import JSONB

from gateway.store.db.metadata import NOW_TYPE, metadata

if TYPE_CHECKING:
    import datetime
    from collections.abc import Mapping

    from sqlalchemy import Connection

    from gateway.core.access.actor import Actor

audit_log = Table(
    "audit_log",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("at", NOW_TYPE, nullable=False),
    Column("by", Text),
    Column("via", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("thing", Text, nullable=False),
    Column("details", JSONB, nullable=False),
)


# Among so many times as many of the newest rows a bounded action is counted.
_NEWEST_TIMES: Final = 10


@dataclasses.dataclass(frozen=True, kw_only=True)
class Entry:
    """One row: `by` is the name of an API key, `via` a text of `Via`.

    `action` is `noun.verbed`, as events of the log are; `thing` says which of these nouns: a slug,
    a name, or an id.
    """

    id: int
    at: datetime.datetime
    by: str | None
    via: str
    action: str
    thing: str
    details: Mapping[str, Any]


def write(
    conn: Connection,
    actor: Actor,
    action: str,
    thing: object,
    *,
    now: datetime.datetime,
    **details: object,
) -> None:
    """Add a row, in the transaction of what it tells of."""
    conn.execute(_WRITE, _row(actor, action, thing, now, details))


def write_bounded(
    conn: Connection,
    actor: Actor,
    action: str,
    thing: object,
    *,
    now: datetime.datetime,
    most: int,
    within: datetime.timedelta,
    **details: object,
) -> bool:
    """Add a row unless the newest ones have `most` of this action already; tells whether it did.

    For what any sender can cause. Of some that come at once a few more may be written.
    """
    bounds = {"most": most, "since": now - within, "newest": most * _NEWEST_TIMES}
    row = _row(actor, action, thing, now, details)
    return conn.execute(_WRITE_BOUNDED, row | bounds).rowcount == 1


def listing(conn: Connection, *, before: int, limit: int) -> list[Entry]:
    """List the rows before one, the newest first."""
    rows = conn.execute(_LIST, {"before": before, "limit": limit})
    return [Entry(**row._mapping) for row in rows]


def _row(
    actor: Actor, action: str, thing: object, now: datetime.datetime, details: Mapping[str, object]
) -> dict[str, object]:
    return {
        "at": now,
        "by": actor.name,
        "via": actor.via,
        "action": action,
        "thing": str(thing),
        "details": orjson.dumps(details).decode(),
    }


def prune(conn: Connection, *, before: datetime.datetime, limit: int) -> int:
    """Delete the oldest rows from before a moment; returns how many."""
    return conn.execute(_PRUNE, {"before": before, "limit": limit}).rowcount


_WRITE = text("""
    INSERT INTO audit_log (at, by, via, action, thing, details)
    VALUES (:at, :by, :via, :action, :thing, CAST(:details AS jsonb))
""")

# Only so many of the newest rows are looked at, so that it costs the same for ever.
_WRITE_BOUNDED = text("""
    INSERT INTO audit_log (at, by, via, action, thing, details)
    SELECT :at, :by, :via, :action, :thing, CAST(:details AS jsonb)
    WHERE (SELECT count(*)
           FROM (SELECT action, at FROM audit_log ORDER BY id DESC LIMIT :newest) newest
           WHERE newest.action = :action AND newest.at > :since) < :most
""")

_LIST = text("""
    SELECT id, at, by, via, action, thing, details FROM audit_log
    WHERE id < :before
    ORDER BY id DESC LIMIT :limit
""")

# Ids rise with time but for transactions that ran at once; the oldest ids are looked at only.
_PRUNE = text("""
    DELETE FROM audit_log WHERE id = ANY(ARRAY(
        SELECT id FROM (SELECT id, at FROM audit_log ORDER BY id LIMIT :limit) oldest
        WHERE at < :before))
""")
