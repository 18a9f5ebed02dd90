"""Operations of the query API: each is declared once, and served and documented from that."""

from __future__ import annotations

import dataclasses
import functools
import urllib.parse
from typing import TYPE_CHECKING, Any, Final

from flask import Blueprint, request
from marshmallow import ValidationError

from gateway import errors
from gateway.handlers.http import auth, body, forms, schemas
from gateway.sources import json_body

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from flask import Response
    from marshmallow import Schema

    from gateway.core.access.scopes import Scope
    from gateway.handlers.http.topics import Topic

# Of a body, unless its operation says that it needs more.
MAX_BODY_BYTES: Final = 64 * 1024
# No list in a body is longer than 1,000, and what a schema does not know costs time as well.
MAX_BODY_VALUES: Final = 10_000
# Every call takes it: where several gateways share an address, it says which of them is asked.
ROUTED_BY: Final = "source"
# Of the name of an unknown parameter, which a message repeats.
_MAX_NAME_CHARACTERS: Final = 100


@dataclasses.dataclass(frozen=True, kw_only=True)
class Text:
    """An answer that is not JSON: what it looks like, and what each of its lines is, if JSON."""

    description: str
    example: str
    line: type[Schema] | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Answer:
    """A good answer: its status, and by media type what it holds."""

    status: int
    description: str
    content: Mapping[str, type[Schema] | Text]


NOTHING: Final = Answer(status=204, description="It is done.", content={})


@dataclasses.dataclass(frozen=True, kw_only=True)
class Operation:
    """A method and path, what it takes, what it answers, and the view that does it.

    `rule` is Flask's. The view is called with the path's variables, and with `query` and `body`
    loaded if they are declared; of a body at most `max_body_bytes` are read. What only the view
    can read is declared by media type in `reads`, and handed over as `raw`. `refusals` are the
    statuses it answers beside those of every operation. A `tagged` one answers with a tag, and 304
    to a client that holds that answer. The view of one that `acts` is also called with an `actor`,
    for the audit log. With `key_as_user` the key may also come as the user name of Basic. One that
    is done `once` takes an Idempotency-Key. `also` are other good answers than the usual one.
    """

    name: str
    method: str
    rule: str
    view: Callable[..., Response]
    scope: Scope
    topic: Topic
    summary: str
    answer: Answer
    description: str = ""
    query: type[Schema] | None = None
    body: type[Schema] | None = None
    reads: Mapping[str, type[Schema] | Text] | None = None
    max_body_bytes: int = MAX_BODY_BYTES
    refusals: tuple[int, ...] = ()
    tagged: bool = False
    acts: bool = False
    key_as_user: bool = False
    once: bool = False
    also: tuple[Answer, ...] = ()


@dataclasses.dataclass(frozen=True, kw_only=True)
class Foreign:
    """A call outside the query API, in OpenAPI's words, with the schemas and logins these name."""

    path: str
    method: str
    topic: Topic
    described: Mapping[str, Any]
    schemas: Mapping[str, Mapping[str, Any]] = dataclasses.field(default_factory=dict)
    logins: Mapping[str, Mapping[str, Any]] = dataclasses.field(default_factory=dict)


def blueprint(name: str, operations: Iterable[Operation]) -> Blueprint:
    made = Blueprint(name, __name__)
    made.after_request(_keep_private)
    for operation in operations:
        made.add_url_rule(
            operation.rule, operation.name, _endpoint(operation), methods=[operation.method]
        )
    return made


def _keep_private(response: Response) -> Response:
    """Set `Cache-Control: no-store`: responses contain personal data."""
    response.headers["Cache-Control"] = "no-store"
    return response


def _endpoint(operation: Operation) -> Callable[..., Response]:
    def endpoint(**variables: str) -> Response:
        actor = auth.require(operation.scope, as_user_name=operation.key_as_user)
        arguments: dict[str, Any] = dict(variables)
        if operation.acts:
            arguments["actor"] = actor
        sent = _query(operation.query)
        if operation.query is not None:
            arguments["query"] = _asked(operation.query, sent)
        if operation.body is not None:
            arguments["body"] = _written(operation.body, _body(operation.max_body_bytes))
        if operation.reads is not None:
            arguments["raw"] = body.read(request.environ, max_bytes=operation.max_body_bytes)
        return operation.view(**arguments)

    return endpoint


def _asked(schema: type[Schema], sent: Mapping[str, str]) -> Any:  # noqa: ANN401 - the schema's own value
    return _load(schema, sent) if sent else _nothing_said(schema)


@functools.cache
def _nothing_said(schema: type[Schema]) -> Any:  # noqa: ANN401 - the schema's own value
    """Load a query without parameters, once: the value is frozen."""
    return _load(schema, {})


def _query(schema: type[Schema] | None) -> dict[str, str]:
    """Read the query parameters as strict UTF-8.

    Raises errors.Malformed for an unknown one, and for one with several values: a filter that is
    misspelt must not answer everything, and none may be left out in silence.
    """
    if not request.query_string:
        return {}
    pairs = urllib.parse.parse_qsl(
        request.query_string.decode("latin-1"), keep_blank_values=True, encoding="latin-1"
    )
    fields = known(schema)
    found: dict[str, str] = {}
    for name, value in pairs:
        if name in fields:
            if found.setdefault(name, text := _utf8(name, value)) != text:
                raise errors.Malformed(f"{name}: has several values; send one")
        elif name != ROUTED_BY:
            raise _unknown(name, fields)
    return found


def known(schema: type[Schema] | None) -> Mapping[str, object]:
    """Return the query parameters of a schema by name; of none, none."""
    # What `fields` of an instance is made of.
    return {} if schema is None else schema._declared_fields  # noqa: SLF001


def _unknown(name: str, taken: Iterable[str]) -> errors.Malformed:
    shown = name.encode("latin-1").decode("utf-8", "replace")[:_MAX_NAME_CHARACTERS]
    fix = f"it takes {', '.join(taken)}" if taken else "it takes none"
    return errors.Malformed(f"{shown}: this call has no such query parameter; {fix}")


def _utf8(name: str, value: str) -> str:
    try:
        return value.encode("latin-1").decode()
    except UnicodeDecodeError as error:
        raise errors.Malformed(f"{name}: must be percent-encoded UTF-8") from error


def _body(max_bytes: int) -> object:
    """Read a body; it is counted before it is parsed, so that it cannot cost much."""
    raw = body.read(request.environ, max_bytes=max_bytes)
    parsed = json_body.parse(raw, max_values=MAX_BODY_VALUES)
    if parsed.problem is not None:
        raise parsed.problem
    return parsed.value


def _written(schema: type[Schema], sent: object) -> Any:  # noqa: ANN401 - the schema's own value
    return forms.load(schema, sent) if issubclass(schema, forms.Form) else _load(schema, sent)


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
