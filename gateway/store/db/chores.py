"""Chores: what one process at a time does now and then, claimed in Postgres."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Final

from sqlalchemy import BigInteger, Column, Table, Text, text

from gateway.store.db.metadata import NOW_TYPE, metadata

if TYPE_CHECKING:
    import datetime

    from sqlalchemy import Connection

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


# After which to go on with the first cohort of a round that has begun.
FIRST: Final = -1


@dataclasses.dataclass(frozen=True, kw_only=True)
class Round:
    """A chore that was claimed: when this round of it began, and after which cohort to go on.

    `FIRST` and 0 both come before every cohort, but 0 is a round that begins.

    The time is by the clock of the database: a clock that jumps elsewhere must not make everything
    look old.
    """

    begun_at: datetime.datetime
    after: int


def claim(
    conn: Connection, chore: str, *, every_seconds: float, lease_seconds: float
) -> Round | None:
    """Claim a chore that is due or was left halfway; None if there is nothing to do now.

    No other process has it until it is given back, or the lease has run out.
    """
    parameters = {"chore": chore, "every": every_seconds, "lease": lease_seconds}
    row = conn.execute(_CLAIM, parameters).one_or_none()
    row = row or conn.execute(_CLAIM_FIRST, parameters).one_or_none()
    return None if row is None else Round(begun_at=row.begun_at, after=row.after)


def give_back(conn: Connection, chore: str, *, after: int) -> None:
    """Say after which cohort a round is to go on; 0 if it is through."""
    conn.execute(_GIVE_BACK, {"chore": chore, "after": after})


# Looked at every second and due every hour, so a look must not write.
_CLAIM = text("""
    UPDATE chores
    SET begun_at = CASE WHEN after = 0 THEN statement_timestamp() ELSE begun_at END,
        leased_until = statement_timestamp() + make_interval(secs => :lease)
    WHERE name = :chore
      AND (after <> 0 OR begun_at < statement_timestamp() - make_interval(secs => :every))
      AND (leased_until IS NULL OR leased_until < statement_timestamp())
    RETURNING begun_at, after
""")

_CLAIM_FIRST = text("""
    INSERT INTO chores (name, begun_at, leased_until)
    VALUES (:chore, statement_timestamp(),
            statement_timestamp() + make_interval(secs => :lease))
    ON CONFLICT (name) DO NOTHING RETURNING begun_at, after
""")

_GIVE_BACK = text("UPDATE chores SET after = :after, leased_until = NULL WHERE name = :chore")
