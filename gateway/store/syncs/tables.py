"""Tables of destinations: what each is set to, and its secrets."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    Identity,
    Index,
    LargeBinary,
    Table,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from gateway.store.db.metadata import NOW_TYPE, metadata

destinations = Table(
    "destinations",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("slug", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("name", Text),
    Column("config", JSONB, nullable=False),
    Column("created_at", NOW_TYPE, nullable=False),
    Column("paused_at", NOW_TYPE),
    Column("removed_at", NOW_TYPE),
    Index(
        "destinations_slug_key", "slug", unique=True, postgresql_where=text("removed_at IS NULL")
    ),
)

# Encrypted under GATEWAY_SECRET_KEY, and of use only in this row (gateway/vault.py).
destination_secrets = Table(
    "destination_secrets",
    metadata,
    Column("destination_id", BigInteger, ForeignKey("destinations.id"), primary_key=True),
    Column("name", Text, primary_key=True),
    Column("ciphertext", LargeBinary, nullable=False),
    Column("set_at", NOW_TYPE, nullable=False),
)
