"""Values of PostgreSQL that Python cannot have, such as the year 10000, taken as texts."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from psycopg2 import extensions, extras

from gateway.sources.sql import values

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gateway.sources.sql.session import Column, Row

    Cursor = extensions.cursor

# Object ids that are the same in every PostgreSQL (src/include/catalog/pg_type.dat): of the type,
# and of its arrays.
_DATE: Final = ((1082, 1083, 1186), (1182, 1183, 1187))
_TIMESTAMP: Final = ((1114,), (1115,))
_ZONED: Final = ((1184, 1266), (1185, 1270))
_BYTEA: Final = ((17,), (1001,))
# psycopg2 makes objects of ranges, and writes those in another way than the server.
_RANGE: Final = ((3904, 3906, 3908, 3910, 3912, 3926), (3905, 3907, 3909, 3911, 3913, 3927))

# The only type with another comma in its arrays.
_WITH_SEMICOLONS: Final = "box[]"

_OFFSET: Final = re.compile(r"([+-]\d\d)(:\d\d)?$")


def register(line: extensions.connection) -> None:
    """Let a connection hand over these types as texts, by RFC 3339 where they are moments."""
    for (codes, arrays), cast in (
        (_DATE, _same),
        (_RANGE, _same),
        (_TIMESTAMP, _timestamp),
        (_ZONED, _zoned),
        (_BYTEA, _bytea),
    ):
        of_one = extensions.new_type(codes, "TEXT", cast)  # type: ignore[arg-type] # no bytes come
        extensions.register_type(of_one, line)
        extensions.register_type(extensions.new_array_type(arrays, "TEXT[]", of_one), line)
    extras.register_default_json(line, loads=values.of_json)
    extras.register_default_jsonb(line, loads=values.of_json)


def with_lists(rows: Sequence[Row], columns: Sequence[Column]) -> Sequence[Row]:
    """Make lists of the arrays of types that psycopg2 does not know, such as those of UUIDs."""
    places = {
        place
        for place, one in enumerate(columns)
        if one.type.endswith("[]") and one.type != _WITH_SEMICOLONS
    }
    if not places:
        return rows
    return [
        tuple(_listed(one) if place in places else one for place, one in enumerate(row))
        for row in rows
    ]


def _listed(value: object) -> object:
    return extensions.UNICODEARRAY(value, None) if isinstance(value, str) else value


def _same(text: str | None, _cursor: Cursor) -> str | None:
    return text


def _timestamp(text: str | None, _cursor: Cursor) -> str | None:
    """Write a time without a zone as one of UTC."""
    if text is None or "-" not in text or not text[-1].isdigit():
        return text  # NULL, infinity, or a time before Christ
    return text.replace(" ", "T") + "Z"


def _zoned(text: str | None, _cursor: Cursor) -> str | None:
    if text is None or not text[-1].isdigit():
        return text
    written = text.replace(" ", "T")
    if written.endswith("+00"):
        return written[:-3] + "Z"
    return _OFFSET.sub(lambda found: found[1] + (found[2] or ":00"), written)


def _bytea(text: str | None, _cursor: Cursor) -> str | None:
    return None if text is None else text.removeprefix("\\x")
