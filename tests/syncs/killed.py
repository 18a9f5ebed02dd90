"""A process that works on the sync jobs that are due, and dies at a line."""

from __future__ import annotations

import datetime
import os

from gateway import outbound
from gateway.flows.syncs.sender import Sender
from gateway.flows.syncs.setup import Setup
from gateway.store.db.engine import Pool
from gateway.vault import Vault
from tests.syncs import audience, dying, office


def work(url: str, now: datetime.datetime, line: int) -> None:
    """Work until nothing is due; dies before at that line, if it comes."""
    pool = Pool(url, name="send", size=8, limit_seconds=60)
    beating = Pool(url, name="lease", size=4, limit_seconds=5)
    with outbound.Client(allow=office.HERE, plain=office.HERE) as client:
        setup = Setup(
            kinds={"sample": audience.KIND},
            vault=Vault([office.KEY]),
            client=client,
            now=lambda: now,
        )
        sender = Sender(pool, beating, setup, holder=f"{os.getpid()}", patience_seconds=3.0)
        dying.die_at(line)
        while sender.look():
            sender.wait()
        sender.close()
