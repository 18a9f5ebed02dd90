"""Lists in the console: made, edited by hand, and frozen."""

from __future__ import annotations

import re

import pytest

from tests import statements
from tests.http.console import Visitor, text
from tests.http.editing import Editing
from tests.http.lists import Lists
from tests.http.world import World, quoted


@pytest.fixture
def lists(world: World) -> Editing:
    return Editing(world)


def test_cohort__created_by_choosing_a_source__is_what_the_form_says(lists: Editing) -> None:
    visitor = Visitor(lists.world)
    assert "Create a cohort" in visitor.page("/cohorts")
    said = visitor.page("/new-cohort")
    assert "Lists (files" in said
    assert "its cohorts appear with the first page" in said
    visitor.page("/new-cohort/lists")
    answer = visitor.post(
        "/new-cohort/lists",
        name="VIPs",
        description=" of May ",
        external_id="vip",
        guarded="on",
        shrink_percent="12.5",
        from_members="7",
    )
    path = answer.headers["Location"]
    assert re.fullmatch(r"/console/cohorts/\d+\?done=created", path)
    (found,) = lists.world.get("/v1/cohorts", external_id="vip")["cohorts"]
    assert (found["name"], found["description"], found["guard"]) == (
        "VIPs",
        "of May",
        {"shrink_percent": 12.5, "from_members": 7},
    )
    assert "The cohort is made" in visitor.page(path.removeprefix("/console"))


def test_cohort__that_cannot_be_made__keeps_what_was_typed(lists: Editing) -> None:
    visitor = Visitor(lists.world)
    answer = visitor.post("/new-cohort/lists", name=" ", guarded="on", shrink_percent="many")
    assert answer.status_code == 422
    assert "must be a number from 0 to 100" in text(answer)
    assert 'value="many"' in answer.text
    for source in ("default", "nowhere"):
        assert visitor.get(f"/new-cohort/{source}").status_code == 404


def test_settings__of_a_list__are_changed(lists: Editing) -> None:
    visitor = Visitor(lists.world)
    said = visitor.get(f"/cohorts/{lists.id}/settings").text
    assert 'name="shrink_percent" value="50"' in said
    answer = visitor.post(f"/cohorts/{lists.id}/settings", name="Others", from_members="1")
    assert answer.status_code == 303
    found = lists.cohort()
    assert (found["name"], found["description"], found["guard"]) == ("Others", None, None)
    answer = visitor.post(f"/cohorts/{lists.id}/settings", name="")
    assert (answer.status_code, "Name" in text(answer)) == (422, True)


def test_settings__of_a_cohort_of_mixpanel__are_its_pages_alone(lists: Editing) -> None:
    visitor, cohort = Visitor(lists.world), lists.world.fill(["a"])
    assert "come from the source" in visitor.page(f"/cohorts/{cohort}/settings")
    assert visitor.post(f"/cohorts/{cohort}/settings", name="x").status_code == 409
    assert "Add or remove members" not in visitor.page(f"/cohorts/{cohort}")
    assert visitor.post(f"/cohorts/{cohort}/edit", ids="a").status_code == 409


def test_members__pasted__are_added_or_removed_and_counted(lists: Editing) -> None:
    visitor = Visitor(lists.world, "write")
    visitor.page(f"/cohorts/{lists.id}")
    answer = visitor.post(f"/cohorts/{lists.id}/edit", ids="a\r\n b\r\n\r\na\r\n \r\n", do="add")
    assert lists.members() == [" b", "a"]
    said = visitor.page(answer.headers["Location"].removeprefix("/console"))
    assert "2 entered, 0 exited, 0 were so already, 1 line has no usable id" in said
    visitor.post(f"/cohorts/{lists.id}/edit", ids="a\nx", do="remove")
    assert lists.members() == [" b"]
    assert visitor.post(f"/cohorts/{lists.id}/edit", ids="\r\n").status_code == 422
    many = "\n".join("abcdefgh"[:1] for _ in range(10_001))
    assert visitor.post(f"/cohorts/{lists.id}/edit", ids=many).status_code == 422


def test_member__looked_back_at__has_a_history_and_can_be_removed(lists: Editing) -> None:
    odd = "a/b <i>"
    lists.edit([odd])
    visitor = Visitor(lists.world, "write")
    page = f"/cohorts/{lists.id}/members/{quoted(odd)}"
    assert "History" in visitor.page(page)
    said = visitor.page(f"{page}/history")
    assert "A member now. " in said
    assert "Entered" in said
    assert visitor.post(f"{page}/remove").status_code == 303
    assert lists.members() == []
    said = visitor.page(f"{page}/history")
    assert "No member now. " in said
    assert "Remove from the list" not in said
    assert "No change is kept" in visitor.page(f"/cohorts/{lists.id}/members/b/history")


def test_cohort__frozen__is_a_list_of_its_members(lists: Editing) -> None:
    visitor, cohort = Visitor(lists.world), lists.world.fill(["a", "b"])
    visitor.page(f"/cohorts/{cohort}/settings")
    answer = visitor.post(f"/cohorts/{cohort}/freeze", name="Then")
    Lists(lists.world).settle()
    said = visitor.page(answer.headers["Location"].removeprefix("/console"))
    assert "Then" in said
    (found,) = lists.world.get("/v1/cohorts", name="Then")["cohorts"]
    assert (found["kind"], found["member_count"]) == ("list", 2)
    assert visitor.post(f"/cohorts/{cohort}/freeze", name=" ").status_code == 422


@pytest.mark.parametrize("scope", ["read", "write"])
def test_pages__that_a_scope_does_not_allow__are_refused(lists: Editing, scope: str) -> None:
    visitor = Visitor(lists.world, scope)
    assert "Create a cohort" not in visitor.page("/cohorts")
    assert visitor.get("/new-cohort").status_code == 403
    assert visitor.post("/new-cohort/lists", name="x").status_code == 403
    assert visitor.post(f"/cohorts/{lists.id}/freeze", name="x").status_code == 403
    edited = visitor.post(f"/cohorts/{lists.id}/edit", ids="a", do="add")
    assert edited.status_code == (403 if scope == "read" else 303)


@pytest.mark.parametrize(
    "path", ["/new-cohort", "/new-cohort/lists", "/cohorts/{}/members/a/history", "/cohorts/{}"]
)
def test_page__of_lists__costs_few_statements(lists: Editing, path: str) -> None:
    lists.edit(["a"])
    visitor, sent = Visitor(lists.world), list[str]()
    given = lists.world.app.extensions["gateway"]
    with statements.noted(given.reading.engine, sent.append):
        visitor.page(path.format(lists.id))
    assert 0 < len(sent) <= 5, sent


def test_edit__that_is_not_applied_yet__says_that_it_is_stored(lists: Editing) -> None:
    visitor = Visitor(lists.world, "write")
    with lists.world.pool.begin() as conn:
        conn.exec_driver_sql("SELECT FROM apply_state FOR UPDATE")
        answer = visitor.post(f"/cohorts/{lists.id}/edit", ids="a", do="add")
    assert answer.headers["Location"].endswith("?done=stored")
