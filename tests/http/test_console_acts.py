"""What the forms of the console do, and what they say of it."""

from __future__ import annotations

import datetime
import re

from gateway.flows.access import keys
from gateway.flows.sources import admin
from tests.http.console import Visitor, text
from tests.http.world import World


def test_cohort__deleted__says_so_in_numbers_and_can_be_restored(world: World, cohort: str) -> None:
    visitor = Visitor(world)
    said = visitor.page(f"/cohorts/{cohort}/settings")
    assert "2 members will exit, 1 page that wait or are blocked will be dropped" in said
    assert visitor.post(f"/cohorts/{cohort}/delete").status_code == 303
    assert visitor.get(f"/cohorts/{cohort}").status_code == 404
    assert "Restore" in visitor.page("/deleted-cohorts")
    answer = visitor.post(f"/cohorts/{cohort}/restore")
    assert answer.headers["Location"] == f"/console/cohorts/{cohort}?done=restored"
    assert "No members" in visitor.page(f"/cohorts/{cohort}")


def test_source__created__shows_its_password_once_and_takes_pages(world: World) -> None:
    visitor = Visitor(world)
    answer = visitor.post(
        "/new-source/mixpanel",
        slug="shop",
        name="The shop",
        **{"config.project_ids": "1\r\n 2 \r\n\r\n", "config.identity_property": ""},
    )
    values = dict(re.findall(r'<input id="([\w-]+)" value="([^"]+)"', answer.text))
    assert values["webhook-url"].endswith("/webhooks/mixpanel/shop")
    login = (values["username"], values["password"])
    sent = {"action": "members", "parameters": {"mixpanel_project_id": "1", "members": ["x"]}}
    assert world.http.post("/webhooks/mixpanel/shop", json=sent, auth=login).status_code == 400
    assert world.http.post("/webhooks/mixpanel/shop", json=sent).status_code == 401
    assert world.get("/v1/sources/shop")["config"] == {
        "identity_property": None,
        "project_ids": ["1", "2"],
        "import": None,
    }
    said = visitor.get("/sources/shop").text
    assert values["password"] not in said
    assert "New" in visitor.page("/sources/shop")


def test_source__that_cannot_be_made__keeps_what_was_typed(world: World) -> None:
    visitor = Visitor(world)
    answer = visitor.post("/new-source/mixpanel", slug="Not A Slug", name="The shop")
    assert answer.status_code == 422
    assert "Slug" in text(answer)
    assert 'value="Not A Slug"' in answer.text
    assert 'value="The shop"' in answer.text
    answer = visitor.post("/new-source/mixpanel", slug="default")
    assert answer.status_code == 409
    assert visitor.post("/new-source/nothing").status_code == 404
    assert visitor.get("/new-source/nothing").status_code == 404


def test_source__changed__has_what_the_form_says(world: World) -> None:
    visitor = Visitor(world)
    answer = visitor.post(
        "/sources/default",
        kind="mixpanel",
        name="Production",
        **{"config.identity_property": "email", "config.project_ids": ""},
    )
    assert answer.headers["Location"] == "/console/sources/default?done=saved"
    found = world.get("/v1/sources/default")
    assert (found["name"], found["config"]["identity_property"]) == ("Production", "email")
    answer = visitor.post("/sources/default", kind="mixpanel", **{"config.project_ids": "x" * 300})
    assert answer.status_code == 422
    assert "is longer than 255 characters" in text(answer)
    assert visitor.post("/sources/nothing", kind="mixpanel").status_code == 404


def test_source__paused_and_resumed__says_which(world: World) -> None:
    visitor = Visitor(world)
    visitor.post("/sources/default/pause")
    assert "Paused" in visitor.page("/sources/default")
    visitor.post("/sources/default/resume")
    assert "Paused" not in visitor.page("/sources/default")


