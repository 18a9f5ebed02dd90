"""The sender: claims jobs that are due, works on several side by side, and notes how each went."""

from __future__ import annotations

import collections
import threading
from typing import TYPE_CHECKING, Final

import structlog

from gateway import errors
from gateway.flows import leases
from gateway.flows.syncs import attempts, executing
from gateway.flows.syncs.lanes import Lanes
from gateway.flows.syncs.side_by_side import SideBySide
from gateway.store.db import leases as kept_leases
from gateway.store.syncs import agenda, erasing, jobs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gateway.flows.syncs.pacing import Pace
    from gateway.flows.syncs.setup import Setup
    from gateway.store.db.engine import Pool
    from gateway.store.db.leases import Lease

LEASE_KIND: Final = "sync"
# Jobs that one process works on at once.
AT_ONCE: Final = 16
# Of these to one destination, so that others have room; one job alone tries whether it hangs.
OF_A_DESTINATION: Final = 4
# A job that finds no room is looked at again after so long.
ROOM_SECONDS: Final = 1.0
# Of jobs without room, at one look.
MOST_WITHOUT_ROOM: Final = 100

_log = structlog.get_logger()


class Sender:
    """Works on jobs until it is closed; what it has begun then is left to the next claim."""

    def __init__(
        self,
        pool: Pool,
        beating: Pool,
        setup: Setup,
        *,
        holder: str,
        suppress: Sequence[int] = (),
        at_once: int = AT_ONCE,
        patience_seconds: float = attempts.PATIENCE_SECONDS,
        pace: Pace | None = None,
    ) -> None:
        """`beating` is a pool of its own; `suppress` are cohorts no job sends the members of.

        `pace` counts what destinations are asked in a time; by itself this process counts alone.
        """
        self._pool = pool
        self._beating = beating
        self._setup = setup
        self._holder = holder
        self._running = SideBySide(at_once, "job")
        self._tools = executing.Tools(
            pool=pool,
            setup=setup,
            suppress=tuple(suppress),
            stopping=self._running.ended.is_set,
            patience_seconds=patience_seconds,
            lanes=Lanes(pace),
        )
        self._lock = threading.Lock()
        self._busy = collections.Counter[int]()

    def look(self) -> int:
        """Offer what is due, and begin with as much as there is room for; returns how much."""
        room = self._running.room()
        with self._pool.begin() as conn:
            now, suppress = self._setup.now(), self._tools.suppress
            due = {
                *agenda.due(conn, suppress=suppress, now=now),
                *erasing.erasing(conn, now=now),
            }
            if due:
                kept_leases.offer_all(conn, LEASE_KIND, [str(one) for one in sorted(due)])
        begun = turned_away = 0
        while begun < room and turned_away < MOST_WITHOUT_ROOM:
            lease = leases.claim(self._pool, LEASE_KIND, holder=self._holder)
            if lease is None:
                break
            if self._begin(lease):
                begun += 1
            else:
                turned_away += 1
        return begun

    def _begin(self, lease: Lease) -> bool:
        """Begin with a job, or give it back if enough are under way to its destination."""
        with self._pool.begin() as conn:
            destination_id = jobs.destination_of(conn, int(lease.key))
        if self._take_place(destination_id):
            self._running.begin(self._work_in_place, lease, destination_id)
            return True
        with self._pool.begin() as conn:
            kept_leases.give_back(conn, lease, delay_seconds=ROOM_SECONDS)
        return False

    def _take_place(self, destination_id: int) -> bool:
        most = 1 if self._tools.lanes.hangs(destination_id) else OF_A_DESTINATION
        with self._lock:
            if self._busy[destination_id] >= most:
                return False
            self._busy[destination_id] += 1
            return True

    def _work_in_place(self, lease: Lease, destination_id: int) -> None:
        try:
            self._work_on(lease)
        finally:
            with self._lock:
                self._busy[destination_id] -= 1

    def wait(self) -> None:
        """Wait until everything that was begun has ended."""
        self._running.wait()

    def close(self) -> None:
        """Let what was begun end at its next step."""
        self._running.close()

    def _work_on(self, lease: Lease) -> None:
        try:
            with leases.keeping(self._pool, lease, beating=self._beating) as keeper:
                executing.execute(self._tools, keeper)
        except errors.LeaseLost:
            _log.warning("sync.taken_over", job_id=lease.key)
        except errors.GatewayError as error:
            _log.warning("sync.interrupted", job_id=lease.key, error=type(error).__name__)
        except Exception as error:  # noqa: BLE001 - a thread that ends says nothing
            _log.error("sync.failed", job_id=lease.key, exc_info=error)
            self._abandon(lease)

    def _abandon(self, lease: Lease) -> None:
        """End work at which this process met a bug, so that it is tried again with waits."""
        with self._pool.begin() as conn:
            kept_leases.hold(conn, lease)
            executing.note_bug(conn, int(lease.key), now=self._setup.now())
            kept_leases.finish(conn, lease)
