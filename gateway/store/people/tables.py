"""Tables of people and events.

Each unique key begins with (source_id, person_id), that of event ids with (source_id, event_id), so
the schema can be distributed by person.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    Date,
    Identity,
    Index,
    LargeBinary,
    Sequence,
    Table,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from gateway.store.db.metadata import NOW_TYPE, metadata

# Numbers each request that brings people or events, in the order in which they take effect.
arrivals = Sequence("arrivals", metadata=metadata)

# `changed` is the arrival that created the person, or wrote traits last.
people = Table(
    "people",
    metadata,
    Column("source_id", BigInteger, primary_key=True, autoincrement=False),
    Column("person_id", Text(collation="C"), primary_key=True),
    Column("traits", JSONB, nullable=False, server_default=text("'{}'")),
    Column("created_at", NOW_TYPE, nullable=False),
    Column("updated_at", NOW_TYPE, nullable=False),
    Column("changed", BigInteger, nullable=False),
    Index("people_changed_idx", "source_id", "changed"),
    Index(
        "people_email_idx",
        "source_id",
        text("lower(coalesce(traits ->> 'email', traits ->> '$email'))"),
        postgresql_where=text("coalesce(traits ->> 'email', traits ->> '$email') IS NOT NULL"),
    ),
)

# By month of `time`; `id` is the arrival and the place in its request (`core/people/arrival.py`).
events = Table(
    "events",
    metadata,
    Column("source_id", BigInteger, primary_key=True, autoincrement=False),
    Column("person_id", Text(collation="C"), primary_key=True),
    Column("time", NOW_TYPE, primary_key=True),
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("name", Text(collation="C"), nullable=False),
    Column("event_id", Text(collation="C")),
    Column("received_at", NOW_TYPE, nullable=False),
    Column("properties", JSONB, nullable=False),
    Index("events_name_idx", "source_id", "name", "time", "person_id"),
    Index("events_id_idx", "source_id", "id"),
    postgresql_partition_by="RANGE (time)",
)

# Rows are written in the order of time and pruned by it: a few ranges are all that is looked at.
event_ids = Table(
    "event_ids",
    metadata,
    Column("source_id", BigInteger, primary_key=True, autoincrement=False),
    Column("event_id", Text(collation="C"), primary_key=True),
    Column("received_at", NOW_TYPE, nullable=False),
    Index("event_ids_received_at_idx", "received_at", postgresql_using="brin"),
)

# What was rejected lately. `person_id` is as much as could be read of it, and may be empty.
rejected_events = Table(
    "rejected_events",
    metadata,
    Column("source_id", BigInteger, primary_key=True, autoincrement=False),
    Column("person_id", Text(collation="C"), primary_key=True),
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("event", Text),
    Column("code", Text, nullable=False),
    Column("message", Text, nullable=False),
    Column("received_at", NOW_TYPE, nullable=False),
    Index("rejected_events_id_idx", "source_id", "id"),
)

# How many events of a name were received of a day (UTC, by their time). Each request adds rows, so
# none waits for another; the scheduler adds them up.
event_days = Table(
    "event_days",
    metadata,
    Column("source_id", BigInteger, nullable=False),
    Column("name", Text(collation="C"), nullable=False),
    Column("day", Date, nullable=False),
    Column("events", BigInteger, nullable=False),
    Index("event_days_name_idx", "source_id", "name", "day"),
)

# What is seen of a name with many events, or of traits (the name is empty) where there are many
# people: a list of properties with their types and frequent values. Taken anew by the hour.
seen_samples = Table(
    "seen_samples",
    metadata,
    Column("source_id", BigInteger, primary_key=True, autoincrement=False),
    Column("event", Text(collation="C"), primary_key=True),
    Column("seen", JSONB, nullable=False),
    Column("sampled_at", NOW_TYPE, nullable=False),
)

# Erased people, each as a digest of the id: what they did until then is kept out.
person_erasures = Table(
    "person_erasures",
    metadata,
    Column("source_id", BigInteger, primary_key=True, autoincrement=False),
    Column("person_digest", LargeBinary, primary_key=True),
    Column("erased_at", NOW_TYPE, nullable=False),
)

# Events to be deleted: those of a name, or of any, before a time, or of any, up to an arrival.
event_deletions = Table(
    "event_deletions",
    metadata,
    Column("id", BigInteger, Identity(always=True), primary_key=True),
    Column("source_id", BigInteger, nullable=False),
    Column("name", Text),
    Column("before", NOW_TYPE),
    Column("up_to", BigInteger, nullable=False),
    Column("requested_at", NOW_TYPE, nullable=False),
)
