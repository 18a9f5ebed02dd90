"""The description of every call (OpenAPI 3.1), made from what serves them."""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING, Any, Final, cast

import orjson
from apispec import APISpec
from apispec.ext.marshmallow import MarshmallowPlugin
from flask import Blueprint, Response, current_app, request

import gateway
from gateway import addresses
from gateway.handlers.http import (
    conditional,
    deps,
    examples,
    once,
    operations,
    problems,
    responses,
)
from gateway.handlers.http.fields import WITHOUT_NUL
from gateway.handlers.http.operations import Text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from marshmallow import Schema

    from gateway.handlers.http.operations import Answer, Foreign, Operation
    from gateway.handlers.http.topics import Topic
    from gateway.handlers.http.variables import Variable

EXTENSION: Final = "gateway.description"

# Every operation may answer these, whatever else it says.
ALWAYS: Final = (400, 401, 403, 500, 503)

# A variable of a rule, by whichever converter (`raw_path.install`).
_VARIABLE: Final = re.compile(r"<(?:raw|number):(\w+)>")
_TAG: Final[Mapping[str, Any]] = {
    "ETag": {
        "description": "The tag of this answer; equal only for equal answers.",
        "schema": {"type": "string"},
        "example": '"5f3a90c1"',
    }
}

_HELD: Final[Mapping[str, Any]] = {
    "name": conditional.HEADER,
    "in": "header",
    "description": "Tags of answers that you hold, or `*`.",
    "schema": {"type": "string"},
    "example": '"5f3a90c1"',
}

_ROUTED: Final[Mapping[str, Any]] = {
    "name": operations.ROUTED_BY,
    "in": "query",
    "description": "Where several gateways share an address, the one that has this source is asked;"
    " this call itself takes no notice of it.",
    "schema": {"type": "string"},
    "example": "default",
}

_KEY: Final[Mapping[str, str]] = {
    "type": "http",
    "scheme": "bearer",
    "description": "An API key.",
}

_KEY_AS_USER: Final[Mapping[str, str]] = {
    "type": "http",
    "scheme": "basic",
    "description": "An API key as the user name; the password is empty.",
}

blueprint = Blueprint("openapi", __name__)


@blueprint.get("/openapi.json")
def openapi() -> Response:
    return Response(orjson.dumps(current().at(address())), content_type=responses.JSON)


def current() -> Description:
    return cast("Description", current_app.extensions[EXTENSION])


def address() -> str:
    """Return the URL to call: the one that is set, or else the one by which this request came."""
    settings = deps.current().settings
    host = request.environ.get("HTTP_HOST", "")
    asked = addresses.requested_url(request.scheme, host)
    return settings.public_url or asked or settings.local_url


class Description:
    """What is told of some calls: those of the query API, and foreign ones beside them.

    `variables` describes, by name, each variable in the paths of those of the query API.
    """

    def __init__(
        self,
        served: Sequence[Operation],
        foreign: Sequence[Foreign],
        variables: Mapping[str, Variable],
    ) -> None:
        self._served = served
        self._foreign = foreign
        self._variables = variables

    def at(self, url: str) -> dict[str, Any]:
        """Return the document for an address."""
        return {**self.document, "servers": [{"url": url}]}

    @functools.cached_property
    def document(self) -> dict[str, Any]:
        """The document without an address, made at first use; it must not be changed."""
        spec = APISpec(
            title="Cohort Gateway",
            version=gateway.__version__,
            openapi_version="3.1.0",
            info={"description": "Which people are in which Mixpanel cohorts."},
            plugins=[MarshmallowPlugin(schema_name_resolver=_name)],
            security=[{"key": []}],
            tags=self._tags(),
        )
        spec.components.security_scheme("key", dict(_KEY))
        spec.components.security_scheme("key_as_user_name", dict(_KEY_AS_USER))
        not_modified = {
            "description": "You hold this answer: its tag is one you sent.",
            "headers": _TAG,
        }
        spec.components.response("304", not_modified)
        for status in problems.DESCRIBED:
            spec.components.response(str(status), problems.described(status))
        for operation in self._served:
            described = {operation.method.lower(): _operation(operation, self._variables)}
            spec.path(path=_VARIABLE.sub(r"{\1}", operation.rule), operations=described)
        for call in self._foreign:
            for name, schema in call.schemas.items():
                spec.components.schema(name, dict(schema))
            for name, login in call.logins.items():
                spec.components.security_scheme(name, dict(login))
            spec.path(path=call.path, operations={call.method: _foreign(call)})
        return examples.filled(spec.to_dict())

    def _tags(self) -> list[dict[str, str]]:
        topics: dict[str, Topic] = {one.topic.name: one.topic for one in self._served}
        topics |= {one.topic.name: one.topic for one in self._foreign}
        return [{"name": one.name, "description": one.description} for one in topics.values()]


