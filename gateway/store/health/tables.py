"""The tables of processes: which of them beat, what they counted, and what they share out."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Double, Table, Text

from gateway.store.db.metadata import NOW_TYPE, metadata

workers = Table(
    "workers",
    metadata,
    Column("name", Text, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("started_at", NOW_TYPE, nullable=False),
    Column("beat_at", NOW_TYPE, nullable=False),
    # When it last did, or was at, a piece of its kind's work; and what keeps it from its work.
    Column("worked_at", NOW_TYPE),
    Column("trouble", Text),
)

# Cumulative counts of one worker process; no other process writes its rows.
worker_meters = Table(
    "worker_meters",
    metadata,
    Column("worker", Text, primary_key=True),
    Column("meter", Text, primary_key=True),
    Column("value", Double, nullable=False),
)

rate_windows = Table(
    "rate_windows",
    metadata,
    Column("source_id", BigInteger, primary_key=True, autoincrement=False),
    Column("second", BigInteger, nullable=False),
    Column("requests", BigInteger, nullable=False),
    postgresql_with={"fillfactor": "50"},
)
