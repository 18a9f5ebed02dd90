"""After a restore: readers are told that the history they followed may be another one."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Final

from gateway.core.access.actor import GATEWAY
from gateway.store.cohorts import epochs
from gateway.store.db import audit

if TYPE_CHECKING:
    import datetime

    from gateway.core.access.actor import Actor
    from gateway.store.db.engine import Pool

EPOCH_BYTES: Final = 9


def begin_epoch(pool: Pool, *, now: datetime.datetime, actor: Actor = GATEWAY) -> str:
    """Begin a new epoch and return it; cohorts and changes show it from the next answer on."""
    epoch = secrets.token_urlsafe(EPOCH_BYTES)
    with pool.begin() as conn:
        epochs.put(conn, epoch)
        audit.write(conn, actor, "database.restored", epoch, now=now)
    return epoch
