"""The forwarder: claims sources of which actions wait, and works on several side by side."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Final

import structlog

from gateway import errors
from gateway.flows import leases
from gateway.flows.syncs import forwarding
from gateway.flows.syncs.side_by_side import SideBySide
from gateway.store.db import leases as kept_leases
from gateway.store.syncs import action_imports

if TYPE_CHECKING:
    from gateway.flows.syncs.forwarding import Tools
    from gateway.store.db.engine import Pool
    from gateway.store.db.leases import Lease

LEASE_KIND: Final = "actions"
# Sources that one process works on at once; each sends one request after the other.
AT_ONCE: Final = 4

_log = structlog.get_logger()


class Forwarder:
    """Works until it is closed; what it has begun then is left to the next claim."""

    def __init__(self, tools: Tools, beating: Pool, *, holder: str, at_once: int = AT_ONCE) -> None:
        """`beating` is a pool of its own."""
        self._running = SideBySide(at_once, "actions")
        self._tools = dataclasses.replace(tools, stopping=self._running.ended.is_set)
        self._beating = beating
        self._holder = holder

    def look(self) -> int:
        """Offer what is due, and begin with as much as there is room for; returns how much."""
        room = self._running.room()
        with self._tools.pool.begin() as conn:
            due = action_imports.due(conn, now=self._tools.now())
            if due:
                kept_leases.offer_all(conn, LEASE_KIND, [str(one) for one in due])
        begun = 0
        while due and begun < room:
            lease = leases.claim(self._tools.pool, LEASE_KIND, holder=self._holder)
            if lease is None:
                break
            self._running.begin(self._work_on, lease)
            begun += 1
        return begun

    def wait(self) -> None:
        """Wait until everything that was begun has ended."""
        self._running.wait()

    def close(self) -> None:
        """Let what was begun end after its request."""
        self._running.close()

    def _work_on(self, lease: Lease) -> None:
        try:
            with leases.keeping(self._tools.pool, lease, beating=self._beating) as keeper:
                forwarding.forward(self._tools, keeper)
        except errors.LeaseLost:
            _log.warning("actions.taken_over", source_id=lease.key)
        except errors.GatewayError as error:
            _log.warning("actions.interrupted", source_id=lease.key, error=type(error).__name__)
        except Exception as error:  # noqa: BLE001 - a thread that ends says nothing
            _log.error("actions.failed", source_id=lease.key, exc_info=error)
