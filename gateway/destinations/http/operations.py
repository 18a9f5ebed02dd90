"""Requests that change the membership of an audience: from rows to what became of each."""

from __future__ import annotations

import csv
import dataclasses
import io
from typing import TYPE_CHECKING, TypeAlias

from gateway.destinations import replies
from gateway.destinations.answers import (
    Accepted,
    Done,
    Later,
    Rejected,
    Split,
    Stop,
    StopCode,
)
from gateway.destinations.http import identifiers, lookups, reading, values
from gateway.destinations.http.reading import About, Asked, Reauth
from gateway.destinations.http.templates import Scope, Unfit

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gateway import outbound
    from gateway.destinations.adapter import Batch, Row, Target
    from gateway.destinations.answers import Answer
    from gateway.destinations.http.audiences import Audiences
    from gateway.destinations.http.calling import Caller, Written
    from gateway.destinations.http.declaration import Declaration, Operation, Waiting

# Placeholders of one member, by their first word.
Names: TypeAlias = "Mapping[str, Mapping[str, object]]"

_REFUSED = range(400, 500)
_TRY_AGAIN = frozenset({404, 408, 425, 429})


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Item:
    """A row that is to be sent, its place in the batch, and what placeholders stand for."""

    place: int
    row: Row
    names: Names


class Operations:
    """Sends batches by the operations of a declaration."""

    def __init__(
        self,
        declaration: Declaration,
        caller: Caller,
        audiences: Audiences,
    ) -> None:
        self._declaration = declaration
        self._caller = caller
        self._audiences = audiences

    def run(self, name: str, target: Target, batch: Batch) -> Answer:
        """Send a batch. Raises errors.Outbound."""
        operation = self._declaration.ops.get(name)
        if operation is None:
            message = f"it is not declared how to {name} members"
            return Stop(code=StopCode.CONFIGURATION, message=message)
        scope = self._audiences.scope(target)
        looked = lookups.look_up(self._declaration, self._caller, scope, batch.rows)
        if isinstance(looked, Later | Stop):
            return looked
        items = [
            Item(place=place, row=row, names=_names(row, looked.get(place)))
            for place, row in enumerate(batch.rows)
            if _is_told(operation, row) and (self._declaration.lookup is None or place in looked)
        ]
        rejected = {} if name == "remove" else _unknown(operation, batch.rows, items)
        return self._write(name, operation, scope, items, rejected)

    def _write(
        self,
        name: str,
        operation: Operation,
        scope: Scope,
        items: Sequence[Item],
        rejected: dict[int, Rejected],
    ) -> Answer:
        if not items and name != "replace":
            return Done(rejected=rejected)
        try:
            written = self._caller.write(operation.request, _filled(operation, scope, items))
            size = len(written.encoded({}) or b"")
        except Unfit as unfit:
            return self._without_unfit(name, operation, scope, items, rejected, unfit)
        if size > operation.max_bytes:
            return Split(message=f"the request has {size:,} bytes; {operation.max_bytes:,} may be")
        answer = self._send(written, name, operation, items)
        return _placed(answer, name, items, rejected)

    def _without_unfit(
        self,
        name: str,
        operation: Operation,
        scope: Scope,
        items: Sequence[Item],
        rejected: dict[int, Rejected],
        unfit: Unfit,
    ) -> Answer:
        """Reject the rows that cannot stand in the request, and send the others."""
        fit = []
        for item in items:
            try:
                self._caller.write(operation.request, _filled(operation, scope, [item])).encoded({})
            except Unfit as own:
                message = f"{own.place} has a value that cannot stand in the request"
                rejected[item.place] = Rejected(reason="bad_identifier", message=message)
            else:
                fit.append(item)
        if len(fit) == len(items):
            message = f"{unfit.place} has no value that can stand in a request"
            return Stop(code=StopCode.CONFIGURATION, message=message)
        return (
            self._write(name, operation, scope, fit, rejected) if fit else Done(rejected=rejected)
        )

    def _send(
        self, written: Written, name: str, operation: Operation, items: Sequence[Item]
    ) -> Answer:
        """Send, and once more where a token has to be new."""
        answer = self._caller.send(written)
        read = self._read(answer, name, operation, items)
        if isinstance(read, Reauth) and self._caller.has_tokens:
            answer = self._caller.send(written, again=True)
            read = self._read(answer, name, operation, items)
        if not isinstance(read, Reauth):
            return read
        said = "" if isinstance(answer, Later | Stop) else self._said(answer)
        return Stop(code=StopCode.CREDENTIALS, message=said)

    def _read(
        self,
        answer: outbound.Answer | Later | Stop,
        name: str,
        operation: Operation,
        items: Sequence[Item],
    ) -> Answer | Reauth:
        if isinstance(answer, Later | Stop):
            return answer
        asked = Asked(
            op=name,
            rows=len(items),
            ids=lambda: [identifiers.texts_of(item.row.sent) | _looked(item) for item in items],
            about=_about(operation),
            now=self._caller.now(),
            secrets=self._caller.secrets,
        )
        rules, rate = self._declaration.errors, self._declaration.rate
        return reading.read(answer, asked, operation.response, rules, rate)

    def _said(self, answer: outbound.Answer) -> str:
        return replies.message_of(answer, self._caller.secrets)

    def settle(self, target: Target, ticket: str) -> Answer:
        """Ask how a request fared that was accepted. Raises errors.Outbound."""
        name, _, known = ticket.partition(":")
        operation = self._declaration.ops.get(name)
        waiting = operation.response.waiting if operation else None
        if waiting is None:
            message = "it is not declared any more how to ask for a request that was accepted"
            return Stop(code=StopCode.CONFIGURATION, message=message)
        scope = self._audiences.scope(target)
        asked = Scope({**scope.names, "ticket": {"id": known}})
        answer = self._caller.call(waiting.request, asked)
        if isinstance(answer, Later | Stop):
            return answer
        return self._settled(answer, waiting, ticket)

    def _settled(self, answer: outbound.Answer, waiting: Waiting, ticket: str) -> Answer:
        state = values.at(replies.json_of(answer), waiting.status_path)
        receipt = {"request": ticket.partition(":")[2], "status": values.text(state)}
        if any(values.meets(state, one) for one in waiting.done):
            return Done(receipt=receipt)
        if any(values.meets(state, one) for one in waiting.failed):
            return Split(message=self._said(answer))
        if answer.status in _REFUSED and answer.status not in _TRY_AGAIN:
            return Stop(code=StopCode.REFUSED, message=self._said(answer))
        return Accepted(ticket=ticket, after_seconds=waiting.every_seconds, receipt=receipt)


