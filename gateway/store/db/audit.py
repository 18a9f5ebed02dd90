"""The audit log: a row for each thing that was changed, read out or tried, without its content.

A change and its row are written in one transaction. Rows hold names and numbers, never secrets and
no data of members.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

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
    parameters = {
        "at": now,
        "by": actor.name,
        "via": actor.via,
        "action": action,
        "thing": str(thing),
        "details": orjson.dumps(details).decode(),
    }
    conn.execute(_WRITE, parameters)


def listing(conn: Connection, *, before: int, limit: int) -> list[Entry]:
    """List the rows before one, the newest first."""
    rows = conn.execute(_LIST, {"before": before, "limit": limit})
    return [Entry(**row._mapping) for row in rows]


def prune(conn: Connection, *, before: datetime.datetime, limit: int) -> int:
    """Delete the oldest rows from before a moment; returns how many."""
    return conn.execute(_PRUNE, {"before": before, "limit": limit}).rowcount


_WRITE = text("""
    INSERT INTO audit_log (at, by, via, action, thing, details)
    VALUES (:at, :by, :via, :action, :thing, CAST(:details AS jsonb))
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
