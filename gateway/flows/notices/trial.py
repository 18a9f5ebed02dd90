"""Trying channels: a message is sent to each now, and what came of it is told."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Final

from gateway import channels as names
from gateway import messenger
from gateway.core.access.actor import GATEWAY
from gateway.store.db import audit

if TYPE_CHECKING:
    import datetime
    from collections.abc import Mapping, Sequence

    from gateway.core.access.actor import Actor
    from gateway.flows.notices.send import Post
    from gateway.store.db.engine import Pool

TEXT: Final = "This is a test. This channel is told when cohorts need attention."


@dataclasses.dataclass(frozen=True, kw_only=True)
class Tried:
    """A channel, whether it took the message, and why not."""

    channel: str
    ok: bool
    message: str


def run(
    pool: Pool,
    channels: Mapping[str, str],
    post: Post,
    *,
    wanted: Sequence[str] | None,
    now: datetime.datetime,
    actor: Actor = GATEWAY,
) -> list[Tried]:
    """Try some channels, or all. Raises errors.Invalid for names that no channel has."""
    names.require(wanted, channels, "channels")
    chosen = sorted(channels if wanted is None else set(wanted))
    with pool.begin() as conn:
        audit.write(conn, actor, "notices.tested", ",".join(chosen), now=now)
    return [_try(name, channels[name], post) for name in chosen]


def _try(name: str, url: str, post: Post) -> Tried:
    try:
        post(url, TEXT)
    except messenger.NotTaken as error:
        return Tried(channel=name, ok=False, message=str(error))
    return Tried(channel=name, ok=True, message="it was taken")
