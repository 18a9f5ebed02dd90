"""Errors of the query API as problem documents (RFC 9457)."""

from __future__ import annotations

import dataclasses
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

import orjson
from flask import Response
from werkzeug.exceptions import HTTPException

from gateway import errors

if TYPE_CHECKING:
    from collections.abc import Mapping

MEDIA_TYPE: Final = "application/problem+json"
_BUG: Final = "a bug in the gateway; its log says more"


def answer(error: Exception) -> Response:
    """Answer whatever was raised; of a bug nothing is told but that it is one."""
    if isinstance(error, errors.Refused):
        return _problem(error.status, error.code, str(error), _headers(error), _extra(error))
    if isinstance(error, errors.Throttled | errors.Unavailable):
        retry_after = {"Retry-After": str(error.retry_after_seconds)}
        return _problem(error.status, error.code, str(error), retry_after)
    if isinstance(error, HTTPException) and error.code is not None and error.code < 500:  # noqa: PLR2004 - the rest are bugs
        return _from_http(error, HTTPStatus(error.code))
    return _problem(500, errors.Broken.code, _BUG)


def _from_http(error: HTTPException, status: HTTPStatus) -> Response:
    """Keep Werkzeug's status and the headers that belong to it, such as Allow."""
    kept = {
        name: value
        for name, value in error.get_headers()
        if name.lower() not in ("content-type", "content-length")
    }
    detail = error.description or status.phrase
    return _problem(status, status.name.lower(), detail, kept)


def _headers(error: errors.Refused) -> Mapping[str, str]:
    if isinstance(error, errors.Unauthenticated):
        return {"WWW-Authenticate": 'Bearer realm="cohort gateway"'}
    if isinstance(error, errors.MethodNotAllowed):
        return {"Allow": ", ".join(error.allowed)}
    return {}


def _extra(error: errors.Refused) -> Mapping[str, object]:
    if isinstance(error, errors.Ahead):
        return {"last_seq": error.last_seq, "epoch": error.epoch}
    if isinstance(error, errors.Invalid):
        return {"errors": [dataclasses.asdict(fault) for fault in error.faults]}
    return {"oldest_seq": error.oldest_seq} if isinstance(error, errors.Gone) else {}


def _problem(
    status: int,
    code: str,
    detail: str,
    headers: Mapping[str, str] | None = None,
    extra: Mapping[str, object] | None = None,
) -> Response:
    document = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": int(status),
        "detail": detail,
        "code": code,
        **(extra or {}),
    }
    return Response(orjson.dumps(document), status, headers, content_type=MEDIA_TYPE)
