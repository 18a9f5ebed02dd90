"""Rotation of the secret key for destinations: secrets are sealed under the newest key."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Final

from gateway import errors
from gateway.core.access.actor import GATEWAY
from gateway.flows.syncs import setup as setups
from gateway.store.db import audit
from gateway.store.syncs import secrets

if TYPE_CHECKING:
    import datetime

    from gateway.core.access.actor import Actor
    from gateway.flows.syncs.setup import Setup
    from gateway.store.db.engine import Pool

# Of one transaction.
PART: Final = 500
_FIRST: Final = (0, "")


@dataclasses.dataclass(kw_only=True)
class Resealed:
    """How many secrets there are: sealed anew, under the newest key before, and unreadable."""

    resealed: int = 0
    newest: int = 0
    unreadable: int = 0


def reseal(
    pool: Pool, setup: Setup, *, now: datetime.datetime, actor: Actor = GATEWAY, part: int = PART
) -> Resealed:
    """Encrypt what an older key has sealed under the newest; what no key can read stays."""
    total, after = Resealed(), _FIRST
    while True:
        with pool.begin() as conn:
            found = secrets.part(conn, after=after, limit=part)
            for one in found:
                place = setups.place(one.destination_id, one.name)
                if setup.vault.is_newest(one.ciphertext):
                    total.newest += 1
                    continue
                try:
                    sealed = setup.vault.seal(setup.open(one), place)
                except errors.SecretUnreadable:
                    total.unreadable += 1
                    continue
                # A secret that was set anew meanwhile is under the newest key already.
                done = secrets.reseal(conn, one, sealed)
                total.resealed += done
                total.newest += not done
            if len(found) < part:
                counts = dataclasses.asdict(total)
                audit.write(conn, actor, "secrets.rotated", "destinations", now=now, **counts)
                return total
        after = (found[-1].destination_id, found[-1].name)
