"""Tables of access: API keys, and the sessions of the console that keys opened."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Identity, LargeBinary, Table, Text
from sqlalchemy.dialects.postgresql import ARRAY

from gateway.store.db.metadata import NOW_TYPE, metadata

api_keys = Table(
    "api_keys",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("name", Text, nullable=False),
    Column("hash", LargeBinary, nullable=False, unique=True),
    Column("scopes", ARRAY(Text), nullable=False),
    Column("created_at", NOW_TYPE, nullable=False),
    Column("revoked_at", NOW_TYPE),
    Column("expires_at", NOW_TYPE),
    # The slug of the only source that the key may post to.
    Column("source", Text),
)

# The id of a session is in its cookie alone. No foreign key: api_keys is on every node of Citus,
# this is not, and keys are revoked but never deleted.
console_sessions = Table(
    "console_sessions",
    metadata,
    Column("hash", LargeBinary, primary_key=True),
    Column("key_id", BigInteger, nullable=False),
    Column("created_at", NOW_TYPE, nullable=False),
    Column("used_at", NOW_TYPE, nullable=False),
)
