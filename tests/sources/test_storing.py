r"""Members through Postgres' COPY: whatever is in a profile reads back as it was sent."""

import json
from collections.abc import Sequence

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from gateway.core import texts
from gateway.core.cohorts import member_ids, member_rows
from gateway.sources import json_body
from gateway.store.cohorts import staging
from gateway.store.db.engine import Pool
from tests.sources.bodies import envelope, parse
from tests.sources.json_values import FLOATS, INTEGERS, TEXTS, nested

# The database is not emptied between examples; each uses only what ends with its transaction.
FEW = settings(
    max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
ODD_TEXTS = [
    "\\",
    "\\N",
    "\\.",
    "\\n",
    "\\\\t",
    "a\tb",
    "a\nb",
    "a\r\nb",
    "\v\f\b\x01\x7f",
    "\x85\u2028\u2029",
    "\ufffd\ufeff",
    "\U0001f600 \U0001f468\u200d\U0001f469",
    "e\u0301\xe9",
    "'\"{}[],:;$1%s",
    "NULL",
    "",
    " ",
]
STORABLE = TEXTS.map(texts.storable)
PROPERTIES = nested(
    st.one_of(STORABLE, INTEGERS, FLOATS, st.sampled_from([None, True, False])), STORABLE
)

_READ = text("""
    SELECT member_id, distinct_id, email, first_name, last_name, phone,
           CAST(properties AS text) AS properties
    FROM staging ORDER BY ctid
""")


def stored(
    pool: Pool, members: Sequence[object], action: str = "add_members"
) -> list[dict[str, object]]:
    """Parse members as Mixpanel sends them, copy them in, and read them back."""
    page = parse(json.dumps(envelope(action, members=members)).encode())
    with pool.begin() as conn:
        staging.copy(conn, [page.roster])
        rows = [dict(row._mapping) for row in conn.execute(_READ)]
    for row in rows:
        row["properties"] = json.loads(row["properties"] or "null")
    return rows


@pytest.mark.parametrize("odd", ODD_TEXTS)
def test_copy__of_odd_texts__reads_them_back(pool: Pool, odd: str) -> None:
    member_id = f"{odd}!"
    member = {
        "distinct_id": member_id,
        "email": odd,
        "first_name": odd * 2,
        "last_name": odd,
        "phone": odd,
        odd: [odd, {odd: odd}],
    }
    expected = {
        "member_id": member_id,
        "distinct_id": member_id,
        "email": odd,
        "first_name": odd * 2,
        "last_name": odd,
        "phone": odd,
        "properties": {odd: [odd, {odd: odd}]},
    }
    assert stored(pool, [member, {"distinct_id": "next"}])[0] == expected


@FEW
@given(members=st.lists(st.dictionaries(STORABLE, PROPERTIES, max_size=2), min_size=1, max_size=4))
def test_copy__of_any_profiles__reads_them_back(
    pool: Pool, members: list[dict[str, object]]
) -> None:
    sent = [{"p": each, "distinct_id": f"{n}\\"} for n, each in enumerate(members)]
    rows = stored(pool, sent)
    assert [row["member_id"] for row in rows] == [member["distinct_id"] for member in sent]
    assert [row["properties"] for row in rows] == [{"p": each} for each in members]


@FEW
@given(ids=st.lists(TEXTS, max_size=8))
def test_copy__of_any_ids__reads_those_back_that_are_usable(pool: Pool, ids: list[str]) -> None:
    rows = stored(pool, [{"distinct_id": each} for each in [*ids, "sure"]])
    usable = {each for each in ids if member_ids.why_unusable(each) is None}
    assert {row["member_id"] for row in rows} == {*usable, "sure"}


@pytest.mark.parametrize(
    "value",
    [
        2**63,
        -(2**64),
        10**4299,
        -(10**4299),
        1e300,
        -1.7976931348623157e308,
        5e-324,
        2.0**60,
        1e16,
        123456789012345678.0,
        0.1,
        1e-7,
        -0.0,
        9007199254740993,
    ],
)
def test_copy__of_extreme_numbers__reads_them_back(pool: Pool, value: object) -> None:
    (row,) = stored(pool, [{"distinct_id": "a", "p": [value, {"q": value}]}])
    assert row["properties"] == {"p": [value, {"q": value}]}


def test_copy__of_each_json_type__keeps_the_type(pool: Pool) -> None:
    value = [True, 1, 1.0, "1", None, "null", [], {}, False, 0, ""]
    (row,) = stored(pool, [{"distinct_id": "a", "p": value}])
    assert repr(row["properties"]) == repr({"p": value})


def test_copy__of_nan_and_infinities__reads_null(pool: Pool) -> None:
    odd = [float("nan"), float("inf"), -float("inf")]
    (row,) = stored(pool, [{"distinct_id": "a", "p": odd}])
    assert row["properties"] == {"p": [None, None, None]}


@pytest.mark.parametrize("bottom", ["plain", "back\\slash", "half \ud800", 10**30])
def test_copy__of_a_body_500_levels_deep__reads_it_back(pool: Pool, bottom: object) -> None:
    value = bottom
    for _ in range(json_body.MAX_DEPTH - 4):
        value = [value]
    (row,) = stored(pool, [{"distinct_id": "a", "p": value}])
    found = row["properties"]
    for _ in range(json_body.MAX_DEPTH - 4):
        assert isinstance(found, list | dict)
        found = found["p"] if isinstance(found, dict) else found[0]
    assert found == [texts.storable(bottom) if isinstance(bottom, str) else bottom]


@pytest.mark.parametrize("odd", ODD_TEXTS)
def test_copy__of_people_to_remove__reads_their_ids(pool: Pool, odd: str) -> None:
    sent = [{"distinct_id": f"{odd}!", "email": odd, "p": odd}, {"distinct_id": "next"}]
    rows = stored(pool, sent, "remove_members")
    nothing = dict.fromkeys(member_rows.COLUMNS)
    assert rows == [{**nothing, "member_id": each} for each in (f"{odd}!", "next")]


def test_copy__of_the_columns__has_them_in_the_roster_order(pool: Pool) -> None:
    (row,) = stored(pool, [{"distinct_id": "a"}])
    assert tuple(row) == member_rows.COLUMNS
