"""Batches: rows stand in the ledger before they are sent, and each answer is booked row by row."""

from __future__ import annotations

import hashlib
import secrets
import time
from typing import TYPE_CHECKING, Any, Final, cast

import orjson

from gateway.core.texts import cut, storable
from gateway.destinations.adapter import Batch
from gateway.destinations.adapter import Row as Sendable
from gateway.destinations.answers import Accepted, Done, Rejected, Split
from gateway.store.syncs import ledger, refused
from gateway.store.syncs.ledger import Row, State

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from sqlalchemy import Connection

    from gateway.destinations.adapter import Adapter, Target
    from gateway.destinations.answers import Answer
    from gateway.flows.syncs.work import Work
    from gateway.store.syncs.ledger import Scope

# How long a vendor may work on what it has accepted; what is unsure by then is unconfirmed.
SETTLE_SECONDS: Final = 900.0
_MOST_REASON_CHARACTERS: Final = 100
_MOST_WORDS_CHARACTERS: Final = 1000
# More than any request has.
MOST_ROWS: Final = 100_000


class Sender:
    """Sends batches of one run; several threads may use it."""

    def __init__(self, work: Work, scope: Scope, adapter: Adapter, target: Target) -> None:
        self._work = work
        self._scope = scope
        self._adapter = adapter
        self._target = target

    def add(self, rows: Sequence[Row]) -> None:
        """Note rows as under way, send them, and book the answer. Raises ending.Ended."""
        batch = self._work.numbers.following()
        with self._work.keeper.sharing() as conn:
            written = ledger.begin(conn, self._scope, rows, batch)
        self._add(written, batch)

    def _add(self, rows: Sequence[Row], batch: int) -> None:
        """Send a batch, in halves where the vendor refuses it without a reason."""
        if not rows:
            self._book_added(rows, batch, Done())
            return
        answer = self._ask_for(rows, self._adapter.add)
        if isinstance(answer, Split) and len(rows) > 1:
            middle = len(rows) // 2
            numbered = self._work.numbers.following
            halves = {numbered(): part for part in (rows[:middle], rows[middle:])}
            # Each is a batch of its own, so that the answer to one is not lost with the other.
            with self._work.keeper.sharing() as conn:
                for number, part in halves.items():
                    halves[number] = ledger.begin(conn, self._scope, part, number)
                ledger.end(conn, self._scope, batch)
            for number, part in halves.items():
                self._add(part, number)
            return
        self._book_added(rows, batch, self._alone(answer))

    def _book_added(self, rows: Sequence[Row], batch: int, done: Done) -> None:
        with self._work.keeper.sharing() as conn:
            rejected = _rejected(rows, done)
            ledger.end(conn, self._scope, batch, rejected)
            self._reject(conn, rows, done)
        self._count(rows, done, "added")

    def refresh(self, rows: Sequence[Row]) -> None:
        """Send once more what stands there and would expire. Raises ending.Ended."""
        self._send(rows, self._adapter.refresh, self._book_refreshed)

    def remove(self, rows: Sequence[Row], sent: Mapping[tuple[str, int], str]) -> None:
        """Remove rows, of each only what no row that stays has; `sent` has what is left of them."""
        asked = [one for one in rows if sent.get((one.member_id, one.part), "{}") != "{}"]
        done = [one for one in rows if one not in asked] if len(asked) < len(rows) else []
        if done:
            self._book_removed(done, Done())
        if asked:
            shown = [
                Row(member_id=one.member_id, part=one.part, sent=sent[one.member_id, one.part])
                for one in asked
            ]
            self._send(shown, self._adapter.remove, self._book_removed)

    def _send(
        self,
        rows: Sequence[Row],
        send: Callable[[Target, Batch], Answer],
        book: Callable[[Sequence[Row], Done], object],
    ) -> None:
        """Send rows, in halves where the vendor refuses them without a reason."""
        answer = self._ask_for(rows, send)
        if isinstance(answer, Split) and len(rows) > 1:
            middle = len(rows) // 2
            self._send(rows[:middle], send, book)
            self._send(rows[middle:], send, book)
        else:
            book(rows, self._alone(answer))

    def _ask_for(
        self, rows: Sequence[Row], send: Callable[[Target, Batch], Answer]
    ) -> Done | Split:
        sendable = [self.sendable(one) for one in rows]
        batch = Batch(rows=sendable, session=secrets.randbits(63), members=len(rows))
        return self.ask(lambda: send(self._target, batch))

    def _alone(self, answer: Done | Split) -> Done:
        """Take a row that is refused by itself for rejected."""
        if isinstance(answer, Done):
            return answer
        words = self._work.attempts.shown(answer.message)
        return Done(rejected={0: Rejected(reason="refused", message=words)})

    def sendable(self, row: Row) -> Sendable:
        """Make what an adapter is given of a row."""
        return Sendable(
            member_id=row.member_id, key=_key(self._work, row), sent=orjson.loads(row.sent)
        )

    def ask(self, ask: Callable[[], Answer]) -> Done | Split:
        """Ask until it is known how it went. Raises ending.Ended."""
        return self._settled(self._ask(ask))

    def _ask(self, ask: Callable[[], Answer]) -> Done | Accepted | Split:
        return cast("Done | Accepted | Split", self._work.attempts.until_answered(ask))

    def _settled(self, answer: Done | Accepted | Split) -> Done | Split:
        """Wait until the vendor knows how a batch went."""
        end = time.monotonic() + SETTLE_SECONDS
        while isinstance(answer, Accepted):
            ticket = answer.ticket
            if time.monotonic() > end:
                return Done(unconfirmed=frozenset(range(MOST_ROWS)), receipt={"unsure": ticket})
            self._work.attempts.pause(answer.after_seconds)
            answer = self._ask(lambda: self._adapter.settle(self._target, ticket))  # noqa: B023 - asked at once
        return answer

    def book_replaced(self, rows: Sequence[Row], done: Done) -> None:
        """Book a part of a replacement."""
        self._book_sent(rows, done)
        self._count(rows, done, "added")

    def _book_refreshed(self, rows: Sequence[Row], done: Done) -> None:
        self._book_sent(rows, done)
        self._count(rows, done, None)

    def _book_sent(self, rows: Sequence[Row], done: Done) -> None:
        batch = self._work.numbers.following()
        booked = {State.PRESENT: _taken(rows, done), State.REJECTED: _rejected(rows, done)}
        with self._work.keeper.sharing() as conn:
            for state, some in booked.items():
                if some:
                    ledger.book(conn, self._scope, some, state, batch=batch)
            self._reject(conn, rows, done)

    def _book_removed(self, rows: Sequence[Row], done: Done) -> None:
        taken = _taken(rows, done)
        with self._work.keeper.sharing() as conn:
            if taken:
                ledger.drop(conn, self._scope, taken)
            self._reject(conn, rows, done)
        self._count(rows, done, "removed")

    def _reject(self, conn: Connection, rows: Sequence[Row], done: Done) -> None:
        if done.rejected:
            refused.reject(conn, self._scope, self._work.number, self._words(rows, done))

    def _count(self, rows: Sequence[Row], done: Done, what: str | None) -> None:
        """Count rows that the vendor took as what was done with them, and those in doubt."""
        tally = self._work.tally
        if what is not None:
            tally.count(**{what: len(_taken(rows, done))})
        tally.count(unconfirmed=len(done.unconfirmed & frozenset(range(len(rows)))))
        tally.reject(_reason(one) for one in done.rejected.values())
        tally.keep(done.receipt)

    def _words(self, rows: Sequence[Row], done: Done) -> list[tuple[str, str, str]]:
        shown = self._work.attempts.shown
        return [
            (
                rows[place].member_id,
                _reason(one),
                cut(storable(shown(one.message)), _MOST_WORDS_CHARACTERS),
            )
            for place, one in sorted(done.rejected.items())
            if place < len(rows)
        ]


def _taken(rows: Sequence[Row], done: Done) -> list[Row]:
    return [one for place, one in enumerate(rows) if place not in done.rejected]


def _rejected(rows: Sequence[Row], done: Done) -> list[Row]:
    return [one for place, one in enumerate(rows) if place in done.rejected]


def _reason(one: Rejected) -> str:
    return cut(storable(one.reason), _MOST_REASON_CHARACTERS) or "rejected"


def _key(work: Work, row: Row) -> str:
    """Name what is sent for good: the same member with the same identifiers for the same job."""
    text = f"{work.job.id}\0{row.member_id}\0{row.sent}"
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def written(sent: Mapping[str, Any]) -> str:
    """Write identifiers as they stand in a ledger: equal ones are equal texts."""
    return orjson.dumps(dict(sent), option=orjson.OPT_SORT_KEYS).decode()
