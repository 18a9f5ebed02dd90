"""Tables of rules: how far those of cohorts were evaluated, and indexes that make them fast."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Identity, Index, Table, Text, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from gateway.store.db.metadata import NOW_TYPE, metadata

# `number` is the definition in force, 0 before the first was applied; it was seen from `looked_at`
# with what had arrived before the cut `arrival`, and the cohorts that it names at the seqs of
# `seqs`. `load` put it in force. All people were looked at `whole_at`; if null, they are to be.
rule_states = Table(
    "rule_states",
    metadata,
    Column("cohort_id", BigInteger, primary_key=True, autoincrement=False),
    Column("number", BigInteger, nullable=False, server_default=text("0")),
    Column("looked_at", NOW_TYPE),
    Column("whole_at", NOW_TYPE),
    Column("arrival", BigInteger, nullable=False, server_default=text("0")),
    Column("seqs", JSONB, nullable=False, server_default=text("'{}'")),
    Column("load", BigInteger),
    Column("drift", BigInteger, nullable=False, server_default=text("0")),
    Column("error_code", Text),
)

# Properties of events that have an index: one on each month, of the events of a source and a name.
# `state` is building, ready, failed, or dropping; `error` says why the last try failed.
event_indexes = Table(
    "event_indexes",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("source_id", BigInteger, nullable=False),
    Column("name", Text(collation="C"), nullable=False),
    Column("path", ARRAY(Text), nullable=False),
    Column("state", Text, nullable=False),
    Column("error", Text),
    Column("requested_at", NOW_TYPE, nullable=False),
    Column("ready_at", NOW_TYPE),
    Index("event_indexes_property_idx", "source_id", "name", "path", unique=True),
)