def _name(schema: type[Schema] | Schema) -> str:
    kind = schema if isinstance(schema, type) else type(schema)
    return kind.__name__.removesuffix("Answer")


def _foreign(call: Foreign) -> dict[str, Any]:
    return {"tags": [call.topic.name], **call.described}


def _operation(operation: Operation, variables: Mapping[str, Variable]) -> dict[str, Any]:
    too_large = () if operation.body is None else (413,)
    told = sorted({*ALWAYS, *too_large, *operation.refusals})
    refusals = {str(status): str(status) for status in told}
    named = _VARIABLE.findall(operation.rule)
    described: dict[str, Any] = {
        "operationId": operation.name,
        "tags": [operation.topic.name],
        "summary": operation.summary,
        "description": f"{operation.description} Needs the scope `{operation.scope}`.".strip(),
        "parameters": [_variable(name, variables[name]) for name in named],
        "responses": {str(operation.answer.status): _answer(operation.answer), **refusals},
    }
    if operation.tagged:
        described["responses"][str(operation.answer.status)]["headers"] = _TAG
        described["responses"] |= {"304": {"$ref": "#/components/responses/304"}}
        described["parameters"].append(_HELD)
    described["responses"] |= {str(one.status): _answer(one) for one in operation.also}
    if operation.once:
        described["parameters"].append(once.PARAMETER)
    if operation.query is not None:
        described["parameters"].append({"in": "query", "schema": operation.query})
    if operations.ROUTED_BY not in operations.known(operation.query):
        described["parameters"].append(_ROUTED)
    if operation.body is not None:
        content = {responses.JSON: {"schema": operation.body}}
        described["requestBody"] = {"required": True, "content": content}
    if operation.reads is not None:
        described["requestBody"] = {"required": True, "content": _content(operation.reads)}
    if operation.key_as_user:
        described["security"] = [{"key": []}, {"key_as_user_name": []}]
    return described


def _variable(name: str, variable: Variable) -> dict[str, Any]:
    return {
        "name": name,
        "in": "path",
        "required": True,
        "schema": {"type": "string", "minLength": 1, "pattern": WITHOUT_NUL},
        "description": variable.description,
        "example": variable.example,
    }


def _answer(answer: Answer) -> dict[str, Any]:
    described: dict[str, Any] = {"description": answer.description}
    if answer.content:
        described["content"] = _content(answer.content)
    return described


def _content(content: Mapping[str, type[Schema] | Text]) -> dict[str, Any]:
    return {
        media_type: _text(media_type, held) if isinstance(held, Text) else {"schema": held}
        for media_type, held in content.items()
    }


def _text(media_type: str, text: Text) -> dict[str, Any]:
    schema: dict[str, Any] = {
        "type": "string",
        "description": text.description,
        "contentMediaType": media_type,
    }
    if text.line is not None:
        schema["contentSchema"] = {"$ref": f"#/components/schemas/{_name(text.line)}"}
    return {"schema": schema, "example": text.example}
