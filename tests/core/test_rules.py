"""Rules read from JSON: what is taken, and every fault with its path."""

from __future__ import annotations

import datetime
from decimal import Decimal
from typing import Any

import pytest

from gateway import errors
from gateway.core.behaviour import parse, rule, windows
from gateway.core.behaviour.rule import Since, When

DID = {"event": "buy"}
COND = {"property": "n", "op": "eq", "value": 1}


def faults(value: object) -> list[tuple[str, str]]:
    with pytest.raises(errors.Invalid) as raised:
        parse.definition(value)
    return [(one.path, one.message) for one in raised.value.faults]


def paths(value: object) -> list[str]:
    return [path for path, _ in faults(value)]


def trait(**cond: object) -> dict[str, object]:
    return {"trait": {**COND, **cond}}


def nested(depth: int) -> dict[str, Any]:
    value: dict[str, Any] = {"all": []}
    for _ in range(depth - 1):
        value = {"not": value}
    return value


WRONG: list[tuple[object, str]] = [
    (None, "rule"),
    ([], "rule"),
    ({}, "rule"),
    ({"all": [], "any": []}, "rule"),
    ({"none": []}, "rule"),
    ({"all": {}}, "rule.all"),
    ({"all": [{"all": []}, 5]}, "rule.all.1"),
    ({"not": []}, "rule.not"),
    (nested(11), "rule" + ".not" * 10),
    ({"in_cohort": True}, "rule.in_cohort"),
    ({"in_cohort": "x"}, "rule.in_cohort"),
    ({"in_cohort": 0}, "rule.in_cohort"),
    ({"in_cohort": 2**63}, "rule.in_cohort"),
    ({"did": []}, "rule.did"),
    ({"did": {}}, "rule.did.event"),
    ({"did": {"event": ""}}, "rule.did.event"),
    ({"did": {"event": []}}, "rule.did.event"),
    ({"did": {"event": ["x"] * 101}}, "rule.did.event"),
    ({"did": DID | {"unknown": 1}}, "rule.did.unknown"),
    ({"did": DID | {"where": {}}}, "rule.did.where"),
    ({"did": DID | {"where": [COND, {}]}}, "rule.did.where.1.property"),
    ({"did": DID | {"when": {}}}, "rule.did.when"),
    ({"did": DID | {"when": {"ever": False}}}, "rule.did.when.ever"),
    ({"did": DID | {"when": {"within": "30"}}}, "rule.did.when.within"),
    ({"did": DID | {"when": {"within": 30}}}, "rule.did.when.within"),
    ({"did": DID | {"when": {"within": "999999999w"}}}, "rule.did.when.within"),
    ({"did": DID | {"when": {"since": "hour"}}}, "rule.did.when.since"),
    ({"did": DID | {"when": {"between": [1]}}}, "rule.did.when.between"),
    ({"did": DID | {"when": {"between": [1, "x"]}}}, "rule.did.when.between.1"),
    ({"did": DID | {"when": {"before": "2026-01-01"}}}, "rule.did.when.before"),
    ({"did": DID | {"count": 3}}, "rule.did.count"),
    ({"did": DID | {"count": {"op": "eq"}}}, "rule.did.count.value"),
    ({"did": DID | {"count": {"op": "in", "value": 1}}}, "rule.did.count.op"),
    ({"did": DID | {"count": {"op": "eq", "value": "1"}}}, "rule.did.count.value"),
    ({"did": DID | {"days": {"op": "between", "value": 1}}}, "rule.did.days.value"),
    ({"did": DID | {"sum": {"op": "eq", "value": 1}}}, "rule.did.sum.property"),
    ({"trait": 5}, "rule.trait"),
    (trait(op="like"), "rule.trait.op"),
    (trait(op=[]), "rule.trait.op"),
    (trait(more=1), "rule.trait.more"),
    (trait(property=""), "rule.trait.property"),
    (trait(property=[]), "rule.trait.property"),
    (trait(property=[1]), "rule.trait.property"),
    (trait(property=5), "rule.trait.property"),
    (trait(value=None), "rule.trait.value"),
    (trait(value=[1]), "rule.trait.value"),
    (trait(value={}), "rule.trait.value"),
    (trait(op="gt", value=True), "rule.trait.value"),
    (trait(op="between", value=[1, "2"]), "rule.trait.value"),
    (trait(op="between", value=[True, False]), "rule.trait.value"),
    (trait(op="contains", value=5), "rule.trait.value"),
    (trait(op="ends_with"), "rule.trait.value"),
    (trait(op="eq", case=True), "rule.trait.case"),
    (trait(op="contains", value="x", case=1), "rule.trait.case"),
    (trait(op="exists"), "rule.trait.value"),
    ({"trait": {"property": "n", "op": "eq"}}, "rule.trait.value"),
    (trait(op="in", value=5), "rule.trait.value"),
    (trait(op="in", value=[1, None]), "rule.trait.value.1"),
    (trait(op="in", value=[1] * 1001), "rule.trait.value"),
    (trait(op="before", value="soon"), "rule.trait.value"),
    (trait(op="within", value="x"), "rule.trait.value"),
    (trait(value="x" * 32769), "rule.trait.value"),
    (trait(value=Decimal("1e5000")), "rule.trait.value"),
    (trait(value=Decimal("Infinity")), "rule.trait.value"),
]


