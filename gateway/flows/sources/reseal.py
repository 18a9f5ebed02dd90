"""Rotation of the secret key: what older keys have sealed is sealed again under the newest."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Final

from gateway import errors
from gateway.core.access.actor import GATEWAY
from gateway.flows.sources import setup as setups
from gateway.store.db import audit
from gateway.store.sources import secrets

if TYPE_CHECKING:
    import datetime

    from sqlalchemy import Connection

    from gateway.core.access.actor import Actor
    from gateway.flows.sources.setup import Setup
    from gateway.store.db.engine import Pool
    from gateway.store.sources.secrets import Sealed

# Of one transaction.
PART: Final = 500
_FIRST: Final = (0, "")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Resealed:
    """How many secrets there are: sealed anew, under the newest key before, and unreadable."""

    resealed: int = 0
    newest: int = 0
    unreadable: int = 0

    def __add__(self, other: Resealed) -> Resealed:
        """Add up two parts."""
        return Resealed(
            resealed=self.resealed + other.resealed,
            newest=self.newest + other.newest,
            unreadable=self.unreadable + other.unreadable,
        )


def reseal(
    pool: Pool,
    setup: Setup,
    *,
    now: datetime.datetime,
    actor: Actor = GATEWAY,
    part: int = PART,
) -> Resealed:
    """Encrypt every secret that an older key has sealed under the newest one.

    What no key can read stays as it is. Raises errors.NoSecretKey if there is no key at all.
    """
    if not setup.vault.has_key:
        raise errors.NoSecretKey(
            "there is no key: set GATEWAY_SECRET_KEY to the new key, a comma and the old key"
        )
    total, after = Resealed(), _FIRST
    while True:
        with pool.begin() as conn:
            found = secrets.part(conn, after=after, limit=part)
            for one in found:
                total += _reseal(conn, setup, one)
            if len(found) < part:
                counts = dataclasses.asdict(total)
                audit.write(conn, actor, "secrets.rotated", "sources", now=now, **counts)
                return total
        after = (found[-1].source_id, found[-1].name)


def _reseal(conn: Connection, setup: Setup, one: Sealed) -> Resealed:
    """Seal one again; a secret that was set anew meanwhile is under the newest key already."""
    place = setups.place(one.source_id, one.name)
    try:
        secret = setup.vault.open(one.ciphertext, place)
    except errors.SecretUnreadable:
        return Resealed(unreadable=1)
    if setup.vault.is_newest(one.ciphertext):
        return Resealed(newest=1)
    done = secrets.reseal(conn, one, setup.vault.seal(secret, place))
    return Resealed(resealed=1) if done else Resealed(newest=1)
