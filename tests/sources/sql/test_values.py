"""Values of databases, as texts of ids and as JSON of properties."""

from __future__ import annotations

import datetime
import decimal
import json
import uuid

import pytest

from gateway.sources.sql import values

MOMENT = datetime.datetime(2026, 3, 29, 1, 30, 0, 5)  # noqa: DTZ001 - of a column without zone
BERLIN = datetime.timezone(datetime.timedelta(hours=2))


@pytest.mark.parametrize(
    ("value", "text", "plain"),
    [
        (" ada ", " ada ", " ada "),
        (7, "7", 7),
        (2**70, str(2**70), 2**70),
        (True, "true", True),
        (decimal.Decimal("10.50"), "10.5", 10.5),
        (decimal.Decimal(100), "100", 100),
        (decimal.Decimal("1E+3"), "1000", 1000),
        (decimal.Decimal("-0.0"), "0", 0),
        (decimal.Decimal("NaN"), "NaN", "NaN"),
        (1.0, "1", 1),
        (1.5e-7, "0.00000015", 1.5e-7),
        (1e17, "100000000000000000", 10**17),
        (float("inf"), "Infinity", "Infinity"),
        (float("nan"), "NaN", "NaN"),
        (decimal.Decimal("1E+999999999"), "1E+999999999", "1E+999999999"),
        (decimal.Decimal("1E-999999999"), "1E-999999999", "1E-999999999"),
        (datetime.date(2026, 1, 2), "2026-01-02", "2026-01-02"),
        (MOMENT, "2026-03-29T01:30:00.000005Z", "2026-03-29T01:30:00.000005Z"),
        (
            MOMENT.replace(tzinfo=BERLIN, microsecond=0),
            "2026-03-29T01:30:00+02:00",
            "2026-03-29T01:30:00+02:00",
        ),
        (datetime.time(1, 2, 3), "01:02:03", "01:02:03"),
        (datetime.timedelta(hours=30, seconds=1.5), "30:00:01.5", "30:00:01.5"),
        (-datetime.timedelta(minutes=1), "-00:01:00", "-00:01:00"),
        (b"\xde\xad", "dead", "dead"),
        (memoryview(b"\x00"), "00", "00"),
        (uuid.UUID(int=1), str(uuid.UUID(int=1)), str(uuid.UUID(int=1))),
        ([1, None, "a"], '[1,null,"a"]', [1, None, "a"]),
        ({"a": decimal.Decimal("1.5")}, '{"a":1.5}', {"a": 1.5}),
    ],
)
def test_value__of_a_type__is_a_text_and_json(value: object, text: str, plain: object) -> None:
    assert values.text(value) == text
    assert values.plain(value) == plain
    assert type(values.plain(value)) is type(plain)
    assert json.loads(values.json_text(value)) == plain
    assert json.loads(values.json_text([value])) == [plain]


def test_value__null__is_null() -> None:
    assert values.plain(None) is None
    assert values.json_text(None) == "null"
    assert values.texts(["a", None]) == ["a", None]
    assert values.texts([1, None]) == ["1", None]


def test_value__decimal_with_many_digits__keeps_them_all_as_json() -> None:
    assert values.json_text(decimal.Decimal("0.12345678901234567890123")) == (
        "0.12345678901234567890123"
    )
    nested = values.of_json('{"a": [12345678901234567890.123, 9007199254740993, 1e400]}')
    assert values.json_text(nested) == (
        '{"a":[12345678901234567890.123,9007199254740993,1' + "0" * 400 + "]}"
    )
    assert values.text(decimal.Decimal(10) ** 5000) == "1" + "0" * 5000


@pytest.mark.parametrize(
    ("written", "found"),
    [
        ('{"a": [1, 1.50, null, true]}', {"a": [1, decimal.Decimal("1.50"), None, True]}),
        ("1e99999999999999999999", decimal.Decimal("Infinity")),
        ("9" * 5000, "9" * 5000),
        ("[" * 3000 + "]" * 3000, "[" * 3000 + "]" * 3000),
        ("undefined", "undefined"),
    ],
)
def test_json__of_a_column__is_read_or_stays_text(written: str, found: object) -> None:
    assert values.of_json(written) == found


def test_json__as_deep_as_is_read__is_written_again() -> None:
    deep = "[" * 499 + "1.0" + "]" * 499
    assert values.json_text(values.of_json(deep)) == deep.replace("1.0", "1")
