"""Leases: long work that one process at a time does, taken over from a process that has died.

A lease is offered once for a piece of work and claimed by a process, which beats while it works.
A lease that was not renewed in time can be claimed by another process, and that counts as a death
of the one before. Every claim has a higher token, and every write of the work asks for its token in
its own transaction (`hold`): a process that has lost its lease, and does not know yet, writes
nothing. All times are by the clock of the database.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Final

from sqlalchemy import BigInteger, Column, Identity, Integer, Table, Text, UniqueConstraint, text

from gateway import errors
from gateway.store.db.metadata import NOW_TYPE, metadata

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection

# Three beats may get lost; with the look for due work, a takeover takes less than a minute.
LEASE_SECONDS: Final = 30.0
BEAT_SECONDS: Final = 7.0
# At so many the work itself is taken to be what kills its processes.
MOST_DEATHS: Final = 3

# One row for each piece of work that is to be done, or is being done. `id` is never used again, so
# that it names, with `token`, one claim for ever.
leases = Table(
    "leases",
    metadata,
    Column("id", BigInteger, Identity(), primary_key=True),
    Column("kind", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("due_at", NOW_TYPE, nullable=False),
    Column("token", BigInteger, nullable=False, server_default=text("0")),
    Column("deaths", Integer, nullable=False, server_default=text("0")),
    Column("holder", Text),
    Column("leased_until", NOW_TYPE),
    UniqueConstraint("kind", "key"),
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Lease:
    """A claim: what to work on, as which claim of it, after how many deaths of others."""

    id: int
    kind: str
    key: str
    token: int
    deaths: int


@dataclasses.dataclass(frozen=True, kw_only=True)
class Died(Lease):
    """A claim of work at which `MOST_DEATHS` processes have died: it is to be ended, not tried."""


def offer(conn: Connection, kind: str, key: str, *, delay_seconds: float = 0.0) -> bool:
    """Offer work, due after a delay; False, and nothing changes, if it is offered already."""
    parameters = {"kind": kind, "key": key, "delay": delay_seconds}
    return conn.execute(_OFFER, parameters).rowcount == 1


def claim(
    conn: Connection,
    kind: str,
    *,
    holder: str,
    lease_seconds: float = LEASE_SECONDS,
    most_deaths: int = MOST_DEATHS,
) -> Lease | Died | None:
    """Claim the work of a kind that has been due for longest; None if there is none to claim.

    `Died` is to be ended in this transaction, by `finish`; if it is rolled back, the next claim
    finds the same.
    """
    parameters = {"kind": kind, "holder": holder, "lease": lease_seconds}
    row = conn.execute(_CLAIM, parameters).one_or_none()
    if row is None:
        return None
    of = Died if row.deaths >= most_deaths else Lease
    return of(**row._mapping)


def held(conn: Connection, kind: str) -> int:
    """Count the work of a kind that is being done; others wait for this transaction to ask it."""
    conn.execute(_TAKE_TURNS, {"kind": f"leases of {kind}"})
    return int(conn.execute(_HELD, {"kind": kind}).scalar_one())


def beat(conn: Connection, lease: Lease, *, lease_seconds: float = LEASE_SECONDS) -> bool:
    """Renew a lease; False if another process has it, or it was finished."""
    parameters = {"id": lease.id, "token": lease.token, "lease": lease_seconds}
    return conn.execute(_BEAT, parameters).rowcount == 1


def hold(conn: Connection, lease: Lease) -> None:
    """Keep a lease until the end of this transaction; call before anything is written.

    The lock on its row keeps others from claiming it meanwhile, whatever time that takes. Raises
    errors.LeaseLost if another process has it, or it was finished.
    """
    if conn.execute(_HOLD, {"id": lease.id, "token": lease.token}).one_or_none() is None:
        raise _lost(lease)


def share(conn: Connection, lease: Lease) -> None:
    """Keep a lease as `hold` does, beside other transactions of its holder that do the same.

    Raises errors.LeaseLost if another process has it, or it was finished.
    """
    if conn.execute(_SHARE, {"id": lease.id, "token": lease.token}).one_or_none() is None:
        raise _lost(lease)


def offer_all(conn: Connection, kind: str, keys: Sequence[str]) -> None:
    """Offer pieces of work, due now; what is offered already stays as it is."""
    conn.execute(_OFFER_ALL, {"kind": kind, "keys": list(keys)})


def give_back(
    conn: Connection, lease: Lease, *, delay_seconds: float = 0.0, deaths: int = 0
) -> None:
    """Let work be claimed again after a delay, with so many more deaths.

    Raises errors.LeaseLost.
    """
    parameters = {"id": lease.id, "token": lease.token, "delay": delay_seconds, "deaths": deaths}
    if conn.execute(_GIVE_BACK, parameters).rowcount == 0:
        raise _lost(lease)


def finish(conn: Connection, lease: Lease) -> None:
    """End work, in the transaction that writes its outcome. Raises errors.LeaseLost."""
    if conn.execute(_FINISH, {"id": lease.id, "token": lease.token}).rowcount == 0:
        raise _lost(lease)


def _lost(lease: Lease) -> errors.LeaseLost:
    return errors.LeaseLost(
        f"another process has taken over {lease.kind} {lease.key}, or it has ended",
    )


_OFFER = text("""
    INSERT INTO leases (kind, key, due_at)
    VALUES (:kind, :key, statement_timestamp() + make_interval(secs => :delay))
    ON CONFLICT (kind, key) DO NOTHING
