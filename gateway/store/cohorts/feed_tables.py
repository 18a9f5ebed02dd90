"""The tables of the feed: in which order the changes of all cohorts are told."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, SmallInteger, Table

from gateway.store.db.metadata import metadata

# A row tells of the seqs `first_seq`..`last_seq` of a cohort. Positions rise by one, and a row is
# never changed; it goes when all that it tells of is pruned.
feed = Table(
    "feed",
    metadata,
    Column("position", BigInteger, primary_key=True, autoincrement=False),
    Column("cohort", BigInteger, nullable=False),
    Column("first_seq", BigInteger, nullable=False),
    Column("last_seq", BigInteger, nullable=False),
)

# Through which seq each cohort is in the feed.
feed_heads = Table(
    "feed_heads",
    metadata,
    Column("cohort", BigInteger, primary_key=True, autoincrement=False),
    Column("last_seq", BigInteger, nullable=False),
)

# One row, which is the lock of whatever writes to the feed: the newest position, and the newest
# that has no row any more.
feed_state = Table(
    "feed_state",
    metadata,
    Column("id", SmallInteger, primary_key=True, autoincrement=False),
    Column("position", BigInteger, nullable=False),
    Column("dropped", BigInteger, nullable=False),
)
