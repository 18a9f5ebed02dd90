"""Operations of the query API: each is declared once, and served and documented from that."""

from __future__ import annotations

import dataclasses
import functools
import urllib.parse
from typing import TYPE_CHECKING, Any, Final

import orjson
from flask import Blueprint, request
from marshmallow import ValidationError

from gateway import errors
from gateway.handlers import auth, body, schemas

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from flask import Response
    from marshmallow import Schema

    from gateway.core.scopes import Scope

# A membership check of the largest size, every character escaped.
MAX_BODY_BYTES: Final = 16 * 1024 * 1024


@dataclasses.dataclass(frozen=True, kw_only=True)
class Answer:
    """A good answer: its status, and by media type its schema (None: text)."""

    status: int
    description: str
    content: Mapping[str, type[Schema] | None]


NOTHING: Final = Answer(status=204, description="It is done.", content={})


@dataclasses.dataclass(frozen=True, kw_only=True)
class Operation:
    """A method and path, what it takes, what it answers, and the view that does it.

    `rule` is Flask's. The view is called with the path's variables, and with `query` and `body`
    loaded if they are declared. `refusals` are the statuses it answers beside those of every
    operation. A `tagged` one answers with a tag, and 304 to whoever holds that answer.
    """

    name: str
    method: str
    rule: str
    view: Callable[..., Response]
    scope: Scope
    summary: str
    answer: Answer
    description: str = ""
    query: type[Schema] | None = None
    body: type[Schema] | None = None
    refusals: tuple[int, ...] = ()
    tagged: bool = False


def blueprint(name: str, operations: Iterable[Operation]) -> Blueprint:
    """Make a blueprint that serves operations."""
    made = Blueprint(name, __name__)
    made.after_request(_keep_private)
    for operation in operations:
        made.add_url_rule(
            operation.rule, operation.name, _endpoint(operation), methods=[operation.method]
        )
    return made


def _keep_private(response: Response) -> Response:
    """Let nobody on the way keep an answer: it may be about people."""
    response.headers["Cache-Control"] = "no-store"
    return response


def _endpoint(operation: Operation) -> Callable[..., Response]:
    def endpoint(**variables: str) -> Response:
        auth.require(operation.scope)
        arguments: dict[str, Any] = dict(variables)
        if operation.query is not None:
            arguments["query"] = _asked(operation.query)
        if operation.body is not None:
            arguments["body"] = _load(operation.body, _body())
        return operation.view(**arguments)

    return endpoint


def _asked(schema: type[Schema]) -> Any:  # noqa: ANN401 - the schema's own value
    return _load(schema, _query(schema)) if request.query_string else _nothing_said(schema)


@functools.cache
def _nothing_said(schema: type[Schema]) -> Any:  # noqa: ANN401 - the schema's own value
    """Load a query without parameters, once: the value is frozen."""
    return _load(schema, {})


def _query(schema: type[Schema]) -> dict[str, str]:
    """Read the known query parameters, the first of each name, as strict UTF-8."""
    pairs = urllib.parse.parse_qsl(
        request.query_string.decode("latin-1"), keep_blank_values=True, encoding="latin-1"
    )
    known = schema._declared_fields  # noqa: SLF001 - what `fields` of an instance is made of
    found: dict[str, str] = {}
    for name, value in pairs:
        if name in known and name not in found:
            found[name] = _utf8(name, value)
    return found


def _utf8(name: str, value: str) -> str:
    try:
        return value.encode("latin-1").decode()
    except UnicodeDecodeError as error:
        raise errors.Malformed(f"{name}: must be percent-encoded UTF-8") from error


def _body() -> object:
    raw = body.read(request.environ, max_bytes=MAX_BODY_BYTES)
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise errors.Malformed("the body is not JSON in UTF-8") from error


def _load(schema: type[Schema], sent: Any) -> Any:  # noqa: ANN401 - the schema's own value
    try:
        return schemas.of(schema).load(sent)
    except ValidationError as error:
        raise errors.Malformed(_first(error.messages_dict)) from error


def _first(messages: Mapping[Any, Any]) -> str:
    """Name one field that is wrong, and why."""
    path: list[str] = []
    found: Any = messages
    while isinstance(found, dict):
        key, found = next(iter(found.items()))
        path += [] if key == "_schema" else [str(key)]
    reason = found[0] if isinstance(found, list) else found
    return f"{'.'.join(path) or 'the body'}: {reason}"