""")

# `holder` is null after work was given back, so that only a lease that ran out counts as a death.
_CLAIM = text("""
    WITH oldest AS (
        SELECT id FROM leases
        WHERE kind = :kind AND due_at <= statement_timestamp()
          AND (leased_until IS NULL OR leased_until < statement_timestamp())
        ORDER BY due_at, id LIMIT 1 FOR UPDATE SKIP LOCKED)
    UPDATE leases l
    SET token = l.token + 1, holder = :holder,
        deaths = l.deaths + CASE WHEN l.holder IS NULL THEN 0 ELSE 1 END,
        leased_until = statement_timestamp() + make_interval(secs => :lease)
    FROM oldest WHERE l.id = oldest.id
    RETURNING l.id, l.kind, l.key, l.token, l.deaths
""")

_TAKE_TURNS = text("SELECT pg_advisory_xact_lock(hashtextextended(:kind, 0))")

_HELD = text("""
    SELECT count(*) FROM leases WHERE kind = :kind AND leased_until >= statement_timestamp()
""")

_BEAT = text("""
    UPDATE leases SET leased_until = statement_timestamp() + make_interval(secs => :lease)
    WHERE id = :id AND token = :token AND holder IS NOT NULL
""")

_HOLD = text("""
    SELECT id FROM leases WHERE id = :id AND token = :token AND holder IS NOT NULL FOR UPDATE
""")

_SHARE = text("""
    SELECT id FROM leases WHERE id = :id AND token = :token AND holder IS NOT NULL FOR SHARE
""")

_OFFER_ALL = text("""
    INSERT INTO leases (kind, key, due_at)
    SELECT :kind, k.key, statement_timestamp() FROM unnest(CAST(:keys AS text[])) AS k (key)
    ON CONFLICT (kind, key) DO NOTHING
""")

_GIVE_BACK = text("""
    UPDATE leases
    SET holder = NULL, leased_until = NULL, deaths = deaths + :deaths,
        due_at = statement_timestamp() + make_interval(secs => :delay)
    WHERE id = :id AND token = :token AND holder IS NOT NULL
""")

_FINISH = text("""
    DELETE FROM leases WHERE id = :id AND token = :token AND holder IS NOT NULL
""")
