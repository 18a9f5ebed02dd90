"""The outbox of notices: each message is claimed before it is sent, and ended when it was."""

from __future__ import annotations

import dataclasses
import enum
from typing import TYPE_CHECKING

from sqlalchemy import text

if TYPE_CHECKING:
    import datetime
    from collections.abc import Mapping

    from sqlalchemy import Connection


class Outcome(enum.StrEnum):
    """How a message ended: the last two were not sent."""

    SENT = "sent"
    NO_CHANNEL = "no_channel"
    GIVEN_UP = "given_up"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Notice:
    """A message that this process sends; `attempts` counts this one."""

    id: int
    channel: str
    body: str
    attempts: int


@dataclasses.dataclass(frozen=True, kw_only=True)
class Told:
    """A message; `outcome` is None for as long as it waits."""

    id: int
    channel: str
    body: str
    created_at: datetime.datetime
    attempts: int
    outcome: str | None
    ended_at: datetime.datetime | None


def listing(conn: Connection, *, before: int, limit: int) -> list[Told]:
    """List the messages that are kept, the newest first."""
    found = conn.execute(_LIST, {"before": before, "limit": limit})
    return [Told(**row._mapping) for row in found]


def put(conn: Connection, messages: Mapping[str, str], *, now: datetime.datetime) -> None:
    """Leave messages by channel, to be sent at once."""
    parameters = {"channels": [*messages], "bodies": [*messages.values()], "now": now}
    conn.execute(_PUT, parameters)


def claim(
    conn: Connection, *, now: datetime.datetime, again_at: datetime.datetime
) -> Notice | None:
    """Claim the next message; nothing else does before `again_at`.

    Those of one channel are sent in order, so only the oldest of each is there to be claimed.
    """
    row = conn.execute(_CLAIM, {"now": now, "again_at": again_at}).one_or_none()
    return None if row is None else Notice(**row._mapping)


def put_off(conn: Connection, notice: Notice, *, until: datetime.datetime) -> None:
    """Have a message that was not taken sent again at a later time."""
    conn.execute(_PUT_OFF, {"id": notice.id, "attempts": notice.attempts, "until": until})


def end(conn: Connection, notice: Notice, outcome: Outcome, *, now: datetime.datetime) -> None:
    conn.execute(_END, {"id": notice.id, "outcome": outcome, "now": now})


def give_up(conn: Connection, *, before: datetime.datetime, now: datetime.datetime) -> int:
    """End the messages that have waited since before a moment; returns how many."""
    parameters = {"before": before, "outcome": Outcome.GIVEN_UP, "now": now}
    return conn.execute(_GIVE_UP, parameters).rowcount


def prune(conn: Connection, *, before: datetime.datetime) -> int:
    """Delete the messages that ended before a moment; returns how many."""
    return conn.execute(_PRUNE, {"before": before}).rowcount


def totals(conn: Connection) -> dict[str, int]:
    """Count the messages that are kept, those that wait as `waiting`, others by their outcome."""
    found = {row.state: row.notices for row in conn.execute(_TOTALS)}
    return {state: found.get(state, 0) for state in ("waiting", *Outcome)}


_LIST = text("""
    SELECT id, channel, body, created_at, attempts, outcome, ended_at FROM notices
    WHERE id < :before ORDER BY id DESC LIMIT :limit
""")

_PUT = text("""
    INSERT INTO notices (channel, body, created_at, next_at)
    SELECT u.channel, u.body, :now, :now
    FROM unnest(CAST(:channels AS text[]), CAST(:bodies AS text[])) AS u (channel, body)
""")

_CLAIM = text("""
    UPDATE notices SET attempts = attempts + 1, next_at = :again_at
    WHERE id = (
        SELECT n.id FROM notices n
        WHERE n.outcome IS NULL AND n.next_at <= :now
          AND NOT EXISTS (SELECT FROM notices o
                          WHERE o.outcome IS NULL AND o.channel = n.channel AND o.id < n.id)
        ORDER BY n.id LIMIT 1 FOR UPDATE SKIP LOCKED)
    RETURNING id, channel, body, attempts
""")

_PUT_OFF = text("""
    UPDATE notices SET next_at = :until
    WHERE id = :id AND attempts = :attempts AND outcome IS NULL
""")

_END = text("""
    UPDATE notices SET outcome = :outcome, ended_at = :now WHERE id = :id AND outcome IS NULL
""")

_GIVE_UP = text("""
    UPDATE notices SET outcome = :outcome, ended_at = :now
    WHERE outcome IS NULL AND created_at < :before
""")

_PRUNE = text("DELETE FROM notices WHERE ended_at < :before")

_TOTALS = text("""
    SELECT coalesce(outcome, 'waiting') AS state, count(*) AS notices FROM notices GROUP BY 1
""")
