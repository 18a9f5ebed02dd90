"""Errors as problem documents."""

from __future__ import annotations

import pytest
from werkzeug import exceptions

from gateway import errors
from gateway.handlers.http import problems


@pytest.mark.parametrize(
    ("error", "status", "code", "header"),
    [
        (errors.Malformed("m"), 400, "malformed", None),
        (errors.Unauthenticated("m"), 401, "unauthenticated", "WWW-Authenticate"),
        (errors.Forbidden("m"), 403, "forbidden", None),
        (errors.NotFound("m"), 404, "not_found", None),
        (errors.MethodNotAllowed("m", allowed=("GET",)), 405, "method_not_allowed", "Allow"),
        (errors.Conflict("m"), 409, "conflict", None),
        (errors.Gone("m", oldest_seq=7), 410, "gone", None),
        (errors.RateLimited("m"), 429, "throttled", "Retry-After"),
        (errors.Unavailable("m"), 503, "unavailable", "Retry-After"),
        (errors.Poison("m", sqlstate="22000"), 500, "broken", None),
        (errors.InternalError("m"), 500, "broken", None),
        (ValueError("m"), 500, "broken", None),
        (exceptions.NotFound("m"), 404, "not_found", None),
        (exceptions.MethodNotAllowed(["GET"], "m"), 405, "method_not_allowed", "Allow"),
        (exceptions.BadRequest("m"), 400, "bad_request", None),
        (exceptions.InternalServerError("m"), 500, "broken", None),
    ],
)
def test_problem__of_any_error__has_its_status_code_and_headers(
    error: Exception, status: int, code: str, header: str | None
) -> None:
    answer = problems.answer(error)
    assert answer.status_code == status
    assert answer.content_type == "application/problem+json"
    assert header is None or header in answer.headers
    document = answer.get_json()
    assert document.keys() - {"oldest_seq"} == {"type", "title", "status", "detail", "code"}
    assert (document["status"], document["code"]) == (status, code)
    assert document["title"]
    assert (document["detail"] == "m") == (status != 500)
    assert document.get("oldest_seq") == (7 if status == 410 else None)
