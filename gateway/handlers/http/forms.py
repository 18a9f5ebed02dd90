"""Forms: bodies that change what is kept, checked whole so that every fault is told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from marshmallow import RAISE, Schema, ValidationError, fields, validate

from gateway import errors
from gateway.core import texts
from gateway.handlers.http import schemas
from gateway.handlers.http.fields import MAX_BIGINT, WITHOUT_NUL, Json

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_TEXT_CHARACTERS: Final = 255
# Of what is wrong with one body; the rest is seen when these are mended.
MAX_FAULTS: Final = 100
# Something that is not white space, and no NUL; as JSON Schema says it.
NOT_BLANK: Final = r"^[^\u0000]*[^\s\u0000][^\u0000]*$"

UNKNOWN: Final = {"unknown": "there is no such field"}


# Of one cohort, source or job.
MOST_CHANNELS: Final = 20


def _null(what: str) -> dict[str, str | list[Any] | dict[Any, Any]]:
    return {"null": f"must be {what}", "invalid": f"must be {what}", "required": "is missing"}


class Line(fields.String):
    """A text that is not blank and not long."""

    def __init__(self, **rest: Any) -> None:  # noqa: ANN401 - marshmallow's
        limits = {"minLength": 1, "maxLength": MAX_TEXT_CHARACTERS, "pattern": NOT_BLANK}
        metadata = {**limits, **rest.pop("metadata", {})}
        super().__init__(**rest, metadata=metadata, error_messages=_null("text"))

    def _deserialize(self, value: Any, *_rest: Any, **_named: Any) -> str:  # noqa: ANN401
        return _line(value)


class Prose(fields.String):
    """A text of some lines, or null."""

    def __init__(self, *, most: int, **rest: Any) -> None:  # noqa: ANN401 - marshmallow's
        metadata = {"maxLength": most, "pattern": WITHOUT_NUL, **rest.pop("metadata", {})}
        super().__init__(allow_none=True, **rest, metadata=metadata)
        self._most = most

    def _deserialize(self, value: Any, *_rest: Any, **_named: Any) -> str:  # noqa: ANN401
        if type(value) is not str or not texts.is_storable(value):
            raise ValidationError("must be text without NUL, or null")
        if len(value) > self._most:
            raise ValidationError(f"is longer than {self._most} characters")
        return value


class Amount(fields.Float):
    """A number within bounds, whole or not."""

    def __init__(self, *, least: float, most: float, **rest: Any) -> None:  # noqa: ANN401
        error = f"must be a number from {least:g} to {most:g}"
        super().__init__(
            validate=validate.Range(least, most, error=error),
            **rest,
            error_messages=dict.fromkeys(("null", "invalid"), error),
        )

    def _deserialize(self, value: Any, *_rest: Any, **_named: Any) -> float:  # noqa: ANN401
        if type(value) not in (int, float):  # not bool, which is an int to isinstance
            raise self.make_error("invalid")
        return float(value) if type(value) is float and not value.is_integer() else int(value)


class Count(fields.Integer):
    """A whole number that is not negative."""

    def __init__(self, **rest: Any) -> None:  # noqa: ANN401 - marshmallow's
        error = f"must be a whole number from 0 to {MAX_BIGINT}"
        super().__init__(
            validate=validate.Range(0, MAX_BIGINT, error=error),
            **rest,
            error_messages=dict.fromkeys(("null", "invalid"), error),
        )

    def _deserialize(self, value: Any, *_rest: Any, **_named: Any) -> int:  # noqa: ANN401
        if type(value) is not int:
            raise self.make_error("invalid")
        return value


class Object(fields.Dict):
    """An object; the schema of its own use checks its fields."""

    def __init__(self, **rest: Any) -> None:  # noqa: ANN401 - marshmallow's
        super().__init__(
            keys=fields.String(),
            values=Json(allow_none=True),
            **rest,
            error_messages=_null("an object"),
        )


class Flag(fields.Boolean):
    """True or false, and nothing that looks like it."""

    def __init__(self, **rest: Any) -> None:  # noqa: ANN401 - marshmallow's
        super().__init__(**rest, error_messages=_null("true or false"))

    def _deserialize(self, value: Any, *_rest: Any, **_named: Any) -> bool:  # noqa: ANN401
        if type(value) is not bool:
            raise ValidationError("must be true or false")
        return value


def notify() -> fields.List[str]:
    """Declare the channels that notices of a thing go to."""
    return fields.List(
        Line(),
        allow_none=True,
        validate=validate.Length(max=MOST_CHANNELS),
        error_messages={"type": "must be a list, or null", "invalid": "must be a list, or null"},
        metadata={
            "description": "Channels of GATEWAY_NOTIFY that its notices go to; none of them for an"
            " empty list, and for null those of what it comes from, at last `default`.",
            "example": None,
        },
    )


class Form(Schema):
    """Loads into a frozen value; what it does not know is a fault."""

    error_messages = UNKNOWN

    class Meta:
        unknown = RAISE


def load(schema: type[Form], sent: object) -> Any:  # noqa: ANN401 - the schema's own value
    """Load a form. Raises errors.Malformed if it is no object, errors.Invalid with every fault."""
    if not isinstance(sent, dict):
        raise errors.Malformed("the body: must be a JSON object")
    try:
        return schemas.of(schema).load(sent)
    except ValidationError as error:
        faults = [errors.Fault(*one) for one in _faults(error.messages_dict, ())]
        raise errors.Invalid(faults[:MAX_FAULTS]) from error


def _faults(messages: object, path: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    if isinstance(messages, dict):
        for name, below in messages.items():
            place = path if name == "_schema" else (*path, shown(str(name)))
            yield from _faults(below, place)
    else:
        yield ".".join(path), str(messages[0] if isinstance(messages, list) else messages)


def _line(value: object) -> str:
    if type(value) is not str:
        raise ValidationError("must be text")
    if len(value) > MAX_TEXT_CHARACTERS:
        raise ValidationError(f"is longer than {MAX_TEXT_CHARACTERS} characters")
    if not value.strip() or not texts.is_storable(value):
        raise ValidationError("must be text that is not blank, without NUL")
    return value


def shown(name: str) -> str:
    """Show the name of a field that may be anything."""
    return texts.cut(name, MAX_TEXT_CHARACTERS)
