"""Tables of loads: their receipts, the files that they read, and rows to look at."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from gateway.store.db.metadata import NOW_TYPE, metadata

# The session has the place in order that was taken when the reading of `epoch` began. What is
# counted are the staged pages of that reading.
loads = Table(
    "loads",
    metadata,
    Column("cohort_id", BigInteger, primary_key=True, autoincrement=False),
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("mode", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("session", BigInteger, nullable=False),
    Column("epoch", BigInteger, nullable=False),
    Column("pages", BigInteger, nullable=False, server_default=text("0")),
    Column("members", BigInteger, nullable=False, server_default=text("0")),
    Column("received", BigInteger, nullable=False, server_default=text("0")),
    Column("skipped", JSONB, nullable=False, server_default=text("'{}'")),
    Column("begun_at", NOW_TYPE, nullable=False),
    Column("ended_at", NOW_TYPE),
    Column("trigger", Text, nullable=False, server_default=text("'request'")),
    Column("review", Boolean, nullable=False, server_default=text("false")),
    Column("bare", Boolean, nullable=False, server_default=text("false")),
    # Of several rows of an id, all but the last.
    Column("duplicates", BigInteger, nullable=False, server_default=text("0")),
    Column("warnings", JSONB, nullable=False, server_default=text("'{}'")),
    Column("progress", Float),
    Column("would_enter", BigInteger),
    Column("would_exit", BigInteger),
    Column("approval", Text),
    Column("shrink_waived", Boolean, nullable=False, server_default=text("false")),
    Column("expires_at", NOW_TYPE),
    Column("entered", BigInteger),
    Column("exited", BigInteger),
    Column("last_seq", BigInteger),
    Column("error_code", Text),
    Column("error_message", Text),
    Column("error_hint", Text),
    # How the file is to be read, which one that is, and what it turned out to be.
    Column("options", JSONB, nullable=False, server_default=text("'{}'")),
    Column("upload", Text),
    Column("file", JSONB),
    Column("requested_by", Text),
    Column("definition_number", BigInteger),
    Column("queued_at", NOW_TYPE),
    Column("started_at", NOW_TYPE),
    # The version of the cohort that this load was found to change nothing of.
    Column("same_at", BigInteger),
    # For the list of all loads, newest first.
    Index("loads_number_idx", "number"),
    # For what is not over yet.
    Index(
        "loads_state_idx",
        "state",
        postgresql_where=text("state IN ('queued', 'reading', 'needs_approval', 'applying')"),
    ),
)

# Rows of a load, packed: page 0 has the first ones as they were understood, the others those of a
# page that were rejected. People erased up to `clean_through` are not among them.
load_rows = Table(
    "load_rows",
    metadata,
    Column("cohort_id", BigInteger, primary_key=True, autoincrement=False),
    Column("load", BigInteger, primary_key=True, autoincrement=False),
    Column("page", BigInteger, primary_key=True, autoincrement=False),
    Column("rows", LargeBinary, nullable=False),
    Column("clean_through", BigInteger, nullable=False),
    Column("stored_at", NOW_TYPE, nullable=False),
)

# What the columns of a file were when it was last applied; `columns` is a digest of their names.
load_mappings = Table(
    "load_mappings",
    metadata,
    Column("cohort_id", BigInteger, primary_key=True, autoincrement=False),
    Column("columns", LargeBinary, primary_key=True),
    Column("mapping", JSONB, nullable=False),
    Column("applied_at", NOW_TYPE, nullable=False),
)

# Files that came, whole or in parts. One that a load has taken goes when that has ended.
uploads = Table(
    "uploads",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text),
    Column("bytes", BigInteger),
    Column("created_at", NOW_TYPE, nullable=False),
    Column("expires_at", NOW_TYPE, nullable=False),
    Column("load_cohort", BigInteger),
    Column("load_number", BigInteger),
)

upload_parts = Table(
    "upload_parts",
    metadata,
    Column("upload", Text, primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("bytes", BigInteger, nullable=False),
)

# A part is cut, so that no more of it than a piece is in memory at once.
upload_pieces = Table(
    "upload_pieces",
    metadata,
    Column("upload", Text, primary_key=True),
    Column("part", Integer, primary_key=True, autoincrement=False),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("data", LargeBinary, nullable=False),
)
