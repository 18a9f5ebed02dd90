"""Good answers of the query API, as JSON."""

from __future__ import annotations

import datetime
import json
from typing import TYPE_CHECKING, Any, Final, TypeVar

import orjson
from flask import Response

from gateway.core import moments
from gateway.flows.cohorts import parts
from gateway.handlers.http import schemas
from gateway.handlers.http.operations import Answer

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from marshmallow import Schema

    from gateway.flows.cohorts.parts import ListPage
    from gateway.handlers.http.cursors import Cursor

JSON: Final = "application/json"

T = TypeVar("T")
P = TypeVar("P", bound="Sequence[int | str]")


def value(schema: type[Schema], shown: object, status: int = 200) -> Response:
    """Answer a value in a schema's shape."""
    return Response(_written(schemas.of(schema).dump(shown)), status, content_type=JSON)


def _written(dumped: object) -> bytes:
    """Write JSON; orjson has no integers beyond 64 bits, which a rule may compare with."""
    try:
        return orjson.dumps(dumped)
    except TypeError:
        return json.dumps(dumped, ensure_ascii=False, separators=(",", ":")).encode()


def plain(shown: object, *, status: int = 200) -> Response:
    """Answer what has the documented shape already.

    For long lists: of 1,000 changes a schema's dump takes 6 ms, this half of one.
    """
    return Response(_plain(shown), status, content_type=JSON)


def _plain(shown: object) -> bytes:
    return orjson.dumps(shown, _moment, orjson.OPT_PASSTHROUGH_DATETIME)


def _moment(value: object) -> str:
    if isinstance(value, datetime.datetime):
        return moments.write(value)
    raise TypeError


def document(ready: str) -> Response:
    """Answer a JSON document that is ready."""
    return Response(ready, content_type=JSON)


def documents(
    name: str, found: ListPage[T, P], cursor: Cursor, *, ready: Callable[[T], str]
) -> Response:
    """Answer a part of a list of JSON documents, and where the next part begins."""
    return _part(name, found, cursor, lambda one: ready(one).encode())


def part(schema: type[Schema], name: str, found: ListPage[T, P], cursor: Cursor) -> Response:
    """Answer a part of a list in a schema's shape, and where the next part begins."""
    rows: Any = schemas.of(schema).fields[name]
    one_row: Schema = rows.inner.schema
    return _part(name, found, cursor, lambda one: _written(one_row.dump(one)))


def plain_part(
    name: str,
    found: ListPage[T, P],
    cursor: Cursor,
    *,
    beside: dict[str, object],
    shown: Callable[[T], object] = lambda one: one,
) -> Response:
    """Answer a part of a list in its own shape, beside something, with a cursor if need be."""
    return _part(name, found, cursor, lambda one: _plain(shown(one)), beside)


def _part(
    name: str,
    found: ListPage[T, P],
    cursor: Cursor,
    write: Callable[[T], bytes],
    beside: dict[str, object] | None = None,
) -> Response:
    """Write rows for as long as they fit into an answer; one is always answered."""
    rows, room = list[bytes](), parts.MAX_ROWS_BYTES
    for row in map(write, found.items):
        room -= len(row) + 1
        if rows and room < 0:
            break
        rows.append(row)
    end = cursor.write(found.first(len(rows)).end)
    pieces = [orjson.dumps((beside or {}) | {name: []})[:-2], b",".join(rows)]
    told = end is not None or not beside
    pieces += [b'],"next_cursor":', orjson.dumps(end), b"}"] if told else [b"]}"]
    return Response(b"".join(pieces), content_type=JSON)


def of(schema: type[Schema], description: str, *, status: int = 200) -> Answer:
    return Answer(status=status, description=description, content={JSON: schema})


def nothing() -> Response:
    """Answer that it is done."""
    return Response(status=204)
