"""JSON, paths and queries with placeholders, compiled once and filled for each request.

A placeholder is a whole text, `{{member.email}}`, and becomes the JSON value of that name. What a
member does not have is left out of the object or list around it. In a path and in a query a value
is percent-encoded as one segment or value.
"""

from __future__ import annotations

import dataclasses
import re
from typing import TYPE_CHECKING, Any, Final, TypeAlias
from urllib.parse import quote

from gateway.destinations.http import values
from gateway.destinations.http.values import MISSING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

PLACEHOLDER: Final = re.compile(r"\{\{([a-z]+(?:\.[A-Za-z0-9_]{1,64})?)\}\}")
_ANY: Final = re.compile(r"(\{\{[^{}]*\}\})")
_LITERAL: Final = re.compile(r"[A-Za-z0-9._~!$&'()*+,;=:@%-]*")
_DOTS: Final = frozenset({"", ".", ".."})


class Unfit(Exception):
    """A value cannot stand where a template wants it; `place` is the name of the placeholder."""

    def __init__(self, place: str) -> None:
        super().__init__(place)
        self.place = place


NO_ROW: Final[Mapping[str, Mapping[str, object]]] = {"member": {}, "row": {}}


class Scope:
    """What placeholders stand for: one level of names by their first word, and those of one row.

    `rows` has the names of each member of the request, `members` what `{{members}}` is. It is made
    for each member of each request: a dataclass would take most of the time of filling an item.
    """

    __slots__ = ("members", "names", "row", "rows")

    def __init__(
        self,
        names: Mapping[str, Mapping[str, object]],
        rows: Sequence[Mapping[str, Mapping[str, object]]] = (),
        members: object = MISSING,
        row: Mapping[str, Mapping[str, object]] = NO_ROW,
    ) -> None:
        self.names = names
        self.rows = rows
        self.members = members
        self.row = row

    def of_row(self, row: Mapping[str, Mapping[str, object]]) -> Scope:
        """Take the names of one member."""
        return Scope(self.names, (), MISSING, row)

    def of_rows(self, rows: Sequence[Mapping[str, Mapping[str, object]]], members: object) -> Scope:
        """Take the members of a request, and what `{{members}}` is."""
        return Scope(self.names, rows, members)


Fill: TypeAlias = "Callable[[Scope], object]"


def names_in(value: object) -> list[str]:
    """Return the names of all placeholders in a value, and `!` for each that is no whole text."""
    match value:
        case str():
            if found := PLACEHOLDER.fullmatch(value):
                return [found[1]]
            return ["!"] if "{{" in value or "}}" in value else []
        case list():
            return [name for one in value for name in names_in(one)]
        case dict():
            return [name for pair in value.items() for one in pair for name in names_in(one)]
        case _:
            return []


def compiled(value: object) -> Fill:
    """Compile a JSON value."""
    match value:
        case str() if found := PLACEHOLDER.fullmatch(value):
            return _name(found[1])
        case {"each": "members", "item": item, **rest} if not rest:
            return _each(compiled(item))
        case dict() if names_in(value):
            return _object(value)
        case list() if names_in(value):
            return _list([compiled(one) for one in value])
        case _:
            return lambda _scope: value


def _name(name: str) -> Fill:
    first, _, rest = name.partition(".")
    if name == "members":
        return lambda scope: scope.members
    if first in NO_ROW and rest:
        return lambda scope: scope.row[first].get(rest, MISSING)
    if first in NO_ROW:
        return lambda scope: dict(scope.row[first])
    return lambda scope: scope.names.get(first, {}).get(rest, MISSING)


def _each(item: Fill) -> Fill:
    def fill(scope: Scope) -> object:
        filled = (item(scope.of_row(row)) for row in scope.rows)
        return [one for one in filled if one is not MISSING]

    return fill


def _list(items: Sequence[Fill]) -> Fill:
    def fill(scope: Scope) -> object:
        return [one for item in items if (one := item(scope)) is not MISSING]

    return fill


