"""Tables of destinations and their secrets, and of sync jobs, their runs and their ledgers."""

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
    SmallInteger,
    Table,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

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

# A cohort that is kept at a destination. `cohort` is no key: it is on other nodes of Citus.
sync_jobs = Table(
    "sync_jobs",
    metadata,
    Column("id", Integer, Identity(always=True), primary_key=True),
    Column("cohort", BigInteger, nullable=False),
    Column("destination_id", BigInteger, nullable=False),
    Column("mode", Text, nullable=False),
    Column("frequency", Text, nullable=False),
    Column("mapping", JSONB, nullable=False),
    Column("suppress", ARRAY(BigInteger), nullable=False),
    Column("consent", JSONB),
    Column("options", JSONB, nullable=False),
    Column("state", Text, nullable=False),
    # What a person asked for: `run`, `resync` or `remove`; empty if nothing.
    Column("asked", Text, nullable=False, server_default=text("''")),
    Column("planned_at", NOW_TYPE),
    # What the times of a plan are counted from; the creation if null.
    Column("plan_from", NOW_TYPE),
    # Not before then is an erasure tried again.
    Column("erase_at", NOW_TYPE),
    Column("failures", Integer, nullable=False, server_default=text("0")),
    Column("error_code", Text),
    Column("error_message", Text),
    Column("error_at", NOW_TYPE),
    Column("last_ok_at", NOW_TYPE),
    Column("audience", Text, nullable=False, server_default=text("''")),
    Column("audience_name", Text),
    # Noted before the call that creates an audience.
    Column("creating_at", NOW_TYPE),
    # Of what the last run that ended well had read, by the versions of cohorts.
    Column("synced_version", BigInteger),
    # Of what follows changes: delivered through this seq, and under way through that.
    Column("delivered", BigInteger, nullable=False, server_default=text("0")),
    Column("under_way", BigInteger),
    # The first members, of that seq: sent through this member; null when all are.
    Column("first_seq", BigInteger),
    Column("first_after", Text(collation="C")),
    Column("created_at", NOW_TYPE, nullable=False),
    Column("deleted_at", NOW_TYPE),
    # When the ledger went, as the destination was removed.
    Column("cleared_at", NOW_TYPE),
    # Whether the name of the cohort is another's there, so that the id stands beside it.
    Column("named_apart", Boolean, nullable=False, server_default=text("false")),
    # The channels of its notices; null for those of what is above it.
    Column("notify", ARRAY(Text)),
    Index(
        "sync_jobs_cohort_destination_key",
        "cohort",
        "destination_id",
        unique=True,
        postgresql_where=text("deleted_at IS NULL AND state <> 'done'"),
    ),
)

