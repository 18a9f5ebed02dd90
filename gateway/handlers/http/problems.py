"""Errors of the query API as problem documents (RFC 9457)."""

from __future__ import annotations

import dataclasses
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

import orjson
from flask import Response
from werkzeug.exceptions import HTTPException

from gateway import errors
from gateway.database_errors import QueryRefused, SourceFailed
from gateway.handlers.http import schemas

if TYPE_CHECKING:
    from collections.abc import Mapping

MEDIA_TYPE: Final = "application/problem+json"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Described:
    """What the description says of a status: when, with which header and fields, and how."""

    when: str
    examples: Mapping[str, Mapping[str, Any]]
    header: tuple[str, str] | None = None
    fields: tuple[str, ...] = ()


_BUG: Final = "a bug in the gateway; its log says more"

_BEARER: Final = 'Bearer realm="cohort gateway"'
_LATER: Final = ("Retry-After", "5")


def _document(
    status: int, code: str, detail: str, extra: Mapping[str, object]
) -> dict[str, object]:
    return {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": int(status),
        "detail": detail,
        "code": code,
        **extra,
    }


def _shown(status: int, code: str, detail: str, **extra: object) -> Mapping[str, Any]:
    return {code: {"value": _document(status, code, detail, extra)}}


DESCRIBED: Final[Mapping[int, Described]] = {
    400: Described(
        when="A parameter or the body is not as described; `detail` names it.",
        examples=_shown(400, "malformed", "limit: must be a whole number from 1 to 1000"),
    ),
    401: Described(
        when="No valid key was sent.",
        header=("WWW-Authenticate", _BEARER),
        examples=_shown(401, "unauthenticated", "this key is not valid, or was revoked"),
    ),
    403: Described(
        when="The key lacks the scope.",
        examples=_shown(403, "forbidden", "this key lacks the scope 'admin'"),
    ),
    404: Described(
        when="There is no such thing, or no longer.",
        examples=_shown(404, "not_found", "no such cohort, or it was deleted"),
    ),
    409: Described(
        when="The thing is in another state than this needs; of `ahead` in a cohort, `last_seq` is"
        " the newest.",
        examples={
            **_shown(
                409,
                "ahead",
                "after: this cohort has not come to that seq",
                last_seq=42,
                epoch="6f1c9d2e",
            ),
            **_shown(
                409,
                "in_use",
                "cohorts come from this source: 17 (Trial users); delete them first, or send"
                " with_cohorts=true",
                cohorts=["17"],
            ),
            **_shown(
                409,
                "exists",
                "the source has a cohort with this external_id, which was deleted; restore it",
                id="17",
                deleted=True,
            ),
            **_shown(
                409,
                "load_running",
                "load 17-42 of this cohort is queued or being read; wait for it, or cancel it",
                id="17-42",
            ),
            **_shown(409, "conflict", "this delivery is not blocked; it waits for its turn"),
        },
    ),
    410: Described(
        when="What is asked for is not kept any more; of a cohort, `oldest_seq` is the oldest that"
        " is.",
        examples=_shown(410, "gone", "changes before seq 1042 are not kept", oldest_seq=1042),
    ),
    413: Described(
        when="The body has more bytes than this call takes; `detail` says how many those are.",
        examples=_shown(413, "too_large", "the body is larger than 65536 bytes; send less at once"),
    ),
    422: Described(
        when="The body has the right form and cannot be accepted; `errors` tells all that is"
        " wrong.",
        fields=("errors",),
        examples=_shown(
            422,
            "invalid",
            "paused: must be true or false",
            errors=[{"path": "paused", "message": "must be true or false"}],
        ),
    ),
    429: Described(
        when="Too much at once; try again after `Retry-After` seconds.",
        header=_LATER,
        examples=_shown(429, "throttled", "as many exports as may run at once are running"),
    ),
    500: Described(
        when="A bug in the gateway.", examples=_shown(500, errors.InternalError.code, _BUG)
    ),
    503: Described(
        when="The database cannot do this now; try again after `Retry-After` seconds.",
        header=_LATER,
        examples=_shown(503, "unavailable", "the database does not answer; try again"),
    ),
}


def described(status: int) -> dict[str, Any]:
    known = DESCRIBED[status]
    schema: Any = schemas.ProblemAnswer
    if known.fields:
        schema = {"allOf": [schema, {"type": "object", "required": [*known.fields]}]}
    said: dict[str, Any] = {
        "description": f"{HTTPStatus(status).phrase}. {known.when}",
        "content": {MEDIA_TYPE: {"schema": schema, "examples": known.examples}},
    }
    if known.header is not None:
        name, example = known.header
        said["headers"] = {name: {"schema": {"type": "string"}, "example": example}}
    return said


def answer(error: Exception) -> Response:
    """Answer whatever was raised; of a bug nothing is told but that it is one."""
    if isinstance(error, errors.Refused):
        return _problem(error.status, _code(error), str(error), _headers(error), _extra(error))
    if isinstance(error, errors.RateLimited | errors.Unavailable):
        retry_after = {"Retry-After": str(error.retry_after_seconds)}
        return _problem(error.status, error.code, str(error), retry_after)
    if isinstance(error, HTTPException) and error.code is not None and error.code < 500:  # noqa: PLR2004 - the rest are bugs
        return _from_http(error, HTTPStatus(error.code))
    return _problem(500, errors.InternalError.code, _BUG)


def _from_http(error: HTTPException, status: HTTPStatus) -> Response:
    """Keep Werkzeug's status and the headers that belong to it, such as Allow."""
    kept = {
        name: value
        for name, value in error.get_headers()
        if name.lower() not in ("content-type", "content-length")
    }
    detail = error.description or status.phrase
    return _problem(status, status.name.lower(), detail, kept)


def _code(error: errors.Refused) -> str:
    return error.failure if isinstance(error, QueryRefused | SourceFailed) else error.code


def _headers(error: errors.Refused) -> Mapping[str, str]:
    if isinstance(error, errors.Unauthenticated):
        return {"WWW-Authenticate": _BEARER}
    if isinstance(error, errors.MethodNotAllowed):
        return {"Allow": ", ".join(error.allowed)}
    return {}


def _extra(error: errors.Refused) -> Mapping[str, object]:
    if isinstance(error, errors.Ahead):
        return _without_null({"last_seq": error.last_seq, "epoch": error.epoch})
    if isinstance(error, errors.InUse):
        return {"cohorts": list(error.cohorts)}
    if isinstance(error, errors.Invalid):
        return {"errors": [dataclasses.asdict(fault) for fault in error.faults]}
    if isinstance(error, errors.Gone):
        return _without_null({"oldest_seq": error.oldest_seq})
    return error.facts


def _without_null(facts: Mapping[str, object]) -> Mapping[str, object]:
    return {name: value for name, value in facts.items() if value is not None}


def _problem(
    status: int,
    code: str,
    detail: str,
    headers: Mapping[str, str] | None = None,
    extra: Mapping[str, object] | None = None,
) -> Response:
    document = _document(status, code, detail, extra or {})
    return Response(orjson.dumps(document), status, headers, content_type=MEDIA_TYPE)
