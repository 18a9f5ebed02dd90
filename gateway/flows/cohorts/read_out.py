"""What is noted of reading out much at once: exports, and rejected rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway import aside
from gateway.store.db import audit

if TYPE_CHECKING:
    import datetime

    from gateway.core.access.actor import Actor
    from gateway.store.db.engine import Pool


def note(
    pool: Pool,
    actor: Actor,
    action: str,
    thing: object,
    *,
    now: datetime.datetime,
    **details: object,
) -> None:
    """Note in the audit log what is being read out.

    Nothing depends on it: a replica answers while the primary, which keeps the log, is away.
    """
    with aside.harmless("audit"), pool.begin() as conn:
        audit.write(conn, actor, action, thing, now=now, **details)
