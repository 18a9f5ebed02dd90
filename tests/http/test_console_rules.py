"""The rule builder: drawn, run, saved and explained, and nothing of a rule is lost in its form."""

from __future__ import annotations

import json
from typing import Any, Final

import pytest

from gateway.core.behaviour import parse
from gateway.handlers.console import rule_drafts
from gateway.handlers.http import deps
from gateway.sources.people import objects
from tests import statements
from tests.http.console import Visitor, text
from tests.http.people import People, event
from tests.http.rule_forms import Fields, again, drawn
from tests.http.world import START, World
from tests.model.rule_draws import Draws

MOST_STATEMENTS: Final = 5
BOUGHT: Final[dict[str, Any]] = {
    "all": [
        {
            "did": {
                "event": "purchase",
                "where": [{"property": "price", "op": "gt", "value": 1000}],
                "when": {"within": "30d"},
                "count": {"op": "gte", "value": 2},
            }
        },
        {"not": {"trait": {"property": "plan", "op": "eq", "value": "free"}}},
    ]
}


@pytest.fixture
def shop(people: People) -> People:
    """Fill a source with three people, of which one has bought twice."""
    people.world.clock.now = START
    people.people({"ada": {"plan": "pro"}, "bob": {"plan": "free"}, "eve": {}})
    people.events(
        event("ada", "purchase", properties={"price": 1500.50, "brand": "x"}),
        event("ada", "purchase", properties={"price": 2000}),
        event("bob", "purchase", properties={"price": 1001}),
    )
    people.world.clock.tick(seconds=1)
    return people


ODD: Final[list[dict[str, Any]]] = [
    {"all": []},
    {"any": [{"not": {"not": {"any": []}}}]},
    {"did": {"event": [" a ", '"b"', "c\nd", "0", "true"], "when": {"ever": True}}},
    {"trait": {"property": ["a.b", ""], "op": "eq", "value": "30"}},
    {"trait": {"property": "[x", "op": "ne", "value": 12345678901234567890.0}},
    {"trait": {"property": " x", "op": "in", "value": ["", " ", "true", True, "1", 1, '"']}},
    {"trait": {"property": "a", "op": "in", "value": []}},
    {"trait": {"property": "a", "op": "between", "value": ["0010", '"z']}},
    {"trait": {"property": "a", "op": "contains", "value": "30", "case": True}},
    {"trait": {"property": "a", "op": "starts_with", "value": "\t\u2028"}},
    {"trait": {"property": "a", "op": "within", "value": "90m"}},
    {"trait": {"property": "a", "op": "within", "value": "0s"}},
    {"trait": {"property": "a", "op": "before", "value": 1700000000.25}},
    {"in_cohort": "17"},
    {
        "not": {
            "did": {
                "event": "e",
                "when": {"between": ["1970-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z"]},
                "count": {"op": "between", "value": [0, 1e3]},
                "sum": {"property": "a.b", "op": "lt", "value": -0.5},
                "days": {"op": "ne", "value": 2},
            }
        }
    },
    {"did": {"event": "e", "when": {"after": "2026-01-01T00:00:00+05:30"}}},
    {"did": {"event": "e", "when": {"before": "2026-01-01T00:00:00.000001Z"}}},
    {"did": {"event": "e", "when": {"since": "week"}}},
]


@pytest.mark.parametrize("rule", ODD, ids=str)
def test_rule__odd_but_valid__is_the_same_after_its_form(
    people: People, rule: dict[str, Any]
) -> None:
    visitor = Visitor(people.world, "read")
    visitor.page("/rules")
    fields = drawn(visitor.post("/rules/json", json=json.dumps(rule), source="people"))
    assert again(fields) == parse.definition({"rule": rule})
    # What stands beside it as JSON is the same rule, too.
    assert parse.definition(json.loads(fields["json"])) == parse.definition({"rule": rule})


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_rule__drawn_by_lot__is_the_same_after_its_form(people: People, seed: int) -> None:
    visitor, draws = Visitor(people.world, "read"), Draws(seed)
    visitor.page("/rules")
    for _ in range(40):
        rule = _numbered(draws.rule())
        written = objects.text(rule, "rule")
        answer = visitor.post("/rules/json", json=written, source="people")
        assert again(drawn(answer)) == parse.definition({"rule": rule}), (seed, rule)


