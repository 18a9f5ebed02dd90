"""Bodies as Mixpanel sends them, to be varied, and what becomes of them."""

import json
from pathlib import Path

import pytest

from gateway import errors
from gateway.core.cohorts import member_rows
from gateway.core.cohorts.page import Page
from gateway.sources.mixpanel import body as mixpanel

DATA = Path(__file__).resolve().parent.parent / "data" / "mixpanel"
MEMBER = {"mixpanel_distinct_id": "a"}


def parse(raw: bytes, *, identity_property: str | None = None, max_members: int = 10_000) -> Page:
    return mixpanel.Body(raw).page(identity_property=identity_property, max_members=max_members)


def sample(name: str) -> Page:
    return parse((DATA / f"{name}.json").read_bytes())


def envelope(action: object = "add_members", **parameters: object) -> dict[str, object]:
    """Build a body; parameters of `...` are left out."""
    given_or_default = {
        "mixpanel_project_id": "1",
        "mixpanel_cohort_id": "2",
        "mixpanel_cohort_name": "Name",
        "mixpanel_cohort_description": "Description",
        "mixpanel_session_id": "s",
        "page_info": {"total_pages": 1, "page_count": 1},
        "members": [MEMBER],
        **parameters,
    }
    kept = {name: value for name, value in given_or_default.items() if value is not ...}
    return {"action": action, "parameters": kept}


def page(action: object = "add_members", **parameters: object) -> Page:
    return parse(json.dumps(envelope(action, **parameters)).encode())


def refusal(body: object) -> str:
    """Say why a body is refused."""
    with pytest.raises(errors.Malformed) as caught:
        parse(json.dumps(body).encode())
    assert len(str(caught.value)) <= 500
    return str(caught.value)


def ids(found: Page) -> list[str]:
    return member_rows.member_ids(found.roster)
