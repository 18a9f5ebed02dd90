"""Documents: what is JSON here, when two values are equal, and what Postgres is given."""

import contextlib
import json
import math
import re

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway import errors
from gateway.sources import json_body
from tests.sources import json_values
from tests.sources.json_values import FEW_VALUES, PLAIN, TEXTS, VALUES, same

# One of these in a body makes the standard library parse it.
LONG = 10**19


def lists(levels: int) -> bytes:
    return b"[" * levels + b"]" * levels


def problem(raw: bytes) -> str:
    """Say why a body is refused; empty if it is not."""
    found = json_body.parse(raw).problem
    return "" if found is None else str(found)


@given(VALUES)
def test_parse__any_json__is_that_value_by_either_parser(value: object) -> None:
    for also in (1, LONG):
        parsed = json_body.parse(json.dumps([value, also]).encode())
        assert parsed.problem is None
        assert same(parsed.value, [value, also])


@given(st.binary())
def test_parse__any_bytes__are_a_value_or_malformed(raw: bytes) -> None:
    parsed = json_body.parse(raw)
    if parsed.problem is None:
        assert same(json.loads(raw.removeprefix(b"\xef\xbb\xbf")), parsed.value)
    else:
        assert isinstance(parsed.problem, errors.Malformed)


@pytest.mark.parametrize(
    "raw", [b"", b"{", b"[1,]", b"{'a': 1}", b"nan", b'"\n"', b'"\\x"', b"1 2", b"\0", b'{"a"}']
)
def test_parse__what_is_not_json__is_refused_with_the_place(raw: bytes) -> None:
    assert problem(raw).startswith("the body is not JSON (")
    assert " at character " in problem(raw)


@pytest.mark.parametrize(
    "raw", [b'"\xff"', b'{"a": "\xc3("}', b'"\xed\xa0\x80"', '"\u20ac"'.encode("utf-16")]
)
def test_parse__what_is_not_utf8__is_refused(raw: bytes) -> None:
    assert "not UTF-8" in problem(raw)


def test_parse__a_byte_order_mark__is_dropped() -> None:
    assert json_body.parse(b'\xef\xbb\xbf{"a": 1}').value == {"a": 1}
    assert problem(b'\xef\xbb\xbf\xef\xbb\xbf{"a": 1}') != ""


def test_parse__numbers_beyond_64_bits__stay_exact() -> None:
    raw = b"[18446744073709551616, -123456789012345678901234567890, 9007199254740993]"
    assert json_body.parse(raw).value == [2**64, -123456789012345678901234567890, 2**53 + 1]


_AROUND = ["%s", " %s", "[%s]", "[0,%s]", "[0,\t%s]", '{"a":%s}', '{"a":\r\n%s,"b":0.5}']


@given(
    st.integers(10**17, 10**21)
    | st.integers(-(10**21), -(10**17))
    | st.integers(-(10**19), -LONG // 2),
    st.sampled_from(_AROUND),
)
def test_parse__a_long_number__is_exact_wherever_it_is(number: int, around: str) -> None:
    found = json_body.parse((around % number).encode()).value
    assert same(found, json.loads(around % number))
    text = (around % f'"{number}"').encode()
    assert same(json_body.parse(text).value, json.loads(text))


@pytest.mark.parametrize("sign", [b"", b"-"])
def test_parse__integers__have_at_most_4300_digits(sign: bytes) -> None:
    assert json_body.parse(sign + b"9" * 4300).value == int(sign + b"9" * 4300)
    assert "4300 digits" in problem(sign + b"9" * 4301)


def test_parse__nan_and_infinities__are_floats() -> None:
    value = json_body.parse(b"[NaN, Infinity, -Infinity, 1e999]").value
    assert str(value) == "[nan, inf, -inf, inf]"


def test_parse__a_key_twice__takes_the_last() -> None:
    for also in (1, LONG):
        assert json_body.parse(b'{"a": %d, "a": 2}' % also).value == {"a": 2}


@pytest.mark.parametrize("levels", [1, 12, 13, 100, 253, 254, 255, 256, 499, 500])
def test_parse__up_to_500_levels__is_accepted(levels: int) -> None:
    assert problem(lists(levels)) == ""
    assert problem(b'{"a":' * levels + b"1" + b"}" * levels) == ""
    assert problem(b"[" * (levels - 1) + b"{}" + b"]" * (levels - 1)) == ""


@pytest.mark.parametrize("levels", [501, 502, 900, 1100, 5000, 100_000])
def test_parse__more_than_500_levels__is_refused(levels: int) -> None:
    assert problem(lists(levels)) == "the body is nested deeper than 500 levels; flatten it"
    assert "500 levels" in problem(b'{"a":' * levels + b"1" + b"}" * levels)
    assert "500 levels" in problem(b"[%d," % LONG * levels + b"1" + b"]" * levels)


def test_parse__brackets_in_texts__are_not_levels() -> None:
    assert problem(json.dumps({"a": "[" * 1000, "b": "{[" * 1000}).encode()) == ""
    assert problem(json.dumps("[" * 1000).encode()) == ""


@pytest.mark.parametrize("levels", [600, 100_000])
def test_parse__too_deep__still_tells_the_texts_at_the_top(levels: int) -> None:
    raw = b'{"\\u0061ction" :\t"x\\u00e9", "p": %b, "q" : ["z", {"action": "y"}], "r": "s"}'
    value = json_body.parse(raw % lists(levels)).value
    assert isinstance(value, dict)
    assert (value["action"], value["r"]) == ("x\xe9", "s")


def test_parse__too_deep_and_no_json_at_all__tells_nothing() -> None:
    value = json_body.parse(b'{"p": %b, "action": "\\q"' % lists(100_000)).value
    assert value == {}


def test_parse__too_long_an_integer__still_tells_the_rest() -> None:
    value = json_body.parse(b'{"action": "x", "n": %b}' % (b"1" * 5000)).value
    assert isinstance(value, dict)
    assert value["action"] == "x"


@given(VALUES, st.integers())
def test_canonical__of_the_same_value_written_otherwise__is_equal(value: object, seed: int) -> None:
    other = json_body.parse(json_values.written_otherwise(value, seed)).value
    assert json_body.canonical(other) == json_body.canonical(value)


@given(FEW_VALUES, FEW_VALUES)
def test_canonical__of_two_values__is_equal_only_if_they_are(one: object, other: object) -> None:
    assert (json_body.canonical(one) == json_body.canonical(other)) == same(one, other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ([True], [1]),
        ([1], [1.0]),
        ([1], ["1"]),
        ([None], [0]),
        (["\ud800"], ["\ufffd"]),
        ([2**64], [float(2**64)]),
        ([2**64], [str(2**64)]),
        ([[], 1], [[1]]),
    ],
)
def test_canonical__of_values_alike__differs(one: object, other: object) -> None:
    assert json_body.canonical(one) != json_body.canonical(other)


