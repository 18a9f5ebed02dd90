"""The table of API keys."""

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
)
