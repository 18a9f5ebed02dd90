"""What a mapping of a sync job may say, and what it reads of a member."""

from __future__ import annotations

import pytest

from gateway.core.syncs import mapping

KNOWN = ("email", "phone", "external_id")


def faults(given: dict[str, object]) -> list[tuple[str, str]]:
    """Tell the faults of a mapping for a destination that is matched by e-mail or id."""
    found = mapping.faults(
        given,
        known=KNOWN,
        others=False,
        matching=(frozenset({"email"}), frozenset({"external_id"})),
    )
    return [(one.path, one.message) for one in found]


def test_mapping__of_too_many_fields__is_told_how_many_may_be() -> None:
    (fault,) = faults({f"f{number}": "email" for number in range(mapping.MOST_FIELDS + 1)})
    assert fault[0] == "mapping"
    assert f"at most {mapping.MOST_FIELDS}" in fault[1]


@pytest.mark.parametrize("field", [7, None, "", "city", "properties.", "properties." + "x" * 255])
def test_mapping__of_what_is_no_field__is_told_where(field: object) -> None:
    (fault,) = faults({"email": field})
    assert fault[0] == "mapping.email"


def test_mapping__that_can_match_no_person__says_what_would() -> None:
    (fault,) = faults({"phone": "phone"})
    assert fault == ("mapping", "matches no person there without email or external_id")


@pytest.mark.parametrize(
    ("properties", "found"),
    [
        ({"a": {"b": 1}}, 1),
        ({"a.b": 2, "a": {"b": 1}}, 2),
        ({"a": "text"}, None),
        ({"a": None}, None),
        ({}, None),
        (None, None),
    ],
)
def test_value__at_a_path__is_found_or_left_out(properties: object, found: object) -> None:
    read = mapping.read({"city": "properties.a.b"}, {"properties": properties})
    assert read == ({} if found is None else {"city": found})
