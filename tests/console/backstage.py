"""What works behind the pages: loads are read and cohorts sent when a test says so."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Final

from gateway import outbound
from gateway.core import moments
from gateway.core.cohorts import kinds
from gateway.flows.behaviour import rule_reading
from gateway.flows.cohorts.apply import Applier
from gateway.flows.cohorts.load_reader import Reader
from gateway.flows.sources import setup as sources
from gateway.flows.sources.query_reading import QueryReader
from gateway.flows.syncs.sender import Sender
from gateway.flows.syncs.setup import Setup
from gateway.reach import Reach
from gateway.store.cohorts import inbox
from gateway.store.db.engine import Pool
from gateway.vault import Vault
from tests.model.desk import Bell

KEY: Final = "a key of thirty-two characters!!"
HERE: Final = "127.0.0.0/8"
# Of the web process, so that it tests destinations and databases of this machine.
SETTINGS: Final = {
    "GATEWAY_SECRET_KEY": KEY,
    "GATEWAY_ALLOW_PRIVATE_DESTINATIONS": HERE,
    "GATEWAY_ALLOW_LOCAL_SOURCES": "1",
}


class Backstage:
    """A reader, an applier and a sender."""

    def __init__(self, pool: Pool, sender: Sender) -> None:
        self._pool = pool
        self._sender = sender
        self._applier = Applier(pool, now=moments.now)
        setup = sources.Setup(vault=Vault([KEY]), reach=Reach(allow_local=True))
        self._reader = Reader(
            pool,
            pool,
            Bell(),
            name="reader",
            at_most=2,
            now=moments.now,
            stopping=lambda: False,
            definitions={
                **dict.fromkeys(kinds.DATABASES, QueryReader(setup)),
                kinds.PEOPLE: rule_reading.read,
            },
        )

    def settle(self) -> None:
        """Read and apply all there is."""
        while self._reader.read_next():
            pass
        with self._pool.read() as conn:
            waiting = inbox.waiting_cohorts(conn)
        for cohort_id in waiting:
            self._applier.drain(cohort_id)

    def send(self) -> None:
        """Work on all sync jobs that are due."""
        while self._sender.look():
            self._sender.wait()


@contextlib.contextmanager
def opened(pool: Pool) -> Iterator[Backstage]:
    """Lend these processes until the end of the block."""
    here = outbound.networks(HERE)
    with outbound.Client(allow=here, plain=here) as client:
        setup = Setup(vault=Vault([KEY]), client=client)
        sender = Sender(pool, pool, setup, holder="here", at_once=4, patience_seconds=4.0)
        try:
            yield Backstage(pool, sender)
        finally:
            sender.close()
