"""Files that are loaded by the pages of the console, with and without its script."""

from __future__ import annotations

import io

import pytest

from gateway.handlers.http import deps
from tests import statements
from tests.http.console import ORIGIN, Visitor, text
from tests.http.lists import Lists
from tests.http.world import Answer, World

HEADERS = {"Origin": ORIGIN, "Sec-Fetch-Site": "same-origin"}


@pytest.fixture
def lists(world: World) -> Lists:
    """Lend a source of lists."""
    return Lists(world)


def choose(visitor: Visitor, path: str, file: bytes | None, **fields: str) -> Answer:
    """Send a form with a file that was chosen, or with none."""
    visitor.get(path)
    sent: dict[str, object] = {"token": visitor.token, **fields}
    if file is not None:
        sent["file"] = (io.BytesIO(file), "members.csv")
    return visitor.http.post(
        f"/console{path}", data=sent, headers=HEADERS, content_type="multipart/form-data"
    )


def load_of(answer: Answer) -> str:
    """Return the path of the load that a form has led to."""
    assert answer.status_code == 303, answer.text
    return answer.headers["Location"].removeprefix("/console").partition("?")[0]


def test_file__chosen_and_reviewed__is_corrected_approved_and_has_a_receipt(
    world: World, lists: Lists
) -> None:
    cohort, visitor = lists.make(), Visitor(world, "write")
    path = load_of(
        choose(visitor, f"/cohorts/{cohort}/loads", b"id,code\na,x\nb,y\n,z\n", review="on")
    )
    assert "Queued" in visitor.page(path)
    lists.settle()
    said = visitor.page(path)
    assert "members.csv" in said
    assert "2 members would enter, 0 members would exit" in said
    assert "the cell of the id is empty" in said
    answer = visitor.post(
        f"{path}/change", **{"column.0": "properties", "column.1": "member_id"}, mode="add"
    )
    assert answer.status_code == 303
    lists.settle()
    assert "3 members would enter" in visitor.page(path)
    assert visitor.post(f"{path}/approve").status_code == 303
    world.apply()
    said = visitor.page(path)
    assert "Applied" in said
    assert "Entered 3" in said
    assert world.members(cohort) == ["x", "y", "z"]
    assert "members.csv" in visitor.page(f"/cohorts/{cohort}/loads")


def test_rejected_rows__downloaded__are_those_of_the_api(world: World, lists: Lists) -> None:
    cohort, visitor = lists.make(), Visitor(world, "read")
    done = lists.load(cohort, "id,note\na,x\n,=x\n")
    answer = visitor.get(f"/loads/{done['id']}/rejected.csv")
    assert answer.mimetype == "text/csv"
    assert answer.text == "row,reason,id,note\r\n3,missing_id,,'=x\r\n"
    assert "Approve" not in visitor.page(f"/loads/{done['id']}")
    (told, *_) = world.get("/v1/activity")["activity"]
    assert (told["action"], told["thing"], told["via"], told["by"]) == (
        "load.rejected_rows_read",
        done["id"],
        "console",
        "read",
    )


def test_file__that_was_not_chosen_or_cannot_be_loaded__is_refused_on_its_page(
    world: World, lists: Lists
) -> None:
    cohort, visitor = lists.make(), Visitor(world, "write")
    path = f"/cohorts/{cohort}/loads"
    answer = choose(visitor, path, None, mode="add")
    assert answer.status_code == 422
    assert "choose a file" in text(answer)
    assert load_of(choose(visitor, path, b"a\n"))
    answer = choose(visitor, path, b"b\n")
    assert answer.status_code == 409
    assert "is queued or being read" in text(answer)
    large = b"--x\r\n" + b"x" * (16 << 20)
    answer = visitor.http.post(
        f"/console{path}",
        data=large,
        headers=HEADERS,
        content_type="multipart/form-data; boundary=x",
    )
    assert answer.status_code == 413