sync_runs = Table(
    "sync_runs",
    metadata,
    Column("job_id", Integer, primary_key=True, autoincrement=False),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("trigger", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("approved", Boolean, nullable=False, server_default=text("false")),
    Column("would_add", BigInteger),
    Column("would_remove", BigInteger),
    Column("added", BigInteger, nullable=False, server_default=text("0")),
    Column("removed", BigInteger, nullable=False, server_default=text("0")),
    Column("unconfirmed", BigInteger, nullable=False, server_default=text("0")),
    Column("requests", BigInteger, nullable=False, server_default=text("0")),
    Column("retries", BigInteger, nullable=False, server_default=text("0")),
    Column("skipped", JSONB, nullable=False, server_default=text("'{}'")),
    Column("rejected", JSONB, nullable=False, server_default=text("'{}'")),
    Column("receipts", JSONB, nullable=False, server_default=text("'[]'")),
    Column("error_code", Text),
    Column("error_message", Text),
    Column("queued_at", NOW_TYPE, nullable=False),
    Column("started_at", NOW_TYPE),
    Column("finished_at", NOW_TYPE),
    # Since when its vendor has answered nothing.
    Column("retrying_since", NOW_TYPE),
    # Whether the rows that a vendor refused are gone, as they are kept for less long.
    Column("rows_forgotten", Boolean, nullable=False, server_default=text("false")),
)

# What stands at a destination, or may: a row for each member and set of identifiers that was sent.
# `part` tells several of a member apart; `source` is a hash of what the identifiers were made of.
# `batch` is the request that it was sent with; its number has the time in it.
sync_ledger = Table(
    "sync_ledger",
    metadata,
    Column("cohort_id", BigInteger, primary_key=True, autoincrement=False),
    Column("job_id", Integer, primary_key=True, autoincrement=False),
    Column("member_id", Text(collation="C"), primary_key=True),
    Column("part", SmallInteger, primary_key=True, autoincrement=False),
    Column("state", SmallInteger, nullable=False),
    Column("source", BigInteger, nullable=False),
    Column("sent", Text, nullable=False),
    Column("batch", BigInteger),
)

# Requests under way: whether their rows stand at the destination is not known.
sync_batches = Table(
    "sync_batches",
    metadata,
    Column("job_id", Integer, primary_key=True, autoincrement=False),
    Column("batch", BigInteger, primary_key=True, autoincrement=False),
)

# The rows that a vendor refused, by run.
sync_rejections = Table(
    "sync_rejections",
    metadata,
    Column("cohort_id", BigInteger, primary_key=True, autoincrement=False),
    Column("job_id", Integer, primary_key=True, autoincrement=False),
    Column("run", Integer, primary_key=True, autoincrement=False),
    Column("member_id", Text(collation="C"), primary_key=True),
    Column("reason", Text, nullable=False),
    Column("message", Text, nullable=False),
)

# Persons to be erased from a destination; a row goes when nothing of theirs is left in the ledger.
sync_erasures = Table(
    "sync_erasures",
    metadata,
    Column("cohort_id", BigInteger, primary_key=True, autoincrement=False),
    Column("job_id", Integer, primary_key=True, autoincrement=False),
    Column("member_id", Text(collation="C"), primary_key=True),
    Column("asked_at", NOW_TYPE, nullable=False),
)

# What services did to members, kept so that it is done once. `cohort` is no key, as in `sync_jobs`.
actions = Table(
    "actions",
    metadata,
    Column("source_id", BigInteger, primary_key=True, autoincrement=False),
    Column("member_id", Text(collation="C"), primary_key=True),
    Column("action", Text(collation="C"), primary_key=True),
    Column("key", Text(collation="C"), primary_key=True),
    Column("claim", Text),
    Column("cohort", BigInteger),
    Column("at", NOW_TYPE, nullable=False),
    Column("properties", JSONB, nullable=False),
    Column("recorded_at", NOW_TYPE, nullable=False, index=True),
)

# Actions that wait to be sent to the Mixpanel of their source, in the order of `id`, and those that
# it refused, with its words. What was taken has no row.
action_outbox = Table(
    "action_outbox",
    metadata,
    Column("source_id", BigInteger, primary_key=True, autoincrement=False),
    Column("member_id", Text(collation="C"), primary_key=True),
    Column("action", Text(collation="C"), primary_key=True),
    Column("key", Text(collation="C"), primary_key=True),
    Column("id", BigInteger, Identity(always=True), nullable=False),
    Column("rejected_at", NOW_TYPE),
    Column("message", Text),
    Index(
        "action_outbox_waiting_idx",
        "source_id",
        "id",
        postgresql_where=text("rejected_at IS NULL"),
    ),
    Index(
        "action_outbox_rejected_idx",
        "source_id",
        "id",
        postgresql_where=text("rejected_at IS NOT NULL"),
    ),
)

# How sending fares, by source. `generation` grows with each change of the source: what a request
# that was begun before has met is no news any more.
action_imports = Table(
    "action_imports",
    metadata,
    Column("source_id", BigInteger, primary_key=True, autoincrement=False),
    Column("state", Text, nullable=False, server_default=text("'active'")),
    Column("generation", Integer, nullable=False, server_default=text("0")),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    Column("next_at", NOW_TYPE),
    Column("failing_since", NOW_TYPE),
    Column("error_code", Text),
    Column("error_message", Text),
    Column("error_at", NOW_TYPE),
    Column("sent", BigInteger, nullable=False, server_default=text("0")),
    Column("rejected", BigInteger, nullable=False, server_default=text("0")),
    Column("last_sent_at", NOW_TYPE),
)
