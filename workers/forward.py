"""Recorded actions are sent to Mixpanel by the senders, which send everything that leaves."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Final

from gateway import outbound
from gateway.core import moments
from gateway.core.health import processes
from gateway.flows.syncs import setup
from gateway.flows.syncs.forwarder import AT_ONCE, Forwarder
from gateway.flows.syncs.forwarding import Tools
from gateway.store.db.engine import Pool
from gateway.vault import Vault
from workers import runtime

if TYPE_CHECKING:
    import threading
    from collections.abc import Iterator, Sequence

    from workers.runtime import Runtime

LOOK_SECONDS: Final = 1.0
LIMIT_SECONDS: Final = 60.0
BEAT_LIMIT_SECONDS: Final = 5.0
# How long the end of a process waits for requests that are under way.
LEAVE_SECONDS: Final = 10.0
LIMITS: Final = outbound.Limits(connections=AT_ONCE)


@contextlib.contextmanager
def looking(made: Runtime, kinds: Sequence[str]) -> Iterator[None]:
    """Look for actions that wait in the background during the block, in a process of that kind."""
    if processes.SENDER not in kinds:
        yield
        return
    with runtime.beside(lambda ended: _look(made, ended), "actions", leave_seconds=LEAVE_SECONDS):
        yield


def _look(made: Runtime, ended: threading.Event) -> None:
    url = made.settings.require_database_url()
    pool = Pool(url, name="actions", size=AT_ONCE + 1, limit_seconds=LIMIT_SECONDS)
    beating = Pool(url, name="lease", size=1, limit_seconds=BEAT_LIMIT_SECONDS)
    with setup.client(made.settings, LIMITS) as client:
        forwarder = make_forwarder(made, pool, beating, client)
        said = None
        while not ended.wait(LOOK_SECONDS):
            said = runtime.attempt(forwarder.look, "actions.failed", said)
        forwarder.close()
    pool.close()
    beating.close()


def make_forwarder(made: Runtime, pool: Pool, beating: Pool, client: outbound.Client) -> Forwarder:
    """Wire what sends actions."""
    tools = Tools(pool=pool, vault=Vault(made.settings.secret_keys), client=client, now=moments.now)
    return Forwarder(tools, beating, holder=made.name)