def _numbered(rule: Any) -> Any:  # noqa: ANN401 - JSON
    """Give cohorts, which draws know by name, a number."""
    if isinstance(rule, dict):
        return {
            key: "17" if key == "in_cohort" else _numbered(inner) for key, inner in rule.items()
        }
    return [_numbered(one) for one in rule] if isinstance(rule, list) else rule


def test_rule__built_run_and_saved__is_a_live_cohort(shop: People) -> None:
    visitor = Visitor(shop.world)
    fields = drawn(visitor.get("/rules"))
    fields = drawn(visitor.post("/rules", **fields, do="condition@r.0"))
    fields |= {
        "r.0.event.0": "purchase",
        "r.0.where.0.property": "price",
        "r.0.where.0.op": "gt",
        "r.0.where.0.value": "1000",
        "r.0.when": "within",
        "r.0.count.op": "gte",
        "r.0.count.value": "2",
    }
    fields = drawn(visitor.post("/rules", **fields, do="add-trait@r"))
    fields |= {
        "r.1.nots": "1",
        "r.1.where.0.property": "plan",
        "r.1.where.0.value": "free",
    }
    answer = visitor.post("/rules/run", **fields)
    said = text(answer)
    assert "People found 1 Of 3" in said
    assert "1 person" in said
    assert 'href="/console/people/ada"' in answer.text
    refused = visitor.post("/rules/save", **fields)
    assert (refused.status_code, "name the cohort" in text(refused)) == (422, True)
    answer = visitor.post("/rules/save", **fields | {"name": " Twice "})
    assert answer.status_code == 303
    (found,) = shop.world.get("/v1/cohorts", kind="people")["cohorts"]
    assert (found["name"], found["definition"]) == ("Twice", {"rule": BOUGHT})
    said = visitor.page(f"/cohorts/{found['id']}/rule")
    assert (
        "Did purchase at least 2 times in the last 30 days, where price is more than 1000" in said
    )
    assert "Not so: The trait plan is “free”" in said


def test_rule__of_a_cohort__is_changed_and_compared(shop: People) -> None:
    body = {"source": "people", "name": "Buyers", "definition": {"rule": BOUGHT}}
    cohort = shop.world.call("POST", "/v1/cohorts", json=body).get_json()["id"]
    visitor = Visitor(shop.world)
    fields = drawn(visitor.get(f"/rules?cohort={cohort}"))
    assert again(fields) == parse.definition({"rule": BOUGHT})
    fields |= {"r.0.count.op": "", "time_zone": "Europe/Berlin"}
    said = text(visitor.post("/rules/run", **fields))
    assert "Would enter" in said
    answer = visitor.post("/rules/save", **fields)
    assert answer.headers["Location"] == f"/console/cohorts/{cohort}?done=ruled"
    found = shop.world.get(f"/v1/cohorts/{cohort}")["definition"]
    assert found["time_zone"] == "Europe/Berlin"
    assert "count" not in found["rule"]["all"][0]["did"]
    writer = Visitor(shop.world, "write")
    assert "Save" not in writer.page(f"/rules?cohort={cohort}")
    assert writer.post("/rules/save", **fields).status_code == 403


def test_rule__not_sound_yet__is_told_beside_the_node(shop: People) -> None:
    visitor = Visitor(shop.world)
    fields = drawn(visitor.get("/rules"))
    answer = visitor.post("/rules/run", **fields)
    assert answer.status_code == 422
    assert "Event must be a name" in text(answer)
    fields = Fields(answer.text).found | {"r.0.event.0": "view", "time_zone": "Mars/Base"}
    answer = visitor.post("/rules/run", **fields)
    assert (answer.status_code, "is no time zone" in text(answer)) == (422, True)
    answer = visitor.post("/rules/json", source="people", json='{"all": [')
    assert (answer.status_code, "{&#34;all&#34;: [" in answer.text) == (400, True)
    answer = visitor.post("/rules/json", source="people", json='{"rule": {"any": 1}, "x": 1}')
    assert answer.status_code == 422


