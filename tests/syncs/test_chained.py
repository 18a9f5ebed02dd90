"""Two gateways in a chain: what one has is what the other becomes, by Mixpanel's own contract."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from gateway.flows.sources.admin import Login
from tests.syncs import receiver
from tests.syncs.office import Office
from tests.syncs.receiver import Request

LOGIN = Login(username="partner", password="a password of the partner")
MAPPING = {"distinct_id": "member_id", "email": "email", "plan": "properties.plan"}


@pytest.fixture
def partner(desk: Office) -> Iterator[str]:
    """Lend the webhook URL of a second source, over the wire."""
    desk.add_source("partner", login=LOGIN)

    def respond(request: Request) -> tuple[int, dict[str, str], bytes]:
        headers = {name: request.headers[name] for name in ("authorization", "content-type")}
        client = desk.app.test_client()
        answer = client.open(
            request.path, method=request.method, headers=headers, data=request.body
        )
        return answer.status_code, {}, answer.data

    with receiver.serving(respond) as url:
        yield f"{url}/webhooks/mixpanel/partner"


def people(desk: Office) -> set[tuple[str, str | None, object]]:
    desk.apply()
    (found,) = desk.get("/v1/cohorts", source="partner")["cohorts"]
    members = desk.get(f"/v1/cohorts/{found['id']}/members", limit=1000)["members"]
    return {(one["member_id"], one["email"], one["properties"].get("plan")) for one in members}


def test_chain__through_a_refresh_and_diffs__keeps_both_the_same(
    desk: Office, partner: str
) -> None:
    login = {"url": partner, "username": LOGIN.username}
    desk.destination("mixpanel", login, {"password": LOGIN.password})
    tried = desk.call("POST", "/v1/destinations/crm/test").get_json()
    assert tried["ok"], tried
    cohort = desk.fill([{"mixpanel_distinct_id": "a", "email": "a@x.io", "plan": "pro"}, "b"])
    job = desk.job(cohort, mapping=MAPPING)
    desk.send()
    assert people(desk) == {("a", "a@x.io", "pro"), ("b", None, None)}
    desk.post("remove_members", ["a"], session="s2")
    desk.post("add_members", ["c"], session="s3")
    desk.apply()
    desk.clock.tick(minutes=6)
    desk.send()
    assert people(desk) == {("b", None, None), ("c", None, None)}
    desk.act(job, "resync")
    desk.send()
    assert people(desk) == {("b", None, None), ("c", None, None)}


def test_partner__that_refuses_the_password__stops_the_job(desk: Office, partner: str) -> None:
    login = {"url": partner, "username": "other"}
    desk.destination("mixpanel", login, {"password": LOGIN.password})
    tried = desk.call("POST", "/v1/destinations/crm/test").get_json()
    assert (tried["ok"], tried["steps"][-1]["step"]) == (False, "sign_in")
    job = desk.job(desk.fill(["a"]), mapping=MAPPING)
    desk.send()
    assert desk.shown(job)["error"]["code"] == "credentials"