def _names(row: Row, looked: object) -> Names:
    about = {"key": row.key} if looked is None else {"key": row.key, "lookup": looked}
    return {"member": row.sent, "row": about}


def _looked(item: Item) -> frozenset[str]:
    found = values.text(item.names["row"].get("lookup"))
    return frozenset([found] if found else ())


def _is_told(operation: Operation, row: Row) -> bool:
    """Tell whether the row has anything that the request would name it by."""
    return not operation.needs or any(row.sent.get(name) for name in operation.needs)


def _unknown(
    operation: Operation, rows: Sequence[Row], items: Sequence[Item]
) -> dict[int, Rejected]:
    """Reject the rows that cannot be named, or that the vendor knows no id of."""
    known = {item.place for item in items}
    return {
        place: Rejected(reason="not_found", message="the vendor does not know this member")
        if _is_told(operation, row)
        else Rejected(reason="no_identifier", message="it has nothing that the request names")
        for place, row in enumerate(rows)
        if place not in known
    }


def _about(operation: Operation) -> About:
    names = operation.request.path.names
    if any(name.startswith(("member", "row")) for name in names):
        return About.MEMBER
    return About.AUDIENCE if "audience.id" in names else About.NEITHER


def _filled(operation: Operation, scope: Scope, items: Sequence[Item]) -> Scope:
    """Add the members to what placeholders stand for. Raises Unfit."""
    rows = [item.names for item in items]
    if operation.collect == "single":
        return scope.of_row(rows[0]) if rows else scope
    if not operation.has_members:
        return scope.of_rows(rows, values.MISSING)
    filled = [operation.item(scope.of_row(row)) for row in rows]
    return scope.of_rows(rows, _collected(operation, filled, rows))


def _collected(operation: Operation, filled: Sequence[object], rows: Sequence[Names]) -> object:
    if operation.collect == "object_by_id":
        keys = [_id(row, operation.identifiers) for row in rows]
        return dict(zip(keys, filled, strict=True))
    if operation.collect != "csv":
        return list(filled)
    if operation.csv_in_query:
        return ",".join(_plain(one) for one in filled)
    written = io.StringIO()
    writer = csv.writer(written)
    writer.writerows(one if isinstance(one, list) else [one] for one in filled)
    return written.getvalue()


def _id(row: Names, identifiers: Sequence[str]) -> str:
    member = row["member"]
    found = values.text(next((member[name] for name in identifiers if member.get(name)), None))
    if not found:
        raise Unfit("member")
    return found


def _plain(one: object) -> str:
    """Write a part of a list with commas, which must not have one itself."""
    found = values.text(one)
    if not found or "," in found:
        raise Unfit("members")
    return found


def _placed(
    answer: Answer, name: str, items: Sequence[Item], rejected: Mapping[int, Rejected]
) -> Answer:
    """Tell of places in the batch, where the answer tells of places in what was sent."""
    match answer:
        case Done():
            own = {items[place].place: one for place, one in answer.rejected.items()}
            return dataclasses.replace(
                answer,
                rejected={**rejected, **own},
                unconfirmed=frozenset(items[place].place for place in answer.unconfirmed),
            )
        case Accepted():
            return dataclasses.replace(answer, ticket=f"{name}:{answer.ticket}")
        case _:
            return answer