def test_buttons__of_the_builder__change_the_tree(people: People) -> None:
    visitor = Visitor(people.world, "read")
    fields = drawn(visitor.get("/rules"))

    def press(verb: str, place: str) -> Any:  # noqa: ANN401 - JSON
        nonlocal fields
        fields = drawn(visitor.post("/rules", **fields, do=f"{verb}@{place}"))
        draft = rule_drafts.read(fields)
        assert draft is not None
        return rule_drafts.to_json(draft)

    did = {"did": {"event": [], "when": {"ever": ""}}}
    del did["did"]["when"]
    assert press("wrap", "r.0") == {"all": [{"all": [did]}]}
    assert press("add-group", "r") == {"all": [{"all": [did]}, {"any": []}]}
    assert press("add-in_cohort", "r.1") == {"all": [{"all": [did]}, {"any": [{"in_cohort": ""}]}]}
    fields["r.0.0.event.0"] = "a"
    press("name", "r.0.0")
    fields["r.0.0.event.1"] = "b"
    assert press("condition", "r.0.0")["all"][0]["all"][0] == {"did": {"event": ["a", "b"]}}
    press("no-condition", "r.0.0")
    assert "r.0.0.where.0.op" not in fields
    assert press("remove", "r.0") == {"all": [{"any": [{"in_cohort": ""}]}]}
    for nothing in ("remove@x", "dance@r.0", "remove@r.-1", "remove@r.9", ""):
        verb, _, place = nothing.partition("@")
        assert press(verb, place) == {"all": [{"any": [{"in_cohort": ""}]}]}
    assert press("remove", "r") == {"all": []}


def test_rule__that_is_one_leaf__is_put_in_a_group_by_adding(people: People) -> None:
    visitor = Visitor(people.world, "read")
    visitor.page("/rules")
    leaf = {"in_cohort": "17"}
    fields = drawn(visitor.post("/rules/json", json=json.dumps(leaf), source="people"))
    fields = drawn(visitor.post("/rules", **fields, do="add-did@r"))
    draft = rule_drafts.read(fields)
    assert draft is not None
    assert rule_drafts.to_json(draft) == {"all": [leaf, {"did": {"event": []}}]}


def test_rule__with_too_many_parts_for_a_form__is_json_alone(people: People) -> None:
    visitor = Visitor(people.world, "read")
    visitor.page("/rules")
    rule = {"all": [{"did": {"event": [f"e{n}" for n in range(100)]}} for _ in range(60)]}
    fields = drawn(visitor.post("/rules/json", json=json.dumps(rule), source="people"))
    assert "r.kind" not in fields
    assert json.loads(fields["json"]) == {"rule": rule}
    assert drawn(visitor.post("/rules/json", **fields))["json"] == fields["json"]


def test_explain__of_a_rule_that_is_drawn__says_why(shop: People) -> None:
    visitor = Visitor(shop.world, "read")
    visitor.page("/rules")
    fields = {"json": json.dumps(BOUGHT), "source": "people"}
    said = text(visitor.post("/rules/explain", **fields, person_id="bob"))
    assert "bob does not meet the rule" in said
    assert "where price is more than 1000 events: 1 " in said
    assert "Yes Not so: The trait" not in said
    said = text(visitor.post("/rules/explain", **fields, person_id="ada"))
    assert "ada meets the rule" in said
    answer = visitor.post("/rules/explain", **fields, person_id="zoe")
    assert (answer.status_code, "no such person" in text(answer)) == (404, True)


