"""Keeping a lease: a thread renews it while the work goes on, and every write asks for it."""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING

import structlog

from gateway import errors
from gateway.store.db import leases

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection

    from gateway.store.db.engine import Pool
    from gateway.store.db.leases import Died, Lease

_log = structlog.get_logger()


class Keeper:
    """What work that has a lease asks before it goes on, and writes by.

    `beating` is a pool beside that of the work, so that no write delays a beat.
    """

    def __init__(self, pool: Pool, beating: Pool, lease: Lease, *, lease_seconds: float) -> None:
        self.lease = lease
        self._pool = pool
        self._beating = beating
        self._lease_seconds = lease_seconds
        self._lost = threading.Event()

    def require(self) -> None:
        """Go on if the lease is still held, as far as is known. Raises errors.LeaseLost."""
        if self._lost.is_set():
            raise errors.LeaseLost(f"{self.lease.kind} {self.lease.key} was taken over")

    @contextlib.contextmanager
    def writing(self) -> Iterator[Connection]:
        """Lend a transaction in which the lease is held, and renewed at its end.

        Raises errors.LeaseLost, and nothing is written, if another process has it.
        """
        self.require()
        with self._pool.begin() as conn:
            leases.hold(conn, self.lease)
            yield conn
            leases.beat(conn, self.lease, lease_seconds=self._lease_seconds)

    @contextlib.contextmanager
    def sharing(self) -> Iterator[Connection]:
        """Lend a transaction in which the lease is held, beside others of this process.

        Raises errors.LeaseLost, and nothing is written, if another process has it.
        """
        self.require()
        with self._pool.begin() as conn:
            leases.share(conn, self.lease)
            yield conn

    def beat(self) -> None:
        """Renew the lease, or note that it is lost; without Postgres the next beat tries again."""
        try:
            with self._beating.begin() as conn:
                kept = leases.beat(conn, self.lease, lease_seconds=self._lease_seconds)
        except errors.GatewayError as error:
            _log.warning("lease.unrenewed", key=self.lease.key, error=type(error).__name__)
            return
        if not kept:
            self._lost.set()
            _log.warning("lease.lost", kind=self.lease.kind, key=self.lease.key)

    def keep(self, ended: threading.Event, *, every_seconds: float) -> None:
        """Beat until the work has ended or the lease is lost."""
        while not ended.wait(every_seconds) and not self._lost.is_set():
            self.beat()


def claim(
    pool: Pool,
    kind: str,
    *,
    holder: str,
    lease_seconds: float = leases.LEASE_SECONDS,
    at_most: int | None = None,
) -> Lease | Died | None:
    """Claim work, in a transaction of its own: a claimant that dies after this counts as a death.

    Work that `Died` is left claimed; end it by `leases.finish` in the transaction that says so.
    None also while `at_most` pieces of work of this kind are being done.
    """
    with pool.begin() as conn:
        if at_most is not None and leases.held(conn, kind) >= at_most:
            return None
        return leases.claim(conn, kind, holder=holder, lease_seconds=lease_seconds)


@contextlib.contextmanager
def keeping(
    pool: Pool,
    lease: Lease,
    *,
    beating: Pool,
    every_seconds: float = leases.BEAT_SECONDS,
    lease_seconds: float = leases.LEASE_SECONDS,
) -> Iterator[Keeper]:
    """Renew a lease in the background during the block; the block ends it, or gives it back."""
    keeper = Keeper(pool, beating, lease, lease_seconds=lease_seconds)
    ended = threading.Event()
    thread = threading.Thread(
        target=keeper.keep,
        args=(ended,),
        kwargs={"every_seconds": every_seconds},
        name="lease",
        daemon=True,
    )
    thread.start()
    try:
        yield keeper
    finally:
        ended.set()
        thread.join()
