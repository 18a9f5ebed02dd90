"""The description of the query API (OpenAPI 3.1), made from what serves it."""

from __future__ import annotations

import functools
import re
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

import orjson
from apispec import APISpec
from apispec.ext.marshmallow import MarshmallowPlugin
from flask import Blueprint, Response

import gateway
from gateway.handlers import (
    answers,
    cohorts,
    conditions,
    deliveries,
    ids,
    members,
    operations,
    problems,
    refusals,
    schemas,
    sources,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from marshmallow import Schema

    from gateway.handlers.operations import Answer, Operation

OPERATIONS: Final[tuple[Operation, ...]] = (
    *cohorts.OPERATIONS,
    *members.OPERATIONS,
    *deliveries.OPERATIONS,
    *sources.OPERATIONS,
    *refusals.OPERATIONS,
)

VARIABLES: Final[Mapping[str, str]] = {
    "cohort_id": "The `id` of a cohort.",
    "member_id": "The id of a person at the source, any text, percent-encoded.",
    "slug": "The slug of a source.",
    "delivery_id": "The `id` of a delivery.",
}

# Every operation may answer these, whatever else it says.
ALWAYS: Final = (400, 401, 403, 500, 503)

_PROBLEMS: Final[Mapping[int, str]] = {
    400: "A parameter or the body is not as described; `detail` names it.",
    401: "No valid key was sent.",
    403: "The key lacks the scope.",
    404: "There is no such thing, or no longer.",
    409: "The thing is in another state than this needs; of `ahead`, `last_seq` is the newest.",
    410: "What is asked for is not kept any more; `oldest_seq` is the oldest that is.",
    422: "The body has the right form and cannot be accepted; `errors` tells all that is wrong.",
    429: "Too much at once; try again after `Retry-After` seconds.",
    500: "A bug in the gateway.",
    503: "The database cannot do this now; try again after `Retry-After` seconds.",
}

_HEADERS: Final[Mapping[int, str]] = {
    401: "WWW-Authenticate",
    429: "Retry-After",
    503: "Retry-After",
}

_TAG: Final[Mapping[str, Any]] = {
    "ETag": {
        "description": "The tag of this answer; equal only for equal answers.",
        "schema": {"type": "string"},
    }
}

_HELD: Final[Mapping[str, Any]] = {
    "name": conditions.HEADER,
    "in": "header",
    "description": "Tags of answers that you hold, or `*`.",
    "schema": {"type": "string"},
}

_ROUTED: Final[Mapping[str, Any]] = {
    "name": operations.ROUTED_BY,
    "in": "query",
    "description": "Where several gateways share an address, the one that has this source is asked;"
    " this call itself takes no notice of it.",
    "schema": {"type": "string"},
}

_PLAIN: Final[Mapping[str, Mapping[str, Any]]] = {
    "/healthz": {"summary": "See whether the process is alive", "responses": {"200": "It is."}},
    "/readyz": {
        "summary": "See whether it can work",
        "responses": {
            "200": "Postgres answers, no migration is pending, and a source was set up.",
            "503": "Postgres does not answer, a migration is pending, or no source was set up.",
        },
    },
    "/metrics": {
        "summary": "Read the metrics",
        "responses": {"200": "Series named `gateway_…`, in Prometheus' text format."},
    },
}

blueprint = Blueprint("openapi", __name__)


@blueprint.get("/openapi.json")
def openapi() -> Response:
    """Answer the description."""
    return Response(orjson.dumps(document()), content_type=answers.JSON)


@functools.cache
def document() -> dict[str, Any]:
    """Describe every call; the value is shared, so it must not be changed."""
    spec = APISpec(
        title="Cohort Gateway",
        version=gateway.__version__,
        openapi_version="3.1.0",
        info={"description": "Which people are in which Mixpanel cohorts."},
        plugins=[MarshmallowPlugin(schema_name_resolver=_name)],
        security=[{"key": []}],
    )
    scheme = {"type": "http", "scheme": "bearer", "description": "An API key."}
    spec.components.security_scheme("key", scheme)
    not_modified = {
        "description": "You hold this answer: its tag is one you sent.",
        "headers": _TAG,
    }
    spec.components.response("304", not_modified)
    for status in _PROBLEMS:
        spec.components.response(str(status), _problem(status))
    for operation in OPERATIONS:
        described = {operation.method.lower(): _operation(operation)}
        spec.path(path=re.sub(r"<raw:(\w+)>", r"{\1}", operation.rule), operations=described)
    for path, plain in _PLAIN.items():
        spec.path(path=path, operations={"get": _plain(path, plain)})
    described_all: dict[str, Any] = spec.to_dict()
    return described_all


def _name(schema: type[Schema] | Schema) -> str:
    kind = schema if isinstance(schema, type) else type(schema)
    return kind.__name__.removesuffix("Answer")


def _operation(operation: Operation) -> dict[str, Any]:
    refusals = {str(status): str(status) for status in sorted({*ALWAYS, *operation.refusals})}
    described: dict[str, Any] = {
        "operationId": operation.name,
        "summary": operation.summary,
        "description": f"{operation.description} Needs the scope `{operation.scope}`.".strip(),
        "parameters": [
            {
                "name": name,
                "in": "path",
                "required": True,
                "schema": {"type": "string", "minLength": 1, "pattern": ids.WITHOUT_NUL},
                "description": VARIABLES[name],
            }
            for name in re.findall(r"<raw:(\w+)>", operation.rule)
        ],
        "responses": {str(operation.answer.status): _answer(operation.answer), **refusals},
    }
    if operation.tagged:
        described["responses"][str(operation.answer.status)]["headers"] = _TAG
        described["responses"] |= {"304": {"$ref": "#/components/responses/304"}}
        described["parameters"].append(_HELD)
    if operation.query is not None:
        described["parameters"].append({"in": "query", "schema": operation.query})
    if operations.ROUTED_BY not in operations.known(operation.query):
        described["parameters"].append(_ROUTED)
    if operation.body is not None:
        content = {answers.JSON: {"schema": operation.body}}
        described["requestBody"] = {"required": True, "content": content}
    return described


def _answer(answer: Answer) -> dict[str, Any]:
    described: dict[str, Any] = {"description": answer.description}
    if answer.content:
        described["content"] = {
            media_type: {"schema": {"type": "string"} if schema is None else schema}
            for media_type, schema in answer.content.items()
        }
    return described


def _problem(status: int) -> dict[str, Any]:
    described: dict[str, Any] = {
        "description": f"{HTTPStatus(status).phrase}. {_PROBLEMS[status]}",
        "content": {problems.MEDIA_TYPE: {"schema": schemas.ProblemAnswer}},
    }
    if status in _HEADERS:
        described["headers"] = {_HEADERS[status]: {"schema": {"type": "string"}}}
    return described


def _plain(path: str, plain: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "operationId": path.strip("/"),
        "summary": plain["summary"],
        "security": [],
        "responses": {
            status: {"description": description}
            for status, description in plain["responses"].items()
        },
    }
