"""Mixpanel's custom webhook body, turned into a `Page`.

The documented shape is "Webhook Format" in Mixpanel's help on cohort sync; what is accepted beyond
it is interface 1.2. A 400 stops a customer's sync until a person acts, so it is the last resort.
"""

from __future__ import annotations

import contextlib
import hashlib
import math
import threading
from typing import TYPE_CHECKING, Any, cast

from marshmallow import EXCLUDE, Schema, ValidationError, fields

from gateway import errors
from gateway.core import deadline, texts
from gateway.core.cohorts.page import Action, Heading, Page
from gateway.sources import json_body, member_writer

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_EXTERNAL_ID_BYTES = 255
MAX_TEXT_CHARACTERS = 1000
MAX_MESSAGE_CHARACTERS = 500
# Page numbers beyond this are kept as this: they fit Postgres' bigint with room for arithmetic.
MAX_PAGE = 2**62


_SAY_WHAT_TO_DO: dict[str, str | list[Any] | dict[Any, Any]] = {
    "required": "missing; send it as Mixpanel's webhook format documents",
    "null": "null; send a value as Mixpanel's webhook format documents",
}


class OpaqueId(fields.Field[str]):
    """An id: text as it is, an integer as its decimal text."""

    default_error_messages = _SAY_WHAT_TO_DO

    def _deserialize(self, value: object, *_: object, **__: object) -> str:
        if type(value) is int:
            value = str(value)
        if type(value) is not str:
            message = "send it as text or as an integer"
            raise ValidationError(message)
        if not texts.is_storable(value):
            message = "it has a NUL or half a surrogate pair; send text without them"
            raise ValidationError(message)
        return value


class ExternalId(OpaqueId):
    """A cohort's id: 1 to 255 bytes."""

    def _deserialize(self, value: object, *_: object, **__: object) -> str:
        text = super()._deserialize(value)
        if not 1 <= len(text.encode()) <= MAX_EXTERNAL_ID_BYTES:
            message = f"send 1 to {MAX_EXTERNAL_ID_BYTES} bytes of UTF-8"
            raise ValidationError(message)
        return text


class PageNumber(fields.Field[int]):
    """An integer, an integral float, or ASCII digits."""

    def _deserialize(self, value: object, *_: object, **__: object) -> int:
        if type(value) is float and value.is_integer():
            value = int(value)
        if type(value) is str and value.isascii() and value.isdigit():
            value = (
                int(value[-_PAGE_DIGITS:]) if value[:-_PAGE_DIGITS].strip("0") == "" else MAX_PAGE
            )
        if type(value) is not int:
            message = "send a whole number"
            raise ValidationError(message)
        return max(-MAX_PAGE, min(value, MAX_PAGE))


_PAGE_DIGITS = 19


class Text(fields.Field[str | None]):
    """A text to show: cut if absurdly long; anything but a text counts as missing."""

    def _deserialize(self, value: object, *_: object, **__: object) -> str | None:
        return texts.cut(value, MAX_TEXT_CHARACTERS) if type(value) is str else None


class MemberList(fields.Field[list[Any]]):
    """The members as they are; they are checked by plain code, far quicker than by a schema."""

    default_error_messages = _SAY_WHAT_TO_DO

    def _deserialize(self, value: object, *_: object, **__: object) -> list[Any]:
        if type(value) is not list:
            message = "send a list of objects"
            raise ValidationError(message)
        return value


class Strict(Schema):
    """What all the schemas here share: unknown fields are ignored."""

    class Meta:
        unknown = EXCLUDE

    error_messages = {"type": "send a JSON object"}  # noqa: RUF012 - marshmallow's own interface

    def handle_error(self, error: ValidationError, *_: object, **__: object) -> None:
        """Raise a copy of the error.

        A local variable of marshmallow refers to the original, which would be a reference cycle
        once raised, and keep the parsed body until Python's cycle collector runs.
        """
        raise ValidationError(error.messages)


