"""What Mixpanel posts, and the two shapes of answer that the contract has for it."""

from __future__ import annotations

import itertools
import json
import os

from tests.stack import PROJECT, Answer

_numbers = itertools.count()


def unique(prefix: str = "c") -> str:
    """Make an id that no other test has."""
    return f"{prefix}-{os.getpid()}-{next(_numbers)}"


def body(
    cohort: str,
    *member_ids: object,
    action: object = "add_members",
    **parameters: object,
) -> dict[str, object]:
    """Build a page; parameters of `...` are left out."""
    given_or_default = {
        "mixpanel_project_id": PROJECT,
        "mixpanel_cohort_id": cohort,
        "mixpanel_cohort_name": f"Name of {cohort}",
        "mixpanel_cohort_description": "Description",
        "mixpanel_session_id": unique("s"),
        "page_info": {"total_pages": 1, "page_count": 1},
        "members": [{"mixpanel_distinct_id": each} for each in member_ids],
        **parameters,
    }
    kept = {name: value for name, value in given_or_default.items() if value is not ...}
    return {"action": action, "parameters": kept}


def raw(cohort: str, *member_ids: object, **parameters: object) -> bytes:
    """Build a page as the bytes that are posted."""
    return json.dumps(body(cohort, *member_ids, **parameters)).encode()


def padded(cohort: str, size: int) -> bytes:
    """Build a page of one member and of exactly so many bytes."""
    page = body(cohort, "a", padding="")
    missing = size - len(json.dumps(page))
    return raw(cohort, "a", padding="x" * missing, mixpanel_session_id=_session(page))


def _session(page: dict[str, object]) -> object:
    parameters = page["parameters"]
    assert isinstance(parameters, dict)
    return parameters["mixpanel_session_id"]


def accepted(answer: Answer, action: str = "add_members") -> None:
    """Check a success: exactly two keys."""
    assert answer.status == 200, answer
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.json == {"action": action, "status": "success"}


def refused(answer: Answer, status: int, *, action: str | None = "add_members") -> str:
    """Check a failure and return its message."""
    assert answer.status == status, answer
    assert answer.headers["Content-Type"] == "application/json"
    message = answer.message
    error = {"message": message, "code": status}
    assert answer.json == {"action": action, "status": "failure", "error": error}
    assert 0 < len(message) <= 500
    if status in (429, 503):
        assert int(answer.headers["Retry-After"]) > 0
    return message
