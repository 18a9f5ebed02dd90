"""Limits on what a page may hold, and many large ones at once, through the whole gateway."""

from __future__ import annotations

import threading
from typing import Final

from tests.http.webhook import accepted, body, raw, refused, unique
from tests.stack import Stack

MEBIBYTE: Final = 1024 * 1024


def test_values__too_many__are_refused_by_the_gateway(stack: Stack) -> None:
    cohort = unique()
    page = raw(cohort, "a").replace(
        b'"add_members"', b'"add_members", "p": [' + b"[]," * 2_000_000 + b"0]"
    )
    assert "values" in refused(stack.post(page), 400)
    assert stack.cohort(cohort) is None


def test_large_bodies__six_at_once__are_all_accepted(stack: Stack) -> None:
    cohorts = [unique() for _ in range(6)]
    answers: list[int] = []

    def post(cohort: str) -> None:
        page = body(cohort, "a", padding=[["x" * 50]] * 20_000)
        answers.append(stack.post(page).status)

    senders = [threading.Thread(target=post, args=(cohort,)) for cohort in cohorts]
    for sender in senders:
        sender.start()
    accepted(stack.post(body(unique(), "a")))
    for sender in senders:
        sender.join()
    assert answers == [200] * 6


def test_texts__of_a_mebibyte_each__are_taken_or_cut(stack: Stack) -> None:
    cohort = unique()
    long = "\N{EURO SIGN}" * (MEBIBYTE // len("\\u20ac"))
    page = body(
        cohort,
        members=[{"mixpanel_distinct_id": "a", "email": long, long: long}, {"distinct_id": long}],
        mixpanel_project_id=long,
        mixpanel_session_id=long,
        mixpanel_cohort_name=long,
        mixpanel_cohort_description=long,
    )
    accepted(stack.post(page))
    found = stack.members(cohort)
    assert set(found) == {"a"}
    assert found["a"]["email"] == long
    assert found["a"]["properties"] == {long: long}
    assert len(stack.cohort(cohort)["name"]) == 1000
    assert stack.syncs(cohort)[0]["skipped"] == {"too_long": 1}


def test_names__a_hundred_thousand_in_one_member__are_taken(stack: Stack) -> None:
    cohort = unique()
    names = {f"name-{number}": number for number in range(100_000)}
    accepted(stack.post(body(cohort, members=[{"mixpanel_distinct_id": "a", **names}])))
    assert stack.members(cohort)["a"]["properties"] == names