@pytest.mark.parametrize("levels", [253, 254, 255, 256, 500])
def test_canonical__of_a_deep_value__is_that_value(levels: int) -> None:
    assert json_body.canonical(json.loads(lists(levels))) == lists(levels)


def test_canonical__of_depth_that_texts_hide_from_parse__is_refused() -> None:
    parsed = json_body.parse(b'["]",' * 501 + b"1" + b',"["]' * 501)
    assert parsed.problem is None
    with pytest.raises(errors.Malformed, match="deeper than 500 levels"):
        json_body.canonical(parsed.value)


@given(values=st.lists(TEXTS | PLAIN, min_size=1), ascii_only=st.booleans())
def test_is_clean__of_texts__is_never_said_of_others(
    values: list[str], *, ascii_only: bool
) -> None:
    with contextlib.suppress(UnicodeEncodeError):  # half a pair, which only an escape can say
        raw = json.dumps(values, ensure_ascii=ascii_only).encode()
        unclean = re.search('[\0-\x1f"\\\\\ud800-\udfff]', "".join(values))
        assert not (json_body.is_clean(raw) and unclean)


@pytest.mark.parametrize(
    "text", ["plain", "\xe9", "\\u00e9", "\\/", "\\u4E2D\\u0020", "\\u0021\\u005d"]
)
def test_is_clean__of_escapes_that_do_no_harm__is_true(text: str) -> None:
    assert json_body.is_clean(f'["{text}"]'.encode())


@pytest.mark.parametrize(
    "escape",
    [
        "\\n",
        '\\"',
        "\\\\",
        "\\u0000",
        "\\u001F",
        "\\u0022",
        "\\u005c",
        "\\u005C",
        "\\ud83d",
        "\\uDFFF",
    ],
)
def test_is_clean__of_other_escapes__is_false(escape: str) -> None:
    assert not json_body.is_clean(f'["a", "\\u00e9{escape}"]'.encode())


@given(st.dictionaries(TEXTS, VALUES, max_size=4))
def test_storable_json__of_any_object__is_json_without_what_postgres_refuses(
    value: dict[str, object],
) -> None:
    written = json_body.storable_json(value, clean=False)
    assert b"\0" not in written.encode()
    assert not {"\0", *map(chr, range(0xD800, 0xE000))} & set("".join(_texts(json.loads(written))))


@given(st.dictionaries(st.text("ab"), st.floats()))
def test_storable_json__of_floats__names_each_exactly_or_null(value: dict[str, object]) -> None:
    read = json.loads(json_body.storable_json(value, clean=True), parse_float=_exact)
    assert read == {name: float_or_null(each) for name, each in value.items()}


def _exact(text: str) -> float:
    """Read a float that jsonb would give back: of a larger one it would keep the digits only."""
    assert "e+" not in text
    return float(text)


def float_or_null(value: object) -> float | None:
    return value if isinstance(value, float) and math.isfinite(value) else None


def test_storable_json__nul_and_half_pairs__are_replaced_in_keys_and_values() -> None:
    written = json_body.storable_json({"a\0": ["\ud800b", {"\udfff": "c\0"}]}, clean=False)
    assert json.loads(written) == {"a\ufffd": ["\ufffdb", {"\ufffd": "c\ufffd"}]}


def test_storable_json__a_text_that_spells_an_escape__is_kept() -> None:
    value: dict[str, object] = {"a": "\\u0000", "b": "1e99, \\ud800"}
    assert json.loads(json_body.storable_json(value, clean=False)) == value


def test_storable_json__numbers_of_any_size__are_exact() -> None:
    value: dict[str, object] = {"a": 2**64, "b": [-(10**4299), 1e300, -1e23, 5e-324, 0.1, 1.0]}
    assert json.loads(json_body.storable_json(value, clean=True)) == value


@pytest.mark.parametrize("bottom", ["plain", "nul\0", "half \ud800", 2**64, 1e300])
def test_storable_json__500_levels_deep__leaves_room_on_the_stack(bottom: object) -> None:
    value: object = bottom
    for level in range(250):
        value = {"a": [value, level]}
    assert isinstance(value, dict)
    written = _from_deep_in_the_stack(200, value)
    assert len(orjson.loads(written.encode())) == 1


def _from_deep_in_the_stack(frames: int, value: dict[str, object]) -> str:
    if frames:
        return _from_deep_in_the_stack(frames - 1, value)
    return json_body.storable_json(value, clean=False)


def _texts(value: object) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        return [*value, *(text for inner in value.values() for text in _texts(inner))]
    if isinstance(value, list):
        return [text for inner in value for text in _texts(inner)]
    return []