class PageInfo(Strict):
    """`page_info`: which page of how many."""

    total_pages = PageNumber(load_default=None, allow_none=True)
    page_count = PageNumber(load_default=None, allow_none=True)


class Parameters(Strict):
    """`parameters`: the cohort of the page."""

    mixpanel_project_id = OpaqueId(required=True)
    mixpanel_cohort_id = ExternalId(required=True)
    mixpanel_cohort_name = Text(load_default=None, allow_none=True)
    mixpanel_cohort_description = Text(load_default=None, allow_none=True)
    mixpanel_session_id = OpaqueId(load_default=None, allow_none=True)
    page_info = fields.Nested(PageInfo, load_default=None, allow_none=True)
    members = MemberList(required=True)


class Envelope(Strict):
    """The body as a whole."""

    action = fields.Field[Any](required=True, error_messages=_SAY_WHAT_TO_DO)
    parameters = fields.Nested(Parameters, required=True, error_messages=_SAY_WHAT_TO_DO)


_ENVELOPE = Envelope()


def _read(
    parsed: json_body.Parsed, *, max_members: float = math.inf
) -> tuple[Heading, list[object]]:
    if parsed.problem is not None:
        raise parsed.problem
    envelope = _load(parsed.value)
    action = _action(envelope["action"])
    parameters = envelope["parameters"]
    members: list[object] = parameters["members"]
    if len(members) > max_members:
        message = f"parameters.members: {len(members)} members; send at most {max_members} a page"
        raise errors.Malformed(message)
    session_id = parameters["mixpanel_session_id"] or None
    number, total = _paging(action, parameters["page_info"], empty=not members)
    if action is Action.REPLACE and total > 1 and session_id is None:
        message = "parameters.mixpanel_session_id: missing; `members` of several pages needs it"
        raise errors.Malformed(message)
    heading = Heading(
        project_id=parameters["mixpanel_project_id"],
        external_id=parameters["mixpanel_cohort_id"],
        name=parameters["mixpanel_cohort_name"] or None,
        description=parameters["mixpanel_cohort_description"],
        session_id=session_id,
        action=action,
        number=number,
        total=total,
        digest=hashlib.sha256(json_body.canonical(members)).digest(),
        received=len(members),
    )
    return heading, members


def _write(
    action: Action, members: list[object], identity: tuple[str, ...], raw: bytes
) -> member_writer.Written:
    if action is Action.REMOVE:
        return member_writer.write_ids(members, identity=identity)
    return member_writer.write_rows(members, identity=identity, clean=json_body.is_clean(raw))


def _nobody(identity: tuple[str, ...]) -> errors.Malformed:
    return errors.Malformed(
        f"parameters.members: not one member has a usable id in {' or '.join(identity)};"
        " choose the identity property of this source, or export that property"
    )


def _load(value: object) -> dict[str, Any]:
    try:
        envelope: dict[str, Any] = _ENVELOPE.load(cast("dict[str, Any]", value))
    except ValidationError as error:
        raise errors.Malformed(_explain(error.messages)) from error
    return envelope


def _explain(messages: object) -> str:
    """Word the first complaint: the path of its field, and what to send instead."""
    path: list[str] = []
    while isinstance(messages, dict):
        name, messages = next(iter(messages.items()))
        if name != "_schema":
            path.append(str(name))
    text = messages[0] if isinstance(messages, list) else str(messages)
    return f"{'.'.join(path) or 'the body'}: {text}"[:MAX_MESSAGE_CHARACTERS]


def _action(value: object) -> Action:
    if not isinstance(value, str) or value not in set(Action):
        message = f"action: unknown; send one of {', '.join(Action)}"
        raise errors.Malformed(message)
    return Action(value)


