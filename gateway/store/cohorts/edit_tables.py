"""The table of requests that are made once, however often they are sent."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, LargeBinary, Table

from gateway.store.db.metadata import NOW_TYPE, metadata

# `key` is the digest of an API key's name, a method, a path and an Idempotency-Key.
idempotency_keys = Table(
    "idempotency_keys",
    metadata,
    Column("cohort_id", BigInteger, primary_key=True, autoincrement=False),
    Column("key", LargeBinary, primary_key=True),
    Column("digest", LargeBinary, nullable=False),
    Column("session", BigInteger, nullable=False),
    Column("at", NOW_TYPE, nullable=False),
)
