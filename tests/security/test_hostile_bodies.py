"""The corpus of hostile bodies, through the whole gateway: each has its status in its name."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Final

import pytest

from gateway.core import texts
from tests.http.webhook import accepted, body, unique
from tests.stack import API_KEY, Stack

CORPUS: Final = Path(__file__).resolve().parent.parent / "data/hostile"
FILES: Final = sorted(path.name for path in CORPUS.iterdir())

# The cohorts that the corpus makes.
PROJECTS: Final = ("1", '" OR 1=1 --', "p" * 20_000)

# A request's time; what read these badly took minutes.
DEADLINE_SECONDS: Final = 10


def test_corpus__of_hostile_bodies__is_there() -> None:
    assert len(FILES) >= 90
    assert {name[:4] for name in FILES} == {"200-", "400-", "503-"}


@pytest.mark.parametrize("name", FILES)
def test_hostile_body__posted__is_answered_with_its_status(stack: Stack, name: str) -> None:
    headers = {"Content-Encoding": "gzip"} if name.endswith(".gz") else {}
    began = time.monotonic()
    answer = stack.post((CORPUS / name).read_bytes(), headers=headers)
    assert time.monotonic() - began < DEADLINE_SECONDS
    assert answer.status == int(name[:3]), answer
    assert answer.headers["Content-Type"] == "application/json"
    if answer.status == 200:
        assert answer.json == {"action": "add_members", "status": "success"}
    else:
        assert answer.json.keys() == {"action", "status", "error"}
        assert answer.json["status"] == "failure"
        assert answer.json["error"]["code"] == answer.status
        assert 0 < len(answer.message) <= 500


@pytest.mark.parametrize("name", [name for name in FILES if name.startswith("200-")])
def test_hostile_page__applied__is_shown_in_every_form(stack: Stack, name: str) -> None:
    headers = {"Content-Encoding": "gzip"} if name.endswith(".gz") else {}
    assert stack.post((CORPUS / name).read_bytes(), headers=headers).status == 200
    found = stack.api("/v1/cohorts", external_id="hostile").json["cohorts"]
    assert {cohort["project_id"] for cohort in found} <= set(map(texts.shown_id, PROJECTS))
    for cohort in found:
        stack.settle(cohort["id"])
        for form in ("application/json", "application/x-ndjson", "text/csv"):
            sent = {"Authorization": f"Bearer {API_KEY}", "Accept": form}
            answer = stack.call("GET", f"/v1/cohorts/{cohort['id']}/members", headers=sent)
            assert answer.status == 200
            answer.body.decode()
    assert stack.api("/v1/deliveries", state="blocked").json["deliveries"] == []


def test_hostile_bodies__all_sent__leave_the_gateway_as_it_was(stack: Stack) -> None:
    answers = [
        stack.post((CORPUS / name).read_bytes(), headers={"Content-Encoding": encoding}, auth=None)
        for name in FILES
        if not name.startswith("200-")
        for encoding in ("", "gzip")
    ]
    # To strangers nothing is said but that they are: not even what is wrong with a body.
    assert {answer.status for answer in answers} <= {400, 401, 503}
    cohort = unique()
    accepted(stack.post(body(cohort, "a")))
    assert set(stack.members(cohort)) == {"a"}
    assert stack.call("GET", "/readyz").status == 200