def _object(value: Mapping[str, Any]) -> Fill:
    literal = {key for key in value if not PLACEHOLDER.fullmatch(key)}
    pairs = [
        (key, None if key in literal else compiled(key), compiled(inner))
        for key, inner in value.items()
    ]

    def fill(scope: Scope) -> object:
        made: dict[str, object] = {}
        for place, key, inner in pairs:
            found = inner(scope)
            if found is not MISSING:
                name = place if key is None else _key(key(scope), place)
                # A value as a key must not stand for another key of the template.
                if key is not None and (name in made or name in literal):
                    raise Unfit(place.strip("{}"))
                made[name] = found
        return made

    return fill


def _key(value: object, place: str) -> str:
    name = values.text(value)
    if name is None:
        raise Unfit(place.strip("{}"))
    return name


@dataclasses.dataclass(frozen=True)
class Path:
    """A path that begins with a slash: for each segment its parts, literal or to be filled."""

    segments: tuple[tuple[tuple[str, Fill | None], ...], ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The names of its placeholders."""
        parts = [part for segment in self.segments for part in segment]
        return tuple(name for name, fill in parts if fill is not None)

    def fill(self, scope: Scope) -> str:
        """Write the path. Raises Unfit for a value that would not be a segment of its own."""
        return "/" + "/".join(_segment(parts, scope) for parts in self.segments)


def _segment(parts: tuple[tuple[str, Fill | None], ...], scope: Scope) -> str:
    written = ""
    for literal, fill in parts:
        written += literal if fill is None else _encoded(fill(scope), literal)
    # Dots would climb, even percent-encoded; an empty segment would vanish.
    if written in _DOTS and any(fill is not None for _, fill in parts):
        raise Unfit(next(literal for literal, fill in parts if fill is not None))
    return written


def _encoded(value: object, name: str) -> str:
    plain = values.text(value)
    if not plain:
        raise Unfit(name)
    try:
        return quote(plain, safe="")
    except UnicodeEncodeError as error:
        raise Unfit(name) from error


def path(text: str) -> Path:
    """Compile a path. Raises ValueError saying what is wrong with it."""
    if not text.startswith("/"):
        raise ValueError("must begin with /")
    return Path(tuple(_parts(segment) for segment in text[1:].split("/")))


def _parts(segment: str) -> tuple[tuple[str, Fill | None], ...]:
    pieces = [piece for piece in _ANY.split(segment) if piece]
    parts: list[tuple[str, Fill | None]] = []
    for piece in pieces:
        found = PLACEHOLDER.fullmatch(piece)
        if found is None and not _LITERAL.fullmatch(piece):
            raise ValueError(f"{piece!a} is neither a placeholder nor plain text of a path")
        if found and len(pieces) > 1 and not found[1].startswith("settings."):
            raise ValueError(f"{piece} must be a segment of its own")
        parts.append((found[1], _name(found[1])) if found else (piece, None))
    if segment in _DOTS - {""}:
        raise ValueError("must not have . or .. as a segment")
    return tuple(parts) or (("", None),)


def path_names(text: str) -> list[str]:
    """Return the names of all placeholders in a path."""
    return [found[1] for found in PLACEHOLDER.finditer(text)]


def query(templates: Mapping[str, object]) -> Callable[[Scope], str]:
    """Compile a query; a list is a parameter for each of its values, what is missing is none."""
    pairs = [(quote(name, safe=""), name, compiled(value)) for name, value in templates.items()]

    def fill(scope: Scope) -> str:
        return "&".join(
            f"{encoded}={_value(one, name)}"
            for encoded, name, template in pairs
            for one in _several(template(scope))
        )

    return fill


def _several(found: object) -> list[object]:
    every = found if isinstance(found, list) else [found]
    return [one for one in every if one is not MISSING and one is not None]


def _value(value: object, name: str) -> str:
    plain = values.text(value)
    if plain is None:
        raise Unfit(name)
    try:
        return quote(plain, safe="")
    except UnicodeEncodeError as error:
        raise Unfit(name) from error
