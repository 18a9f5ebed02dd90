"""Identifiers by the rules of a declaration."""

from __future__ import annotations

import pytest

from gateway.destinations.http import identifiers
from gateway.destinations.http.declaration import Rule
from gateway.destinations.normalise import hashing

HASH = hashing.sha256("a")


@pytest.mark.parametrize(
    ("rule", "value", "options", "expected"),
    [
        ({}, 17, {}, "17"),
        ({}, 1.5, {}, "1.5"),
        ({}, True, {}, ""),
        ({}, ["a"], {}, ""),
        ({"normalise": ("trim", "lower")}, " A ", {}, "a"),
        ({"normalise": ("digits",)}, "+49 170 1234567", {}, "491701234567"),
        ({"normalise": ("e164",)}, "0170 1234567", {"default_country": "DE"}, "+491701234567"),
        ({"normalise": ("e164",)}, "none", {}, ""),
        ({"max_len": 2}, "abc", {}, ""),
        ({"pattern": "[a-z]+"}, "abc", {}, "abc"),
        ({"pattern": "[a-z]+"}, "abc1", {}, ""),
        ({"hash": "sha256"}, "a", {}, HASH),
        ({"hash": "md5"}, "a", {}, hashing.md5("a")),
        ({"hash": "sha256"}, HASH.upper(), {"hashed": ["id"]}, HASH),
        ({"hash": "sha256"}, "a", {"hashed": ["id"]}, ""),
        ({"hash": "sha256"}, "a", {"hashed": ["other"]}, HASH),
        ({"hash": "md5"}, HASH, {"hashed": ["id"]}, hashing.md5(HASH)),
    ],
)
def test_identifier__of_a_value__is_written_by_its_rule(
    rule: dict[str, object], value: object, options: dict[str, object], expected: str
) -> None:
    made = Rule(name="id", title="Id", **rule)  # type: ignore[arg-type]
    assert identifiers.written(made, value, options) == expected


def test_texts__of_a_member__are_known_in_lower_case_too() -> None:
    sent = {"email": "A@b.c", "id": 7, "plan": {"a": 1}, "none": ""}
    assert identifiers.texts_of(sent) == {"A@b.c", "a@b.c", "7"}
