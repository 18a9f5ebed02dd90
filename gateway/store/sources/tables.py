"""Tables of sources: their settings and secrets, their credentials, and the pages refused."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from gateway.store.db.metadata import NOW_TYPE, metadata

sources = Table(
    "sources",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("slug", Text, nullable=False),
    Column("kind", Text, nullable=False, server_default=text("'mixpanel'")),
    Column("config", JSONB, nullable=False, server_default=text("'{}'")),
    # How often the source is expected to be heard of; without it, its cohorts are never stale.
    Column("expected_every_seconds", Integer, server_default=text("1800")),
    # As the version before reads and writes parts of `config`; the next version drops them.
    Column("identity_property", Text),
    Column("project_ids", ARRAY(Text), nullable=False, server_default=text("'{}'")),
    Column("auth_required", Boolean, nullable=False, server_default=text("true")),
    Column("created_at", NOW_TYPE, nullable=False),
    Column("paused_at", NOW_TYPE),
    Column("removed_at", NOW_TYPE),
    Column("name", Text),
    # The channels of its notices; null for those of what is above it.
    Column("notify", ARRAY(Text)),
    Index("sources_slug_key", "slug", unique=True, postgresql_where=text("removed_at IS NULL")),
)

source_credentials = Table(
    "source_credentials",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("source_id", BigInteger, ForeignKey("sources.id"), nullable=False, index=True),
    Column("username", Text, nullable=False),
    Column("salt", LargeBinary, nullable=False),
    Column("hash", LargeBinary, nullable=False),
    Column("created_at", NOW_TYPE, nullable=False),
    Column("expires_at", NOW_TYPE),
)

# Encrypted under GATEWAY_SECRET_KEY, and of use only in this row (gateway/vault.py).
source_secrets = Table(
    "source_secrets",
    metadata,
    Column("source_id", BigInteger, ForeignKey("sources.id"), primary_key=True),
    Column("name", Text, primary_key=True),
    Column("ciphertext", LargeBinary, nullable=False),
    Column("set_at", NOW_TYPE, nullable=False),
)

# No foreign key: a note must not wait for a lock on its source, nor hold one that others wait for.
# A row tells of all refusals of one cohort for one reason. `key` is the digest of both; the ids are
# kept as they are shown, and `cohort_key`, as in `cohorts`, leads to the cohort if there is one.
refusals = Table(
    "refusals",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("source_id", BigInteger, nullable=False),
    Column("key", LargeBinary, nullable=False),
    Column("cohort_key", LargeBinary),
    Column("project_id", Text),
    Column("external_id", Text),
    Column("status", Integer, nullable=False),
    Column("message", Text, nullable=False),
    # Whether credentials came with any of them, or none were needed: else the sender is unknown.
    Column("signed", Boolean, nullable=False),
    Column("first_at", NOW_TYPE, nullable=False),
    Column("last_at", NOW_TYPE, nullable=False),
    Column("count", BigInteger, nullable=False),
    Column("resolved_at", NOW_TYPE),
    Index("refusals_source_id_key_key", "source_id", "key", unique=True),
)
