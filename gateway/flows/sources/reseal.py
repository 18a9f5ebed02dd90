"""Rotation of the secret key for sources: secrets are sealed under the newest key."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from gateway.core.access.actor import GATEWAY
from gateway.flows.access import reseal as rotation
from gateway.flows.access.reseal import PART, Resealed, Table
from gateway.flows.sources.setup import TABLE
from gateway.store.sources import secrets

if TYPE_CHECKING:
    import datetime

    from gateway.core.access.actor import Actor
    from gateway.flows.sources.setup import Setup
    from gateway.store.db.engine import Pool
    from gateway.store.sources.secrets import Sealed

SECRETS: Final[Table[Sealed]] = Table(
    name=TABLE,
    row=lambda one: one.source_id,
    part=lambda conn, after, limit: secrets.part(conn, after=after, limit=limit),
    put=secrets.reseal,
)


def reseal(
    pool: Pool, setup: Setup, *, now: datetime.datetime, actor: Actor = GATEWAY, part: int = PART
) -> Resealed:
    """Encrypt what an older key has sealed under the newest; what no key can read stays.

    Raises errors.NoSecretKey if there is no key at all.
    """
    return rotation.reseal(pool, SECRETS, setup.vault, now=now, actor=actor, part=part)
