"""Phone numbers: E.164 of what people write, with and without a default country."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.destinations.normalise import phones


@pytest.mark.parametrize(
    ("text", "region", "expected"),
    [
        ("16505551212", None, "16505551212"),
        ("+1 (650) 555-1212", None, "16505551212"),
        ("  +1.650.555.1212 ", None, "16505551212"),
        ("001 650 555 1212", None, "16505551212"),
        ("+44 (0) 20 7946 0958", None, "442079460958"),
        ("tel:+442079460958", None, "442079460958"),
        ("+49 170 1234567 ext. 12", None, "491701234567"),
        ("(650) 555-1212", "US", "16505551212"),
        ("16505551212", "US", "16505551212"),
        ("0170 1234567", "DE", "491701234567"),
        ("0049 170 1234567", "DE", "491701234567"),
        ("0049 170 1234567", "US", "491701234567"),
        ("0011 49 170 1234567", "AU", "491701234567"),
        ("02 1234 5678", "IT", "390212345678"),
        ("+44 20 7946 0958", "US", "442079460958"),
        ("8 (912) 345-67-89", "RU", "79123456789"),
    ],
)
def test_digits__of_a_number__begin_with_the_country_code(
    text: str, region: str | None, expected: str
) -> None:
    assert phones.digits(text, region) == expected


@pytest.mark.parametrize("region", [None, "DE"])
@pytest.mark.parametrize(
    "text", ["", " ", "+", "n/a", "call me", "0000", "+0", "1234567890123456789", "a1b2c3d4e5f6"]
)
def test_digits__of_no_number__are_empty(text: str, region: str | None) -> None:
    assert phones.digits(text, region) == ""


def test_digits__without_a_region__stay_where_no_country_can_be_known() -> None:
    assert phones.digits("0170 1234567", None) == "1701234567"


@given(text=st.text(), region=st.sampled_from([None, "US", "DE", "IT"]))
def test_digits__of_any_text__are_digits_without_a_leading_zero(
    text: str, region: str | None
) -> None:
    found = phones.digits(text, region)
    assert found == "" or (found.isascii() and found.isdecimal() and found[0] != "0")
    assert phones.digits(f"+{found}", region) in (found, "")
