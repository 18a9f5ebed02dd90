"""A process that sends actions, and dies at a line."""

from __future__ import annotations

import datetime
import os

from gateway import outbound
from gateway.flows.syncs.forwarder import Forwarder
from gateway.flows.syncs.forwarding import Tools
from gateway.store.db.engine import Pool
from gateway.vault import Vault
from tests.syncs import dying, office


def work(url: str, now: datetime.datetime, line: int, batch: int) -> None:
    """Work until nothing is due; dies before at that line, if it comes."""
    pool = Pool(url, name="actions", size=4, limit_seconds=60)
    beating = Pool(url, name="lease", size=1, limit_seconds=5)
    with outbound.Client(allow=office.HERE, plain=office.HERE) as client:
        vault = Vault([office.KEY])
        tools = Tools(pool=pool, vault=vault, client=client, now=lambda: now, batch=batch)
        forwarder = Forwarder(tools, beating, holder=f"{os.getpid()}")
        dying.die_at(line)
        while forwarder.look():
            forwarder.wait()
        forwarder.close()
