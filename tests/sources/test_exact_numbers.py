"""Bodies whose numbers are kept as they were written."""

from __future__ import annotations

import decimal

import pytest

from gateway import errors
from gateway.sources import json_body


def test_parse_exactly__of_a_number_beyond_decimals__is_an_infinity() -> None:
    found = json_body.parse_exactly(b"[1.10, 1e99999999999999999999, NaN, 7]")
    assert found == [decimal.Decimal("1.10"), decimal.Decimal("Infinity"), None, 7]


def test_parse_exactly__of_too_many_values__is_refused() -> None:
    body = b"[" + b"1," * json_body.MAX_VALUES + b"1]"
    with pytest.raises(errors.Malformed, match="more than 2000000 values"):
        json_body.parse_exactly(body)
