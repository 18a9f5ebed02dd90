"""Cohorts of rules in the console: those that a rule names, and the loads of one."""

from __future__ import annotations

from gateway.core.behaviour import parse
from tests.http.console import Visitor, text
from tests.http.people import People
from tests.http.rule_forms import again, drawn
from tests.http.test_console_rules import BOUGHT, shop

__all__ = ["shop"]


def test_cohort__that_a_rule_names__has_its_name_wherever_people_read_the_rule(
    shop: People,
) -> None:
    vips = shop.world.fill(["ada"], mixpanel_cohort_name="VIPs · 9 <b>")
    rule = {"all": [{"in_cohort": vips}, {"not": {"in_cohort": vips}}]}
    body = {"source": "people", "name": "Odd", "definition": {"rule": rule}}
    cohort = shop.world.call("POST", "/v1/cohorts", json=body).get_json()["id"]
    visitor = Visitor(shop.world)
    fields = drawn(visitor.get(f"/rules?cohort={cohort}"))
    assert (fields["r.0.cohort"], fields["r.1.cohort"]) == (f"VIPs · 9 <b> · {vips}",) * 2
    assert again(fields).root == parse.definition({"rule": rule}).root
    said = text(visitor.post("/rules/explain", **{**fields, "person_id": "ada"}))
    assert "Is a member of “VIPs · 9 <b>”" in said
    assert "Is a member of “VIPs · 9 <b>”" in visitor.page(f"/cohorts/{cohort}/rule")
    assert "Is no member of “VIPs · 9 <b>”" in visitor.page(f"/cohorts/{cohort}/why?id=ada")
    unknown = drawn(visitor.post("/rules", **{**fields, "r.0.cohort": "x · 99999"}))
    assert unknown["r.0.cohort"] == "99999"
    shop.world.call("DELETE", f"/v1/cohorts/{vips}")
    assert "“VIPs · 9 <b>”" in visitor.page(f"/cohorts/{cohort}/rule"), "it is known when deleted"


def test_loads__of_a_rule__are_listed_and_begun_by_a_button(shop: People) -> None:
    body = {"source": "people", "name": "Buyers", "definition": {"rule": BOUGHT}}
    cohort = shop.world.call("POST", "/v1/cohorts", json=body).get_json()["id"]
    path = f"/cohorts/{cohort}/loads"
    visitor = Visitor(shop.world, "write")
    assert f'href="/console{path}"' in visitor.get(f"/cohorts/{cohort}").text
    said = visitor.page(path)
    assert ("Evaluate it now" in said, "Run now" in said, "it is live" in said) == (True,) * 3
    assert "Load a file" not in said
    refused = visitor.post(f"{path}/run")
    assert (refused.status_code, "is queued or being read" in text(refused)) == (409, True)
    (first,) = shop.world.get(f"/v1{path}")["loads"]
    assert visitor.post(f"/loads/{first['id']}/cancel").status_code == 303
    answer = visitor.post(f"{path}/run", review="on")
    newest = shop.world.get(f"/v1{path}")["loads"][0]
    assert answer.headers["Location"] == f"/console/loads/{newest['id']}"
    assert (newest["trigger"], newest["requested_by"]) == ("request", "write")
    assert "Asked for" in visitor.page(f"/loads/{newest['id']}")
    reader = Visitor(shop.world, "read")
    assert "Run now" not in reader.page(path)
    assert reader.post(f"{path}/run").status_code == 403
