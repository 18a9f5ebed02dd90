"""Forwarding: recorded actions are sent to the Mixpanel of their source, in batches.

An action stands in the outbox from the transaction that recorded it until Mixpanel has answered for
it. Each request is made of what the outbox has at that moment, so an erased person is in
none that begins later. What was sent and not booked, because a process died, is sent again with the
same `$insert_id`, which Mixpanel counts once.
"""

from __future__ import annotations

import dataclasses
import datetime
import random
from typing import TYPE_CHECKING, Final

import structlog

from gateway import errors
from gateway.destinations.answers import Done, Later, Split, Stop, StopCode
from gateway.destinations.mixpanel import events
from gateway.flows.syncs.ending import Failed, Stopped
from gateway.store.db import leases
from gateway.store.db.leases import Died
from gateway.store.sources import secrets
from gateway.store.syncs import action_imports, action_outbox
from gateway.vault import Place

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sqlalchemy import Connection

    from gateway import outbound
    from gateway.destinations.mixpanel.events import Event
    from gateway.flows.leases import Keeper
    from gateway.store.db.engine import Pool
    from gateway.store.syncs.action_imports import Import
    from gateway.store.syncs.action_outbox import Waiting
    from gateway.vault import Vault

# As Mixpanel advises, and beyond that for a service that is away for long.
FIRST_WAIT_SECONDS: Final = 2.0
LONGEST_WAIT_SECONDS: Final = 300.0
JITTER_SECONDS: Final = (1.0, 5.0)
# What a server may ask for by `Retry-After`.
MOST_ASKED_SECONDS: Final = 3600.0
SECRET: Final = "import_secret"  # noqa: S105 - its name
# Nothing that waiting would mend.
_FOR_GOOD: Final = (errors.ForbiddenAddress, errors.BadAddress, errors.BadCertificate)

_log = structlog.get_logger()


@dataclasses.dataclass(frozen=True, kw_only=True)
class Tools:
    """What actions are sent with; `stopping` tells that this process is to end."""

    pool: Pool
    vault: Vault
    client: outbound.Client
    now: Callable[[], datetime.datetime]
    stopping: Callable[[], bool] = lambda: False
    batch: int = events.MAX_EVENTS


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Part:
    """What one request is made of, and where it goes."""

    to: Import
    secret: str
    rows: Sequence[Waiting]
    events: Sequence[Event]


def forward(tools: Tools, keeper: Keeper) -> None:
    """Send what waits of a source until nothing does, or it cannot be sent now.

    Raises errors.LeaseLost, and what Postgres does.
    """
    work = _Round(tools, keeper)
    try:
        work.run()
    except Stopped as error:
        work.stop(error)
    except Failed as error:
        work.postpone(error)
    with tools.pool.begin() as conn:
        leases.finish(conn, keeper.lease)


