"""The tables of processes: which of them beat, what they counted, and what they share out."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Double, Table, Text, text

from gateway.store.metadata import NOW_TYPE, metadata

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

# Cumulative counts of one worker process; nobody else writes its rows.
worker_meters = Table(
    "worker_meters",
    metadata,
    Column("worker", Text, primary_key=True),
    Column("meter", Text, primary_key=True),
    Column("value", Double, nullable=False),
)

# Work that one process does now and then for all of them: when it was last begun, how far it has
# come in cohorts (0 when it is through), and until when a process has it.
chores = Table(
    "chores",
    metadata,
    Column("name", Text, primary_key=True),
    Column("begun_at", NOW_TYPE, nullable=False),
    Column("after", BigInteger, nullable=False, server_default=text("0")),
    Column("leased_until", NOW_TYPE),
)

rate_windows = Table(
    "rate_windows",
    metadata,
    Column("source_id", BigInteger, primary_key=True, autoincrement=False),
    Column("second", BigInteger, nullable=False),
    Column("requests", BigInteger, nullable=False),
    postgresql_with={"fillfactor": "50"},
)

TABLES = (workers, worker_meters, chores, rate_windows)
