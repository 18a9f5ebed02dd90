"""Fields of what a source or destination is set to: one declaration gives JSON Schema and check."""

from __future__ import annotations

import dataclasses
import re
from typing import TYPE_CHECKING, Any, Final, Protocol

from gateway.core import texts
from gateway.errors import Fault

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
MAX_TEXT_CHARACTERS: Final = 255
# Something that is not white space, and no NUL; as JSON Schema says it.
NOT_BLANK: Final = r"^[^\u0000]*[^\s\u0000][^\u0000]*$"
# An address without user, password and fragment; of printable ASCII, as it travels.
URL: Final = r"^https?://[A-Za-z0-9._\[\]:-]+(/[!$-.0-;=?-Z_a-z~/]*)?$"
_URL: Final = re.compile(URL.removesuffix("$") + r"\Z")


class Field(Protocol):
    """A named part of a config, or a secret."""

    @property
    def name(self) -> str:
        """Its name in JSON."""

    @property
    def default(self) -> object:
        """What it is where it was not set."""

    @property
    def required(self) -> bool:
        """Whether nothing can be made without it."""

    def schema(self) -> dict[str, Any]:
        """Describe it as JSON Schema does."""

    def faults(self, value: object, path: str) -> Iterator[Fault]:
        """Tell what is wrong with a value that JSON brought."""

    def read(self, value: Any) -> object:  # noqa: ANN401 - JSON without faults
        """Turn a value without faults into what is kept."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Text:
    """A text that is not blank; `optional` ones may be null, `secret` ones are never shown."""

    name: str
    title: str
    description: str
    required: bool = False
    optional: bool = False
    secret: bool = False
    max_characters: int = MAX_TEXT_CHARACTERS
    default: str | None = None

    def schema(self) -> dict[str, Any]:
        """Describe it as JSON Schema does."""
        described = {
            "title": self.title,
            "description": self.description,
            "type": ["string", "null"] if self.optional else "string",
            "minLength": 1,
            "maxLength": self.max_characters,
            "pattern": NOT_BLANK,
        }
        return described | ({"writeOnly": True} if self.secret else {"default": self.default})

    def faults(self, value: object, path: str) -> Iterator[Fault]:
        """Tell what is wrong with a value that JSON brought."""
        if not (value is None and self.optional):
            yield from _text_faults(value, path, self.max_characters)

    def read(self, value: Any) -> object:  # noqa: ANN401 - JSON without faults
        """Keep it as it is."""
        return value


@dataclasses.dataclass(frozen=True, kw_only=True)
class Texts:
    """A list of such texts, or of integers, which become their decimal texts."""

    name: str
    title: str
    description: str
    max_items: int
    required: bool = False
    default: tuple[str, ...] = ()

    def schema(self) -> dict[str, Any]:
        """Describe it as JSON Schema does."""
        item = {
            "type": ["string", "integer"],
            "minLength": 1,
            "maxLength": MAX_TEXT_CHARACTERS,
            "pattern": NOT_BLANK,
        }
        return {
            "title": self.title,
            "description": self.description,
            "type": "array",
            "items": item,
            "maxItems": self.max_items,
            "default": list(self.default),
        }

    def faults(self, value: object, path: str) -> Iterator[Fault]:
        """Tell what is wrong with a value; it is counted before anything of it is looked at."""
        if type(value) is not list:
            yield Fault(path, "must be a list of texts")
        elif len(value) > self.max_items:
            yield Fault(path, f"has {len(value)} items; send at most {self.max_items}")
        else:
            for place, one in enumerate(value):
                yield from _text_faults(_decimal(one), f"{path}.{place}", MAX_TEXT_CHARACTERS)

    def read(self, value: Any) -> object:  # noqa: ANN401 - JSON without faults
        """Keep texts."""
        return [_decimal(one) for one in value]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Whole:
    """A whole number within limits; `optional` ones may be null."""

    name: str
    title: str
    description: str
    least: int
    most: int
    required: bool = False
    optional: bool = False
    default: int | None = None

    def schema(self) -> dict[str, Any]:
        """Describe it as JSON Schema does."""
        return {
            "title": self.title,
            "description": self.description,
            "type": ["integer", "null"] if self.optional else "integer",
            "minimum": self.least,
            "maximum": self.most,
            "default": self.default,
        }

    def faults(self, value: object, path: str) -> Iterator[Fault]:
        """Tell what is wrong with a value; a float without a fraction is a whole number in JSON."""
        if value is None and self.optional:
            return
        whole = type(value) is int or (isinstance(value, float) and value.is_integer())
        if not whole or not self.least <= value <= self.most:  # type: ignore[operator]
            yield Fault(path, f"must be a whole number from {self.least} to {self.most}")

    def read(self, value: Any) -> object:  # noqa: ANN401 - JSON without faults
        """Keep an integer."""
        return None if value is None else int(value)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Choice:
    """One of a few texts; `optional` ones may be null."""

    name: str
    title: str
    description: str
    choices: tuple[str, ...]
    required: bool = False
    optional: bool = False
    default: str | None = None

    def schema(self) -> dict[str, Any]:
        """Describe it as JSON Schema does."""
        return {
            "title": self.title,
            "description": self.description,
            "enum": [*self.choices, *([None] if self.optional else [])],
            "default": self.default,
        }

    def faults(self, value: object, path: str) -> Iterator[Fault]:
        """Tell what is wrong with a value that JSON brought."""
        if not (value is None and self.optional) and value not in self.choices:
            yield Fault(path, f"must be one of {', '.join(self.choices)}")

    def read(self, value: Any) -> object:  # noqa: ANN401 - JSON without faults
        """Keep it as it is."""
        return value


@dataclasses.dataclass(frozen=True, kw_only=True)
class Flag:
    """True or false."""

    name: str
    title: str
    description: str
    required: bool = False
    default: bool = False

    def schema(self) -> dict[str, Any]:
        """Describe it as JSON Schema does."""
        return {
            "title": self.title,
            "description": self.description,
            "type": "boolean",
            "default": self.default,
        }

    def faults(self, value: object, path: str) -> Iterator[Fault]:
        """Tell what is wrong with a value that JSON brought."""
        if type(value) is not bool:
            yield Fault(path, "must be true or false")

    def read(self, value: Any) -> object:  # noqa: ANN401 - JSON without faults
        """Keep it as it is."""
        return value


@dataclasses.dataclass(frozen=True, kw_only=True)
class Url:
    """An address of http or https without user, password and fragment; `optional` may be null."""

    name: str
    title: str
    description: str
    required: bool = False
    optional: bool = False
    max_characters: int = 2048
    default: str | None = None

    def schema(self) -> dict[str, Any]:
        """Describe it as JSON Schema does."""
        return {
            "title": self.title,
            "description": self.description,
            "type": ["string", "null"] if self.optional else "string",
            "format": "uri",
            "maxLength": self.max_characters,
            "pattern": URL,
            "default": self.default,
        }

    def faults(self, value: object, path: str) -> Iterator[Fault]:
        """Tell what is wrong with a value that JSON brought."""
        if value is None and self.optional:
            return
        fits = type(value) is str and len(value) <= self.max_characters
        if not fits or not _URL.search(str(value)):
            yield Fault(path, "must be an address like https://api.example.com/v1")

    def read(self, value: Any) -> object:  # noqa: ANN401 - JSON without faults
        """Keep it as it is."""
        return value


def secret(name: str, title: str, description: str, *, most: int) -> Text:
    """Declare a secret that may be absent, of at most so many characters."""
    return Text(
        name=name,
        title=title,
        description=description,
        secret=True,
        optional=True,
        max_characters=most,
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class Parts:
    """An object of fields, given as a whole; null where there is none."""

    name: str
    title: str
    description: str
    fields: tuple[Field, ...]
    required: bool = False
    default: None = None

    def schema(self) -> dict[str, Any]:
        """Describe it as JSON Schema does."""
        within = json_schema(self.fields)
        del within["$schema"]
        told = {"title": self.title, "description": self.description, "default": self.default}
        return {**within, **told, "type": ["object", "null"]}

    def faults(self, value: object, path: str) -> Iterator[Fault]:
        """Tell what is wrong with a value that JSON brought."""
        if type(value) is dict:
            yield from faults(self.fields, value, path, whole=True)
        elif value is not None:
            yield Fault(path, "must be an object, or null")

    def read(self, value: Any) -> object:  # noqa: ANN401 - JSON without faults
        """Keep every field, those left out by their defaults."""
        return None if value is None else shown(self.fields, read(self.fields, value))


def json_schema(fields: Sequence[Field]) -> dict[str, Any]:
    """Describe an object of these fields as JSON Schema does; a form can be drawn from it."""
    return {
        "$schema": DIALECT,
        "type": "object",
        "properties": {one.name: one.schema() for one in fields},
        "required": [one.name for one in fields if one.required],
        "additionalProperties": False,
    }


def faults(
    fields: Iterable[Field], given: Mapping[str, object], path: str, *, whole: bool
) -> Iterator[Fault]:
    """Tell all that is wrong with some values; a whole set of them must have what is required."""
    known = {one.name: one for one in fields}
    for name, value in given.items():
        place = f"{path}.{texts.cut(name, MAX_TEXT_CHARACTERS)}"
        if name in known:
            yield from known[name].faults(value, place)
        else:
            yield Fault(place, "there is no such field")
    for name, one in known.items():
        if whole and one.required and name not in given:
            yield Fault(f"{path}.{name}", "is missing")


def read(fields: Iterable[Field], given: Mapping[str, object]) -> dict[str, object]:
    """Turn values without faults into what is kept."""
    return {one.name: one.read(given[one.name]) for one in fields if one.name in given}


def shown(fields: Iterable[Field], config: Mapping[str, object]) -> dict[str, object]:
    """Show a config: its fields as they are set, the others by their defaults."""
    return {one.name: config.get(one.name, one.default) for one in fields}


def _decimal(value: object) -> object:
    return str(value) if type(value) is int else value


def _text_faults(value: object, path: str, max_characters: int) -> Iterator[Fault]:
    if type(value) is not str:
        yield Fault(path, "must be text")
    elif len(value) > max_characters:
        yield Fault(path, f"is longer than {max_characters} characters")
    elif not value.strip() or not texts.is_storable(value):
        yield Fault(path, "must be text that is not blank, without NUL")