def test_why__of_a_member__is_told_with_the_rule_and_the_changes(shop: People) -> None:
    body = {"source": "people", "name": "Buyers", "definition": {"rule": BOUGHT}}
    cohort = shop.world.call("POST", "/v1/cohorts", json=body).get_json()["id"]
    said = Visitor(shop.world, "read").page(f"/cohorts/{cohort}/why?id=ada")
    assert "Why ada is out" in said
    assert "The rule holds now The members follow within minutes." in said
    other = shop.world.fill(["ada"])
    said = Visitor(shop.world, "read").page(f"/cohorts/{other}/why?id=ada")
    assert "Why ada is in" in said
    visitor = Visitor(shop.world)
    assert "Why zoe is out" in visitor.page(f"/cohorts/{other}/why?id=zoe")
    assert visitor.get(f"/cohorts/{cohort}/why?id=zoe").status_code == 404
    assert visitor.get(f"/cohorts/{other}/rule").status_code == 404
    assert visitor.get("/new-cohort/people").status_code == 404
    assert 'href="/console/rules"' in visitor.get("/new-cohort").text


def test_offers__of_the_builder__are_what_was_seen_or_is_known(people: People) -> None:
    for number in range(5):
        people.people({f"p{number}": {"plan": "pro", "n": 7}})
        people.events(event(f"p{number}", "drive", properties={"car": "30", "km": 1.5}))
    visitor = Visitor(people.world, "read")
    options = visitor.get("/rules/offers/events").text
    assert 'value="drive"' in options
    assert 'value="purchase"' in options
    options = visitor.get("/rules/offers/properties?r.0.event.0=drive&r.0.event.1=view").text
    assert ('value="car"' in options, 'value="brand"' in options) == (True, True)
    assert 'value="plan"' in visitor.get("/rules/offers/properties").text
    assert visitor.get("/rules/offers/properties?r.0.event.0=never").text.strip() == ""
    at = "at=r.0.where.0&r.0.where.0.property"
    options = visitor.get(f"/rules/offers/values?{at}=car&r.0.event.0=drive").text
    assert 'value="&#34;30&#34;"' in options
    assert (
        'value="7"'
        in visitor.get("/rules/offers/values?at=r.0.where.0&r.0.where.0.property=n").text
    )
    cohort = people.world.fill(["a"], mixpanel_cohort_name="VIPs")
    assert f'value="VIPs · {cohort}"' in visitor.get("/rules/offers/cohorts").text


def _cost(world: World, visitor: Visitor, path: str) -> list[str]:
    given: deps.Deps = world.app.extensions[deps.EXTENSION]
    sent: list[str] = []
    with statements.noted(given.reading.engine, sent.append):
        answer = visitor.get(path)
    assert answer.status_code == 200, text(answer)
    return sent


def test_pages__of_rules__cost_few_statements(shop: People) -> None:
    body = {"source": "people", "name": "Buyers", "definition": {"rule": BOUGHT}}
    cohort = shop.world.call("POST", "/v1/cohorts", json=body).get_json()["id"]
    visitor = Visitor(shop.world)
    body["definition"] = {"rule": {"all": [{"in_cohort": cohort}, BOUGHT]}}
    named = shop.world.call("POST", "/v1/cohorts", json=body).get_json()["id"]
    events = "r.0.event.0=a&r.0.event.1=b&r.0.event.2=c&r.0.event.3=d"
    for path in (
        "/rules",
        f"/rules?cohort={cohort}",
        f"/rules?cohort={named}",
        f"/cohorts/{named}/rule",
        f"/cohorts/{cohort}/loads",
        f"/cohorts/{named}/why?id=ada",
        f"/cohorts/{cohort}/rule",
        f"/cohorts/{cohort}/why?id=ada",
        "/rules/offers/events",
        f"/rules/offers/properties?{events}",
        "/rules/offers/properties",
        "/rules/offers/cohorts",
    ):
        sent = _cost(shop.world, visitor, path)
        assert 0 < len(sent) <= MOST_STATEMENTS, (path, sent)