def test_source__given_a_new_password__keeps_the_old_one_as_long_as_was_chosen(
    world: World,
) -> None:
    world.add_source("shop", login=admin.Login(username="mixpanel", password="old"))
    visitor = Visitor(world)
    for overlap, good in (("24", True), ("0", False), ("nonsense", False)):
        answer = visitor.post("/sources/shop/rotate", overlap=overlap)
        assert "New password" in text(answer)
        answer = world.http.post("/webhooks/mixpanel/shop", json={}, auth=("mixpanel", "old"))
        assert (answer.status_code == 400) is good, overlap
    assert "an earlier one" not in visitor.page("/sources/shop")


def test_source__removed__goes_with_its_cohorts(world: World, cohort: str) -> None:
    visitor = Visitor(world)
    assert "1 cohort will be deleted, and 2 members will exit" in visitor.page("/sources/default")
    assert visitor.post("/sources/default/remove").status_code == 303
    assert visitor.get("/sources/default").status_code == 404
    assert visitor.get(f"/cohorts/{cohort}").status_code == 404


def test_refusal__of_a_cohort__says_what_to_do_until_it_is_over(world: World, cohort: str) -> None:
    visitor = Visitor(world)
    assert "What to do: The page is not what Mixpanel documents" in visitor.page("/sources/default")
    world.clock.tick(minutes=1)
    world.post("add_members", ["b"], cohort="1", session="s4")
    said = visitor.page("/sources/default")
    assert "What to do" not in said
    assert "Over" in said
    assert world.get(f"/v1/cohorts/{cohort}")["stale"] is False


def test_delivery__blocked_and_retried__waits_again(world: World, cohort: str) -> None:
    visitor = Visitor(world)
    body = visitor.get("/deliveries?state=blocked").text
    (action,) = re.findall(r'action="/console(/deliveries/[^"]+)"', body)
    answer = visitor.post(action, state="blocked")
    assert answer.headers["Location"] == "/console/deliveries?state=blocked&done=retried"
    assert "Nothing is blocked" in visitor.page("/deliveries?state=blocked")
    assert visitor.post(action).status_code == 409
    assert visitor.post("/deliveries/nonsense/retry").status_code == 404
    world.apply()
    assert world.members(cohort) == ["ada", "blocked", "grace"]


def test_key__made_and_revoked__is_shown_once_and_opens_nothing_then(world: World) -> None:
    visitor = Visitor(world)
    answer = visitor.post("/keys", name="crm", scope="read", days="30")
    (key,) = re.findall(r'value="(cg_[^"]+)"', answer.text)
    assert key not in visitor.get("/keys").text
    assert Visitor(world, None).sign_in(key).status_code == 303
    (number,) = [one.id for one in keys.listing(world.pool) if one.name == "crm"]
    assert visitor.post(f"/keys/{number}/revoke").status_code == 303
    assert Visitor(world, None).sign_in(key).status_code == 401
    assert "crm" not in visitor.page("/keys")
    assert "Revoked" in visitor.page("/keys?all=1")


def test_key__that_cannot_be_made__says_why(world: World) -> None:
    visitor = Visitor(world)
    answer = visitor.post("/keys", name="read", scope="read", days="")
    assert answer.status_code == 409
    assert 'value="read"' in answer.text
    for wrong in ({"scope": "root"}, {"days": "9999999"}):
        sent = {"name": "x", "scope": "read", "days": "", **wrong}
        assert visitor.post("/keys", **sent).status_code == 400


def test_key__expired__is_listed_among_those_that_ended(world: World) -> None:
    end = world.clock.now + datetime.timedelta(minutes=1)
    keys.create(
        world.pool,
        keys.Wanted(name="short", scopes=[], expires_at=end),
        now=world.clock.now,
    )
    world.clock.tick(minutes=2)
    assert "Expired" in Visitor(world).page("/keys?all=1")


def test_activity__after_some_acts__names_each_with_its_key(world: World) -> None:
    visitor = Visitor(world)
    visitor.post("/sources/default/pause")
    visitor.post("/keys", name="crm", scope="read", days="")
    Visitor(world, None).sign_in("cg_wrong")
    said = visitor.page("/activity")
    for row in (
        "Session refused code unauthenticated console none Console",
        "Key created scopes read crm admin Console",
        "Source paused default admin Console",
        "Session opened admin admin Console",
    ):
        assert row in said, row
    assert "cg_wrong" not in said