@pytest.mark.parametrize(("sent", "path"), WRONG)
def test_rule__with_a_fault__is_refused_with_its_path(sent: object, path: str) -> None:
    assert paths({"rule": sent}) == [path]


@pytest.mark.parametrize("sent", [None, 5, "rule", [{"rule": {"all": []}}]])
def test_definition__that_is_no_object__is_refused_with_its_path(sent: object) -> None:
    assert ("definition", "must be an object") in faults(sent)


def test_rule__with_several_faults__tells_all_of_them() -> None:
    sent = {"all": [{"did": {}}, trait(op="like"), {"in_cohort": []}]}
    found = paths({"rule": sent, "time_zone": "Nowhere/At_All", "more": 1})
    assert sorted(found) == [
        "definition.more",
        "rule.all.0.did.event",
        "rule.all.1.trait.op",
        "rule.all.2.in_cohort",
        "time_zone",
    ]


@pytest.mark.parametrize("zone", ["", "Mars/Base", 5, "../etc/passwd", "a" * 300])
def test_time_zone__that_is_none__is_refused(zone: object) -> None:
    assert paths({"rule": {"all": []}, "time_zone": zone}) == ["time_zone"]


def test_nodes__beyond_a_hundred__are_refused() -> None:
    assert parse.definition({"rule": {"all": [{"all": []}] * 99}}).root.place == "rule"
    assert set(paths({"rule": {"all": [{"all": []}] * 100}})) == {"rule.all.99"}


def test_numbers__as_floats_or_decimals__are_the_ones_that_were_written() -> None:
    for value in (0.1, Decimal("0.1")):
        root = parse.definition({"rule": trait(value=value)}).root
        assert isinstance(root, rule.Trait)
        assert root.cond.values == (Decimal("0.1"),)


def test_path__with_dots_or_as_keys__is_a_tuple_of_keys() -> None:
    for sent, keys in (("a.b", ("a", "b")), (["a.b", "c"], ("a.b", "c"))):
        root = parse.definition({"rule": trait(property=sent)}).root
        assert isinstance(root, rule.Trait)
        assert root.cond.path == keys


def test_since__where_clocks_leave_midnight_out__is_the_moment_they_do() -> None:
    as_of = datetime.datetime(2018, 11, 4, 12, tzinfo=datetime.UTC)
    found = windows.of(When(since=Since.DAY), as_of=as_of, time_zone="America/Sao_Paulo")
    assert found.start == datetime.datetime(2018, 11, 4, 3, tzinfo=datetime.UTC)


def test_within__longer_than_since_1970__begins_then() -> None:
    as_of = datetime.datetime(2026, 11, 4, 12, tzinfo=datetime.UTC)
    span = datetime.timedelta(days=900_000_000)
    found = windows.of(When(within=span), as_of=as_of, time_zone="UTC")
    assert found.start == datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)


def test_conditions__beyond_those_that_a_whole_rule_may_have__are_told() -> None:
    most = [{"did": {**DID, "where": [COND] * 100}}] * 3
    assert len(list(rule.walk(parse.definition({"rule": {"any": most}}).root))) == 4
    assert paths({"rule": {"any": [*most, trait()]}}) == ["rule.any.3.trait"]
    wide = {"did": {**DID, "where": [COND]}}
    assert paths({"rule": {"any": [*most, {"not": wide}]}}) == ["rule.any.3.not.did.where.0"]