class _Round:
    """The requests of one claim, one after the other.

    `limit` is how many events the next request may have: it is halved where a request is refused as
    a whole, and grows again. One event that is refused alone and without a word on it becomes the
    suspect: if the next one is taken it was that event, else it is the connection.
    """

    def __init__(self, tools: Tools, keeper: Keeper) -> None:
        self._tools = tools
        self._keeper = keeper
        self._source_id = int(keeper.lease.key)
        self._limit = tools.batch
        self._suspect: tuple[Waiting, str] | None = None
        self._to: Import | None = None

    def run(self) -> None:
        """Send part after part. Raises ending.Stopped and ending.Failed."""
        with self._tools.pool.begin() as conn:
            self._to = action_imports.find(conn, self._source_id)
        if isinstance(self._keeper.lease, Died):
            raise Failed("sender_died", "process after process has ended at these actions")
        while not self._tools.stopping():
            self._keeper.require()
            part = self._next()
            if part is None:
                return
            self._send(part)

    def _next(self) -> _Part | None:
        """Read what is sent next, and where to: both may have changed since the last request."""
        with self._tools.pool.begin() as conn:
            self._to = to = action_imports.find(conn, self._source_id)
            if to is None:
                return None
            sealed = {one.name: one for one in secrets.of_sources(conn, [self._source_id])}
            rows = self._first(conn)
        if not rows:
            self._end()
            return None
        if SECRET not in sealed:
            raise Stopped(StopCode.CREDENTIALS, f"the secret `{SECRET}` is not set")
        place = Place(table="sources", row=self._source_id, name=SECRET)
        try:
            secret = self._tools.vault.open(sealed[SECRET].ciphertext, place)
        except errors.SecretUnreadable as error:
            raise Failed(error.code, str(error)) from error
        made = [events.event(one.identity, at=one.at, properties=one.properties) for one in rows]
        count = events.fitting(made)
        return _Part(to=to, secret=secret, rows=rows[:count], events=made[:count])

    def _first(self, conn: Connection) -> list[Waiting]:
        return action_outbox.first(
            conn,
            self._source_id,
            after=0 if self._suspect is None else self._suspect[0].id,
            limit=self._limit,
            max_bytes=events.MAX_BYTES,
            without=events.NEEDED,
        )

    def _end(self) -> None:
        """End a round in which nothing is left to be sent. Raises ending.Stopped."""
        if self._suspect is not None:
            raise Stopped(StopCode.REFUSED, self._suspect[1])
        with self._keeper.writing() as conn:
            action_outbox.drop_orphans(conn, self._source_id, limit=self._limit)

    def _send(self, part: _Part) -> None:
        importer = events.Importer(part.to.config, part.secret, self._tools.client, self._tools.now)
        match _asked(importer, part.events):
            case Done() as answer:
                self._book(part, answer)
                self._limit = min(2 * self._limit, self._tools.batch)
            case Split(message=message) if len(part.rows) > 1:
                _log.info("actions.split", source=part.to.slug, actions=len(part.rows))
                self._limit = len(part.rows) // 2
            case Split(message=message):
                if self._suspect is not None:
                    raise Stopped(StopCode.REFUSED, message)
                self._suspect = (part.rows[0], message)
            case Later(message=message, after_seconds=seconds):
                raise Failed("unavailable", message, after_seconds=seconds)
            case Stop(code=code, message=message):
                raise Stopped(code, message)

    def _book(self, part: _Part, answer: Done) -> None:
        """Note what was taken and what was refused, with the lease."""
        refused = {part.rows[place].identity: one for place, one in answer.rejected.items()}
        messages = {identity: one.message for identity, one in refused.items()}
        if self._suspect is not None:
            messages[self._suspect[0].identity] = self._suspect[1]
            self._suspect = None
        left = {*answer.rejected, *answer.unconfirmed}
        taken = [one.identity for place, one in enumerate(part.rows) if place not in left]
        now = self._tools.now()
        with self._keeper.writing() as conn:
            action_outbox.forget(conn, taken)
            rejected = action_outbox.reject(conn, messages, now=now) if messages else 0
            action_imports.note(conn, part.to, sent=len(taken), rejected=rejected, now=now)
        _log.info("actions.forwarded", source=part.to.slug, actions=len(taken), rejected=rejected)

    def stop(self, error: Stopped) -> None:
        """Let it wait for a person."""
        if self._to is None:
            return
        with self._keeper.writing() as conn:
            action_imports.stop(
                conn, self._to, code=error.reason, message=str(error), now=self._tools.now()
            )
        _log.warning("actions.stopped", source=self._to.slug, code=error.reason)

    def postpone(self, error: Failed) -> None:
        """Let it be tried again, after a wait that grows with each try."""
        if self._to is None:
            return
        now = self._tools.now()
        seconds = wait_seconds(self._to.attempts, error.after_seconds)
        with self._keeper.writing() as conn:
            action_imports.postpone(
                conn,
                self._to,
                code=error.reason,
                message=str(error),
                until=now + datetime.timedelta(seconds=seconds),
                now=now,
            )
        _log.warning("actions.postponed", source=self._to.slug, code=error.reason)


def wait_seconds(attempts: int, asked: float | None) -> float:
    """Tell how long to wait after so many tries that failed before, and what the server asks."""
    grown = min(FIRST_WAIT_SECONDS * 2.0 ** min(attempts, 10), LONGEST_WAIT_SECONDS)
    jitter = random.uniform(*JITTER_SECONDS)  # noqa: S311 - no secret
    return max(grown + jitter, min(asked or 0.0, MOST_ASKED_SECONDS))


def _asked(importer: events.Importer, some: Sequence[Event]) -> events.Answer:
    """Send once; what the connection did is an answer as well."""
    try:
        return importer.send(some)
    except _FOR_GOOD as error:
        return Stop(code=StopCode.CONFIGURATION, message=f"{error.code}: {error}")
    except errors.AnswerTooLarge as error:
        return Split(message=f"{error.code}: {error}")
    except errors.Outbound as error:
        return Later(message=f"{error.code}: {error}")