def _paging(action: Action, info: dict[str, Any] | None, *, empty: bool) -> tuple[int, int]:
    if info is None:
        return 1, 1
    number, total = info["page_count"], info["total_pages"]
    if action is not Action.REPLACE:
        return (1 if number is None else number), (1 if total is None else total)
    for name, found in (("total_pages", total), ("page_count", number)):
        if found is None:
            message = f"parameters.page_info.{name}: missing; `members` needs both numbers"
            raise errors.Malformed(message)
    if empty and total in (0, 1):
        return 1, 1
    if not 1 <= number <= total:
        message = "parameters.page_info.page_count: send a page from 1 to total_pages"
        raise errors.Malformed(message)
    return number, total


# What Python makes of a body may take 35 times its bytes.
_LARGE_BYTES = 1024 * 1024
# No response is later than this anyway.
_TURN_SECONDS = 10.0
_TURN = threading.Lock()


class Body:
    """A complete body that was parsed, or found not to be JSON.

    The action is known as early as can be, because every answer echoes it, also one to a stranger;
    what is wrong with the rest is said only when its turn comes. Of a large body nothing else is
    kept, and it is parsed again then, so that a process never has more than one of them in parts.
    Raises errors.Unavailable when too many large ones wait for that `turn`.
    """

    def __init__(self, raw: bytes, *, turn: threading.Lock = _TURN) -> None:
        self._raw = raw
        self._turn = turn
        self._kept = json_body.parse(raw) if len(raw) <= _LARGE_BYTES else None
        with self._parsed() as parsed:
            self.action = _echo(parsed.value)
            """The action to echo in an answer: the one sent, if it is text."""
            self.cohort = _cohort(parsed.value)
            """The ids of the project and the cohort, if the page can have any."""
            if parsed.problem is not None:
                self._kept = json_body.Parsed(problem=parsed.problem)

    def heading(self) -> Heading:
        """Read which page it is. Raises what `page` does, but for what is wrong with members."""
        with self._parsed() as parsed:
            heading, _ = _read(parsed)
        return heading

    def page(self, *, identity_property: str | None, max_members: int) -> Page:
        """Turn the body into a page.

        `identity_property` names the member's property that identifies people, None for Mixpanel's
        distinct id. Raises errors.Malformed naming the field and the fix, and errors.Unavailable as
        above.
        """
        identity = (identity_property,) if identity_property else member_writer.IDENTITY
        with self._parsed() as parsed:
            heading, members = _read(parsed, max_members=max_members)
            written = _write(heading.action, members, identity, self._raw)
        if members and not written.usable:
            raise _nobody(identity)
        return Page(
            **vars(heading),
            roster=written.text.encode(),
            usable=written.usable,
            skipped=dict(written.skipped),
        )

    @contextlib.contextmanager
    def _parsed(self) -> Iterator[json_body.Parsed]:
        if self._kept is not None:
            yield self._kept
            return
        if not self._turn.acquire(
            timeout=min(max(0.0, deadline.remaining_seconds()), _TURN_SECONDS)
        ):
            message = "too many large bodies came at once; send this one again"
            raise errors.Unavailable(message, retry_after_seconds=1)
        try:
            yield json_body.parse(self._raw)
        finally:
            self._turn.release()


_PROJECT_ID = OpaqueId()
_COHORT_ID = ExternalId()


def _cohort(value: object) -> tuple[str, str] | None:
    """Extract project and cohort ids before the body has been validated."""
    parameters = value.get("parameters") if isinstance(value, dict) else None
    if not isinstance(parameters, dict):
        return None
    try:
        project_id = _PROJECT_ID.deserialize(parameters.get("mixpanel_project_id"))
        cohort_id = _COHORT_ID.deserialize(parameters.get("mixpanel_cohort_id"))
    except ValidationError:
        return None
    return (project_id, cohort_id) if project_id is not None and cohort_id is not None else None


def _echo(value: object) -> str | None:
    action = value.get("action") if isinstance(value, dict) else None
    return action if isinstance(action, str) else None