def test_file__chosen_for_a_new_cohort__makes_it_and_is_loaded(world: World, lists: Lists) -> None:
    visitor = Visitor(world)
    assert "Create from the file" in visitor.page("/new-cohort")
    path = load_of(choose(visitor, "/new-cohort/lists", b"id\na\nb\n", defaults="on", review="on"))
    lists.settle()
    assert "2 members would enter" in visitor.page(path)
    visitor.post(f"{path}/approve")
    world.apply()
    (made,) = world.get("/v1/cohorts", source="lists")["cohorts"]
    assert (made["name"], made["guard"], world.members(made["id"])) == (
        "members",
        {"shrink_percent": 50, "from_members": 100},
        ["a", "b"],
    )
    load_of(choose(visitor, "/new-cohort/lists", b"a\n", name="Named"))
    assert [one["name"] for one in world.get("/v1/cohorts", source="lists")["cohorts"]] == [
        "members",
        "Named",
    ]


@pytest.mark.usefixtures("lists")
def test_file__for_a_cohort_that_cannot_be_made__makes_none(world: World) -> None:
    visitor = Visitor(world)
    answer = choose(visitor, "/new-cohort/lists", b"a\n", external_id="x" * 300, defaults="on")
    assert answer.status_code == 422
    assert 'value="50"' in answer.text
    assert world.get("/v1/cohorts", source="lists")["cohorts"] == []
    assert choose(visitor, "/new-cohort/lists", None, name=" ").status_code == 422


@pytest.mark.usefixtures("lists")
def test_file__that_cannot_be_loaded_into_a_new_cohort__is_refused_on_the_page_of_that(
    world: World,
) -> None:
    visitor = Visitor(world)
    answer = choose(visitor, "/new-cohort/lists", None, name="New", upload="nothing")
    assert answer.status_code == 404
    assert "New" in text(answer)
    assert "Load a file" in text(answer)
    world.call("PATCH", "/v1/sources/lists", json={"paused": True})
    assert "Create from the file" not in visitor.page("/new-cohort")


def test_form__of_no_parts_or_of_another_session__is_refused(world: World, lists: Lists) -> None:
    cohort, visitor = lists.make(), Visitor(world, "write")
    path = f"/console/cohorts/{cohort}/loads"
    answer = visitor.http.post(
        path, data=b"nothing", headers=HEADERS, content_type="multipart/form-data"
    )
    assert answer.status_code == 400
    answer = visitor.http.post(
        path,
        data={"token": "x", "file": (io.BytesIO(b"a"), "a")},
        headers=HEADERS,
        content_type="multipart/form-data",
    )
    assert answer.status_code == 403
    assert choose(Visitor(world, "read"), f"/cohorts/{cohort}/loads", b"a\n").status_code == 403


def test_file__in_parts_by_the_script__is_loaded_as_one(world: World, lists: Lists) -> None:
    cohort, visitor = lists.make(), Visitor(world, "write")
    path = f"/cohorts/{cohort}/loads"
    visitor.get(path)
    begun = visitor.post("/uploads", name="big.csv", bytes="4")
    assert begun.status_code == 201
    upload = begun.get_json()["id"]
    for number, part in enumerate((b"a\n", b"b\n"), start=1):
        answer = visitor.http.post(
            f"/console/uploads/{upload}/parts",
            data={"token": visitor.token, "number": str(number), "file": (io.BytesIO(part), "p")},
            headers=HEADERS,
            content_type="multipart/form-data",
        )
        assert answer.status_code == 204
    assert visitor.post(f"/uploads/{upload}/parts", number="x").status_code == 400
    done = load_of(choose(visitor, path, None, upload=upload))
    lists.settle()
    assert world.members(cohort) == ["a", "b"]
    assert "big.csv" in visitor.page(done)


def test_load__read_now__can_be_canceled_and_its_page_costs_few_statements(
    world: World, lists: Lists
) -> None:
    cohort, visitor = lists.make(), Visitor(world, "write")
    path = load_of(choose(visitor, f"/cohorts/{cohort}/loads", b"a\n"))
    given: deps.Deps = world.app.extensions[deps.EXTENSION]
    sent: list[str] = []
    with statements.noted(given.reading.engine, sent.append):
        assert "Cancel the load" in visitor.page(path)
    assert len(sent) <= 5
    assert visitor.post(f"{path}/cancel").status_code == 303
    assert "Canceled" in visitor.page(path)
    assert visitor.post(f"{path}/cancel").status_code == 409
    assert visitor.get("/loads/nothing").status_code == 404
