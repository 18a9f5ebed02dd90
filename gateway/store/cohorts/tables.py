"""Tables of cohorts: their pages, sessions, members and changes.

Large tables lead each unique key with `cohort_id`, so the schema can be distributed by cohort.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Identity,
    Index,
    Integer,
    LargeBinary,
    Sequence,
    Table,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, INT8MULTIRANGE, JSONB

from gateway.store.db.metadata import NOW_TYPE, metadata

# Orders "first page of a session stored" against "person erased", across cohorts.
event_order = Sequence("event_order", metadata=metadata)

# One row; readers of changes know by it that a restore has taken numbers back.
epochs = Table("epochs", metadata, Column("epoch", Text, primary_key=True))

# `key` is the digest of (project, external id): ids of any length stay unique and indexable.
cohorts = Table(
    "cohorts",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("source_id", BigInteger, ForeignKey("sources.id"), nullable=False),
    Column("project_id", Text, nullable=False),
    Column("external_id", Text, nullable=False),
    Column("key", LargeBinary, nullable=False),
    Column("name", Text, nullable=False),
    Column("description", Text),
    Column("created_at", NOW_TYPE, nullable=False),
    Column("updated_at", NOW_TYPE, nullable=False),
    Column("deleted_at", NOW_TYPE),
    # How far a replace may shrink it unasked (`core.cohorts.guard`); null is off.
    Column("guard", JSONB),
    # When it is loaded (`store.cohorts.plans`): `planned_at` is the next time of the schedule, as
    # counted from `scheduled_at`, and `due_at` that or a try before it. A live rule that could not
    # be put in force has `due_at` alone.
    Column("schedule", JSONB),
    Column("scheduled_at", NOW_TYPE),
    Column("planned_at", NOW_TYPE),
    Column("due_at", NOW_TYPE),
    Column("failures", Integer, nullable=False, server_default=text("0")),
    Column("fresh_until", NOW_TYPE),
    # The channels of its notices; null for those of what is above it.
    Column("notify", ARRAY(Text)),
    Index("cohorts_source_id_key_key", "source_id", "key", unique=True),
    Index("cohorts_due_at_idx", "due_at", postgresql_where=text("due_at IS NOT NULL")),
)

# Written only by accepting. Numbers start at 1 and have no gaps.
intake_state = Table(
    "intake_state",
    metadata,
    Column("cohort_id", BigInteger, primary_key=True, autoincrement=False),
    Column("closed", Boolean, nullable=False, server_default=text("false")),
    Column("last_delivery", BigInteger, nullable=False, server_default=text("0")),
    Column("last_session", BigInteger, nullable=False, server_default=text("0")),
    # The newest unbroken run of one session and action, and its first delivery.
    Column("run_session", BigInteger, nullable=False, server_default=text("0")),
    Column("run_action", Text, nullable=False, server_default=text("''")),
    Column("run_from", BigInteger, nullable=False, server_default=text("1")),
    Column("refresh_session", BigInteger, nullable=False, server_default=text("0")),
    Column("last_synced_at", NOW_TYPE),
    Column("accepted_pages", BigInteger, nullable=False, server_default=text("0")),
    Column("accepted_members", BigInteger, nullable=False, server_default=text("0")),
    Column("duplicate_pages", BigInteger, nullable=False, server_default=text("0")),
    # The number of the newest load.
    Column("last_load", BigInteger),
    postgresql_with={"fillfactor": "50"},
)

# Written, and locked, only by applying. Deliveries up to `applied_through` are done.
apply_state = Table(
    "apply_state",
    metadata,
    Column("cohort_id", BigInteger, primary_key=True, autoincrement=False),
    Column("applied_through", BigInteger, nullable=False, server_default=text("0")),
    Column("attempts", Integer, nullable=False, server_default=text("0")),
    Column("member_count", BigInteger, nullable=False, server_default=text("0")),
    # The session of the newest completed refresh: pages of older sessions change nothing.
    Column("floor", BigInteger, nullable=False, server_default=text("0")),
    Column("last_change", BigInteger, nullable=False, server_default=text("0")),
    Column("oldest_change", BigInteger, nullable=False, server_default=text("1")),
    Column("entered", BigInteger, nullable=False, server_default=text("0")),
    Column("exited", BigInteger, nullable=False, server_default=text("0")),
    Column("updated_at", NOW_TYPE, nullable=False),
    # Of what readers see of members and changes, and of the reports of syncs: they only rise.
    Column("version", BigInteger, nullable=False, server_default=text("0")),
    Column("sync_version", BigInteger, nullable=False, server_default=text("0")),
    # Of the first of the `attempts`; it means nothing while there are none.
    Column("failing_since", NOW_TYPE),
    # When a delivery last took effect.
    Column("applied_at", NOW_TYPE),
    CheckConstraint("member_count >= 0", name="member_count"),
    postgresql_with={"fillfactor": "50"},
)

attempts = Table(
    "attempts",
    metadata,
    Column("cohort_id", BigInteger, primary_key=True, autoincrement=False),
    Column("worker", Text),  # null when no attempt is under way
    Column("through", BigInteger, nullable=False),
    Column("lost", Integer, nullable=False),
    Column("alone_through", BigInteger, nullable=False),
)

skips = Table(
    "skips",
    metadata,
    Column("cohort_id", BigInteger, primary_key=True, autoincrement=False),
    Column("reason", Text, primary_key=True),
    Column("members", BigInteger, nullable=False),
)

# `forgotten` sessions belong to a life of the cohort that ended with its deletion.
sessions = Table(
    "sessions",
    metadata,
    Column("cohort_id", BigInteger, primary_key=True, autoincrement=False),
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("session_id", Text),
    Column("session_key", LargeBinary),
    Column("started_order", BigInteger, nullable=False),
    Column("started_at", NOW_TYPE, nullable=False),
    Column("forgotten", Boolean, nullable=False, server_default=text("false")),
    Index(
        "sessions_cohort_id_session_key_key",
        "cohort_id",
        "session_key",
        unique=True,
        postgresql_where=text("NOT forgotten"),
    ),
)

# Where sessions stand among the erasures: a session may export several cohorts, and began in one.
session_starts = Table(
    "session_starts",
    metadata,
    Column("session_key", LargeBinary, primary_key=True),
    Column("started_order", BigInteger, nullable=False),
)

# What was received of a session and action; written only by accepting. Page numbers up to
# `syncs.LISTED_PAGES` are in `pages`, and `more_pages` counts those beyond.
syncs = Table(
    "syncs",
    metadata,
    Column("cohort_id", BigInteger, primary_key=True, autoincrement=False),
    Column("session", BigInteger, primary_key=True, autoincrement=False),
    Column("action", Text, primary_key=True),
    Column("total_pages", BigInteger, nullable=False),
    Column("pages", INT8MULTIRANGE, nullable=False),
    Column("members_received", BigInteger, nullable=False),
    Column("skipped", JSONB, nullable=False, server_default=text("'{}'")),
    Column("duplicates", BigInteger, nullable=False, server_default=text("0")),
    Column("started_at", NOW_TYPE, nullable=False),
    Column("last_received_at", NOW_TYPE, nullable=False),
    Column("more_pages", BigInteger, nullable=False, server_default=text("0")),
)

# What came of it; written only by applying.
sync_results = Table(
    "sync_results",
    metadata,
    Column("cohort_id", BigInteger, primary_key=True, autoincrement=False),
    Column("session", BigInteger, primary_key=True, autoincrement=False),
    Column("action", Text, primary_key=True),
    Column("total_pages", BigInteger, nullable=False),
    Column("pages", INT8MULTIRANGE, nullable=False),
    Column("entered", BigInteger, nullable=False, server_default=text("0")),
    Column("exited", BigInteger, nullable=False, server_default=text("0")),
    Column("state", Text, nullable=False),
    Column("completed_at", NOW_TYPE),
    Column("more_pages", BigInteger, nullable=False, server_default=text("0")),
)

# The inbox. Numbers above zero are those of `intake_state`; those below zero are staged pages of
# loads, which nothing takes for deliveries (`core.cohorts.load.staged_number`).
deliveries = Table(
    "deliveries",
    metadata,
    Column("cohort_id", BigInteger, primary_key=True, autoincrement=False),
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("session", BigInteger, nullable=False),
    Column("action", Text, nullable=False),
    Column("page", BigInteger, nullable=False),
    Column("total_pages", BigInteger, nullable=False),
    Column("digest", LargeBinary, nullable=False),
    Column("members", Integer, nullable=False),
    Column("roster", LargeBinary, nullable=False),
    Column("received_at", NOW_TYPE, nullable=False),
    Column("request_id", Text),
    Column("traceparent", Text),
    # The load that this delivery makes visible; its pages are the deliveries below zero.
    Column("load", BigInteger),
    Index(
        "deliveries_identity_key", "cohort_id", "session", "action", "page", "digest", unique=True
    ),
)

# Deliveries that applying gave up on; `retry_requested_at` puts one back into the queue.
blocked_deliveries = Table(
    "blocked_deliveries",
    metadata,
    Column("cohort_id", BigInteger, primary_key=True, autoincrement=False),
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("attempts", Integer, nullable=False),
    Column("code", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("blocked_at", NOW_TYPE, nullable=False),
    Column("retry_requested_at", NOW_TYPE),
)

# `entered_at` is null for a tombstone: a session took this person out and is remembered for it.
memberships = Table(
    "memberships",
    metadata,
    Column("cohort_id", BigInteger, primary_key=True, autoincrement=False),
    Column("member_id", Text(collation="C"), primary_key=True),
    Column("session", BigInteger, nullable=False),
    Column("entered_at", NOW_TYPE),
    Column("distinct_id", Text),
    Column("email", Text),
    Column("first_name", Text),
    Column("last_name", Text),
    Column("phone", Text),
    Column("properties", JSONB),
)

# One row covers the consecutive seqs `first_seq`..`last_seq` (at most 1,000) of one kind.
changes = Table(
    "changes",
    metadata,
    Column("cohort_id", BigInteger, primary_key=True, autoincrement=False),
    Column("last_seq", BigInteger, primary_key=True, autoincrement=False),
    Column("first_seq", BigInteger, nullable=False),
    Column("kind", Text, nullable=False),
    Column("at", NOW_TYPE, nullable=False),
    Column("session", BigInteger),
    Column("member_ids", ARRAY(Text), nullable=False),
)

# How many members a cohort had at the end of an hour in which they changed, and how they did.
cohort_hours = Table(
    "cohort_hours",
    metadata,
    Column("cohort_id", BigInteger, primary_key=True, autoincrement=False),
    # The index is for sums over all cohorts; updates leave it as it is.
    Column("hour", NOW_TYPE, primary_key=True, index=True),
    Column("members", BigInteger, nullable=False),
    Column("entered", BigInteger, nullable=False),
    Column("exited", BigInteger, nullable=False),
)

# Erased people, each as a digest of the member id; null source or project means all of them.
erasures = Table(
    "erasures",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("erased_order", BigInteger, nullable=False, index=True),
    Column("source_id", BigInteger),
    Column("project_id", Text),
    Column("member_digest", LargeBinary, nullable=False, index=True),
    Column("erased_at", NOW_TYPE, nullable=False),
)

# Erasures of people that kept pages may name: those after cohort and number were not looked at.
scrubs = Table(
    "scrubs",
    metadata,
    Column("erased_order", BigInteger, primary_key=True, autoincrement=False),
    Column("after_cohort", BigInteger, nullable=False, server_default=text("0")),
    Column("after_number", BigInteger, nullable=False, server_default=text("0")),
)

# Erasures of people that the history still names: that of cohorts beyond `after_cohort`.
redactions = Table(
    "redactions",
    metadata,
    Column("erased_order", BigInteger, primary_key=True, autoincrement=False),
    Column("member_id", Text, nullable=False),
    Column("source_id", BigInteger),
    Column("project_id", Text),
    Column("after_cohort", BigInteger, nullable=False, server_default=text("0")),
)
