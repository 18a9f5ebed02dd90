"""The table of rules that are kept as cohorts: how far each has been evaluated."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Table, Text, text
from sqlalchemy.dialects.postgresql import JSONB

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
