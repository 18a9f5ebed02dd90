"""Destinations in the console: made from the schemas of their kinds, tested, changed, removed."""

from __future__ import annotations

from tests.http.console import Visitor, text
from tests.syncs.audience import Vendor
from tests.syncs.office import Office
from tests.syncs.test_follow import SECRET


def test_destination__created_by_choosing_a_kind__is_what_the_form_says(desk: Office) -> None:
    visitor = Visitor(desk)
    assert "No destination yet" in visitor.page("/destinations")
    assert "Meta (Facebook custom audiences) Documented" in visitor.page("/new-destination")
    assert "Webhook (Standard Webhooks) Tried" in visitor.page("/new-destination/webhook")
    answer = visitor.post(
        "/new-destination/webhook",
        slug="crm",
        name="The CRM",
        **{
            "config.url": "https://crm.example.com/hooks",
            "config.endpoint": "",
            "config.batch": "50",
            "config.concurrency": "2",
            "secrets.secret": SECRET,
            "secrets.previous_secret": "",
        },
    )
    assert answer.headers["Location"] == "/console/destinations/crm?done=destination-created"
    found = desk.get("/v1/destinations/crm")
    assert (found["name"], found["config"]["batch"]) == ("The CRM", 50)
    assert found["secrets"]["previous_secret"] is None
    page = visitor.get("/destinations/crm").text
    assert SECRET not in page
    assert 'value="https://crm.example.com/hooks"' in page
    assert "The CRM" in visitor.page("/destinations")


def test_destination__with_effects__tells_them_before_it_is_made(desk: Office) -> None:
    said = Visitor(desk).page("/new-destination/google")
    assert "What sending does there" in said
    assert "Tells Google that the terms of Customer Match are accepted." in said


def test_destination__that_cannot_be_made__keeps_what_was_typed(desk: Office) -> None:
    visitor = Visitor(desk)
    answer = visitor.post("/new-destination/webhook", slug="crm", **{"config.url": "nowhere"})
    assert answer.status_code == 422
    assert "Url : must be an address" in text(answer)
    assert "Secret : is missing" in text(answer)
    assert 'value="nowhere"' in answer.text
    assert visitor.post("/new-destination/nothing").status_code == 404
    assert visitor.get("/new-destination/nothing").status_code == 404
    assert visitor.get("/destinations/nothing").status_code == 404


def test_destination__declared_as_data__is_read_from_json_and_written_as_it_was(
    desk: Office,
) -> None:
    visitor = Visitor(desk)
    declared = {
        "config.base_url": "https://lists.example.com",
        "config.identifier": '"email"',
        "config.ops": '{"add": {"method": "POST", "path": "/add", "max_items": 10,'
        ' "body": {"each": "members", "item": "{{member.email}}"}}}',
        "config.concurrency": "4",
        "config.status": "unverified",
    }
    answer = visitor.post("/new-destination/http", slug="lists", **declared)
    assert answer.status_code == 303, text(answer)
    found = desk.get("/v1/destinations/lists")["config"]
    assert (found["identifier"], found["status"], found["docs"]) == ("email", "unverified", None)
    assert found["ops"]["add"]["max_items"] == 10
    page = visitor.get("/destinations/lists").text
    assert "&#34;max_items&#34;: 10" in page
    answer = visitor.post("/new-destination/http", slug="x", **{**declared, "config.ops": "{"})
    assert answer.status_code == 422


def test_destination__changed_paused_and_removed__says_each_time_what_is_so(
    desk: Office, vendor: Vendor
) -> None:
    visitor = Visitor(desk)
    visitor.page("/destinations/crm")
    endpoint = desk.get("/v1/destinations/crm")["config"]["endpoint"]
    sent = {"kind": "sample", "config.endpoint": endpoint, "config.concurrency": "7"}
    assert visitor.post("/destinations/crm", name="Ours", **sent).status_code == 303
    found = desk.get("/v1/destinations/crm")
    assert (found["name"], found["config"]["concurrency"]) == ("Ours", 7)
    sent["config.concurrency"] = "many"
    answer = visitor.post("/destinations/crm", **sent)
    assert (answer.status_code, 'value="many"' in answer.text) == (422, True)
    visitor.post("/destinations/crm/pause")
    assert "Paused" in visitor.page("/destinations/crm")
    visitor.post("/destinations/crm/resume")
    assert "Ready" in visitor.page("/destinations/crm")
    answer = visitor.post("/destinations/crm/remove")
    assert answer.headers["Location"] == "/console/destinations?done=destination-removed"
    assert vendor.calls == {}


def test_destination__tested__shows_each_step(desk: Office, vendor: Vendor) -> None:
    visitor = Visitor(desk)
    visitor.page("/destinations/crm")
    said = text(visitor.post("/destinations/crm/test"))
    assert "The test went well" in said
    assert "Sign in" in said
    assert vendor.calls == {}
    config = {"url": "http://127.0.0.1:1/x"}
    desk.destination("webhook", config, {"secret": SECRET}, slug="gone")
    assert "The test failed" in text(visitor.post("/destinations/gone/test"))
