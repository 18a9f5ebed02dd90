"""Sending notices: each message once, in order within its channel, again while it is not taken.

A message is claimed by a commit of its own before it is sent, and ended by one afterwards. What a
process that dies in between has sent is sent again after `CLAIM_SECONDS`: no service of messages
can be asked whether it has one already, and a message that comes twice is better than none.
"""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, Final, Protocol

import structlog

from gateway import messenger
from gateway.store.notices import outbox
from gateway.store.notices.outbox import Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from gateway.store.db.engine import Pool

CLAIM_SECONDS: Final = 120.0
# How long a message that was not taken waits for its next try, by its tries so far.
WAITS_SECONDS: Final = (30.0, 60.0, 300.0, 900.0, 3600.0)
# What is older tells of yesterday.
GIVEN_UP_AFTER: Final = datetime.timedelta(hours=24)

_log = structlog.get_logger()


class Post(Protocol):
    """Sends a text to the address of a channel. Raises messenger.NotTaken."""

    def __call__(self, url: str, text: str) -> None: ...


def run(
    pool: Pool,
    channels: Mapping[str, str],
    post: Post,
    *,
    now: Callable[[], datetime.datetime],
    is_ending: Callable[[], bool] = lambda: False,
) -> int:
    """Send what is due; returns how many messages were taken."""
    with pool.begin() as conn:
        given_up = outbox.give_up(conn, before=now() - GIVEN_UP_AFTER, now=now())
    if given_up:
        _log.error("notices.given_up", notices=given_up)
    sent = 0
    while not is_ending() and (notice := _claim(pool, now())) is not None:
        sent += _send(pool, notice, channels.get(notice.channel), post, now=now)
    return sent


def _claim(pool: Pool, now: datetime.datetime) -> outbox.Notice | None:
    with pool.begin() as conn:
        again_at = now + datetime.timedelta(seconds=CLAIM_SECONDS)
        return outbox.claim(conn, now=now, again_at=again_at)


def _send(
    pool: Pool,
    notice: outbox.Notice,
    url: str | None,
    post: Post,
    *,
    now: Callable[[], datetime.datetime],
) -> bool:
    if url is None:
        _end(pool, notice, Outcome.NO_CHANNEL, now=now())
        return False
    try:
        post(url, notice.body)
    except messenger.NotTaken as error:
        _log.warning(
            "notice.not_taken", notice_id=notice.id, channel=notice.channel, reason=str(error)
        )
        wait = WAITS_SECONDS[min(notice.attempts, len(WAITS_SECONDS)) - 1]
        with pool.begin() as conn:
            until = now() + datetime.timedelta(seconds=wait)
            outbox.put_off(conn, notice, until=until)
        return False
    _end(pool, notice, Outcome.SENT, now=now())
    _log.info("notice.sent", notice_id=notice.id, channel=notice.channel)
    return True


def _end(pool: Pool, notice: outbox.Notice, outcome: Outcome, *, now: datetime.datetime) -> None:
    with pool.begin() as conn:
        outbox.end(conn, notice, outcome, now=now)
