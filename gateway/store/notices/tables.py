"""Tables of notices: troubles that are known, and messages that are sent or wait to be."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Identity, Index, Integer, Table, Text, text
from sqlalchemy.dialects.postgresql import ARRAY

from gateway.store.db.metadata import NOW_TYPE, metadata

# A row for as long as a trouble lasts; its line and channels are those that it was told with.
troubles = Table(
    "troubles",
    metadata,
    Column("kind", Text, primary_key=True),
    Column("subject", Text, primary_key=True),
    Column("line", Text, nullable=False),
    Column("channels", ARRAY(Text), nullable=False),
    Column("began_at", NOW_TYPE, nullable=False),
)

# `outcome` is null for as long as a message waits: until `next_at`, or for the one before it.
notices = Table(
    "notices",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("channel", Text, nullable=False),
    Column("body", Text, nullable=False),
    Column("created_at", NOW_TYPE, nullable=False),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    Column("next_at", NOW_TYPE, nullable=False),
    Column("outcome", Text),
    Column("ended_at", NOW_TYPE),
    Index("notices_waiting_idx", "channel", "id", postgresql_where=text("outcome IS NULL")),
)
