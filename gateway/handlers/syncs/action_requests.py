"""What a request may say of actions, read one by one: a bad one costs the others nothing."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from marshmallow import Schema, fields, validate

from gateway import errors
from gateway.core import texts
from gateway.core.cohorts import member_ids
from gateway.core.people import times
from gateway.core.people.items import Rejection
from gateway.core.syncs.action import (
    MAX_ACTIONS,
    MAX_CLAIM_CHARACTERS,
    MAX_NAME_BYTES,
    Action,
    Rejected,
)
from gateway.handlers.http import schemas
from gateway.sources.people import bodies, objects

if TYPE_CHECKING:
    import datetime

MAX_BYTES: Final = 16 * 1024 * 1024
_MOST: Final = 2**63 - 1


class ActionBody(Schema):
    """An action on a member."""

    member_id = fields.String(required=True, metadata=schemas.like("u-1842"))
    cohort_id = fields.String(
        allow_none=True, metadata=schemas.says("The cohort that it is about.", "17")
    )
    source = fields.String(
        allow_none=True,
        metadata=schemas.says("A slug; without it, the source of the cohort.", "default"),
    )
    action = fields.String(required=True, metadata=schemas.like("mail.sent"))
    key = fields.String(
        allow_none=True,
        metadata=schemas.says(
            "What tells it from others of this name; without it, the cohort id, or else nothing.",
            "spring-2027",
        ),
    )
    claim = fields.String(
        allow_none=True,
        metadata=schemas.says(
            "The caller's id of this try: repeated, it is told `first` again.", "try-7"
        ),
    )
    at = fields.Raw(
        allow_none=True,
        metadata={
            "type": ["string", "number", "null"],
            **schemas.says("When it was taken; without it, now.", "2026-11-30T12:00:00Z"),
        },
    )
    properties = fields.Dict(
        keys=fields.String(),
        values=fields.Raw(metadata={"type": ["object", "string", "number", "boolean", "array"]}),
        allow_none=True,
        metadata=schemas.like({"template": "welcome"}),
    )


class ActionsBody(Schema):
    """Actions on members."""

    actions = fields.List(
        fields.Nested(ActionBody),
        required=True,
        validate=validate.Length(max=MAX_ACTIONS),
        metadata={"description": "At most 1,000."},
    )


def read(raw: bytes, *, now: datetime.datetime) -> list[Action | Rejected]:
    """Read the actions of a body. Raises errors.Malformed, and errors.TooLarge for too many."""
    posted = bodies.listed(bodies.an_object(raw), "actions", most=MAX_ACTIONS)
    return [_each(one, now) for one in posted.items]


def _each(sent: object, now: datetime.datetime) -> Action | Rejected:
    try:
        return _action(sent, now)
    except Rejection as problem:
        return Rejected(code=problem.code, message=str(problem))
    except errors.Malformed as problem:
        return Rejected(code="invalid", message=str(problem))


def _action(sent: Any, now: datetime.datetime) -> Action:  # noqa: ANN401 - JSON
    if not isinstance(sent, dict):
        raise errors.Malformed("must be an object")
    cohort_id = _cohort_id(sent.get("cohort_id"))
    key = _text(sent, "key", most=MAX_NAME_BYTES)
    if key is None:
        key = "" if cohort_id is None else str(cohort_id)
    claim = _text(sent, "claim", most=4 * MAX_CLAIM_CHARACTERS)
    if claim is not None and len(claim) > MAX_CLAIM_CHARACTERS:
        raise errors.Malformed(f"claim: is longer than {MAX_CLAIM_CHARACTERS} characters")
    action = _text(sent, "action", most=MAX_NAME_BYTES)
    if not action:
        raise errors.Malformed("action: must be a name")
    return Action(
        member_id=_member_id(sent.get("member_id")),
        cohort_id=cohort_id,
        source=_text(sent, "source", most=MAX_NAME_BYTES),
        action=action,
        key=key,
        claim=claim,
        at=_at(sent.get("at"), now),
        properties=objects.write(objects.read(sent.get("properties"), "properties"), "properties"),
    )


def _text(sent: dict[str, object], name: str, *, most: int) -> str | None:
    value = sent.get(name)
    if value is None:
        return None
    if not isinstance(value, str) or not texts.is_storable(value):
        raise errors.Malformed(f"{name}: must be text without NUL")
    if len(value.encode()) > most:
        raise errors.Malformed(f"{name}: is longer than {most} bytes")
    return value


def _member_id(value: object) -> str:
    text = str(value) if type(value) is int else value
    if not isinstance(text, str) or member_ids.why_unusable(text):
        raise errors.Malformed("member_id: must be the id of a member")
    return text


def _cohort_id(value: object) -> int | None:
    if value is None:
        return None
    text = str(value) if type(value) is int else value
    good = isinstance(text, str) and text.isascii() and text.isdigit() and len(text) < 20  # noqa: PLR2004 - digits of a bigint
    if not good or not 0 < int(text) <= _MOST:  # type: ignore[call-overload] # it is text here
        raise errors.Malformed("cohort_id: must be the id of a cohort")
    return int(text)  # type: ignore[call-overload, no-any-return] # as above


def _at(value: object, now: datetime.datetime) -> datetime.datetime:
    if value is None:
        return now
    moment = times.parse(Decimal(str(value)) if isinstance(value, float) else value)
    if moment is None:
        raise errors.Malformed("at: must be RFC 3339 with an offset, or seconds since 1970")
    return moment
