"""Traits and properties: what is written is what was sent, with all its digits, and storable."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest

from gateway.core.people.items import Code, Rejection
from gateway.sources.people import objects

LONG = 10**30


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ({"n": Decimal("1.10")}, '{"n":1.10}'),
        ({"n": LONG}, f'{{"n":{LONG}}}'),
        ({"n": [LONG, Decimal("0.50"), 1]}, f'{{"n":[{LONG},0.50,1]}}'),
        ({"n": [LONG, True, False, None]}, f'{{"n":[{LONG},true,false,null]}}'),
        ({"a\0": "b\0", "n": None}, '{"a\ufffd":"b\ufffd","n":null}'),
        ({"a": ["\ud800", {"b": True}]}, '{"a":["\ufffd",{"b":true}]}'),
    ],
)
def test_text__of_a_value__has_the_digits_sent_and_can_be_stored(
    value: object, written: str
) -> None:
    assert objects.text(value, "traits") == written
    json.loads(written)


@pytest.mark.parametrize(
    "number", [Decimal("1e4301"), Decimal("1e-4301"), Decimal("1." + "1" * 4300)]
)
def test_number__of_too_many_digits__is_rejected(number: Decimal) -> None:
    for value in (number, [number], {"n": {"n": number}}):
        with pytest.raises(Rejection) as raised:
            objects.text(value, "traits")
        assert raised.value.code is Code.BAD_NUMBER


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity"])
def test_number__that_is_none__is_rejected(number: str) -> None:
    with pytest.raises(Rejection) as raised:
        objects.text({"n": Decimal(number)}, "traits")
    assert raised.value.code is Code.BAD_NUMBER
