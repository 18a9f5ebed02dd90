"""Signing in to the console and out of it, and what is refused at its door."""

from __future__ import annotations

import re

import pytest

from gateway.flows.access import keys
from tests.http.console import ORIGIN, Visitor, text
from tests.http.world import KEYS, World, make_app

COOKIE = "gateway_console"


def cookie(answer: object) -> str:
    (found,) = answer.headers.getlist("Set-Cookie")  # type: ignore[attr-defined]
    return str(found)


def test_page__without_a_session__leads_to_signing_in_and_back(world: World) -> None:
    visitor = Visitor(world, None)
    answer = visitor.get("/cohorts?q=trial")
    assert answer.status_code == 303
    assert answer.headers["Location"] == "/console/sign-in?next=%2Fconsole%2Fcohorts%3Fq%3Dtrial"
    answer = visitor.sign_in(KEYS["admin"], next="/console/cohorts?q=trial")  # type: ignore[index]
    assert answer.headers["Location"] == "/console/cohorts?q=trial"


@pytest.mark.parametrize(
    "after",
    [
        "",
        "//evil.test/console",
        "https://evil.test/console",
        "/console\\@evil.test",
        "/v1/cohorts",
        "javascript:alert(1)",
        "/console\r\nX-Planted: 1",
        "/console/../v1 x",
    ],
)
def test_sign_in__with_another_target__leads_to_the_overview(world: World, after: str) -> None:
    answer = Visitor(world, None).sign_in(KEYS["read"], next=after)  # type: ignore[index]
    assert (answer.status_code, answer.headers["Location"]) == (303, "/console")


def test_sign_in__with_a_wrong_key__says_so_and_opens_nothing(world: World) -> None:
    visitor = Visitor(world, None)
    answer = visitor.sign_in("cg_wrong")
    assert answer.status_code == 401
    assert "This key is not valid, or was revoked." in text(answer)
    assert visitor.get("/cohorts").status_code == 303


def test_sign_in__gives_a_cookie_of_its_own_that_no_script_reads(world: World) -> None:
    visitor = Visitor(world, None)
    before = cookie(visitor.get("/sign-in"))
    after = cookie(visitor.post("/sign-in", key=KEYS["read"]))  # type: ignore[index]
    assert before.split(";")[0] != after.split(";")[0], "a planted id must not become a session"
    assert re.fullmatch(rf"{COOKIE}=cg_[\w-]+; HttpOnly; Path=/; SameSite=Lax", after)


def test_cookie__where_the_public_url_has_tls__is_for_this_host_and_tls_alone(
    world: World, database_url: str
) -> None:
    world.app = make_app(database_url, world.clock, GATEWAY_PUBLIC_URL="https://gw.example.com")
    found = cookie(Visitor(world, None).get("/sign-in"))
    assert re.fullmatch(
        rf"__Host-{COOKIE}=cg_[\w-]+; Secure; HttpOnly; Path=/; SameSite=Lax", found
    )


def test_links__where_a_proxy_takes_a_path_away__have_that_path(
    world: World, database_url: str
) -> None:
    world.app = make_app(database_url, world.clock, GATEWAY_PUBLIC_URL="https://gw.test/cohorts")
    answer = world.app.test_client().get("/console", headers={"Host": "gw.test"})
    assert answer.headers["Location"] == "/cohorts/console/sign-in"


def test_sign_out__ends_the_session_everywhere(world: World) -> None:
    visitor = Visitor(world)
    other = world.app.test_client()
    value = visitor.http.get_cookie(COOKIE)
    assert value is not None
    other.set_cookie(COOKIE, value.value)
    assert other.get("/console").status_code == 200
    answer = visitor.post("/sign-out")
    assert (answer.status_code, answer.headers["Location"]) == (
        303,
        "/console/sign-in?done=signed-out",
    )
    assert other.get("/console").status_code == 303
    assert "You have signed out." in text(visitor.get("/sign-in?done=signed-out"))


def test_session__of_a_key_that_is_revoked__is_over_at_once(world: World) -> None:
    visitor = Visitor(world, "read")
    keys.revoke(world.pool, "read", now=world.clock())
    assert visitor.get("").status_code == 303


def test_part_of_a_page__without_a_session__sends_the_whole_page(world: World) -> None:
    answer = Visitor(world, None).get("", **{"HX-Request": "true"})
    assert (answer.status_code, answer.headers["HX-Redirect"]) == (401, "/console/sign-in")


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.test"},
        {"Origin": "null"},
        {"Origin": ORIGIN, "Sec-Fetch-Site": "cross-site"},
        {"Origin": ORIGIN, "Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
        {},
    ],
)
def test_form__of_another_site__is_refused(world: World, headers: dict[str, str]) -> None:
    visitor = Visitor(world)
    answer = visitor.http.post(
        "/console/sources/default/pause", data={"token": visitor.token}, headers=headers
    )
    assert answer.status_code == 403
    assert "another site" in text(answer)
    assert not world.get("/v1/sources/default")["paused"]


@pytest.mark.parametrize("headers", [{"Origin": ORIGIN}, {"Sec-Fetch-Site": "same-origin"}])
def test_form__of_this_site_by_either_header__is_taken(
    world: World, headers: dict[str, str]
) -> None:
    visitor = Visitor(world)
    answer = visitor.http.post(
        "/console/sources/default/pause", data={"token": visitor.token}, headers=headers
    )
    assert answer.status_code == 303
    assert world.get("/v1/sources/default")["paused"]


def test_form__with_the_token_of_another_session__is_refused(world: World) -> None:
    visitor, other = Visitor(world), Visitor(world)
    for token in ("", "x", other.token, "\u00e9"):
        visitor.token = token
        assert visitor.post("/sources/default/pause").status_code == 403
    assert not world.get("/v1/sources/default")["paused"]


def test_form__without_cookies__is_refused(world: World) -> None:
    visitor = Visitor(world)
    visitor.http.delete_cookie(COOKIE)
    assert visitor.post("/sources/default/pause").status_code == 403


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        (b"{}", "application/json", 400),
        (b"token=%ff", "application/x-www-form-urlencoded", 400),
        (b"\xff", "application/x-www-form-urlencoded", 400),
        (b"a=1&" * 300, "application/x-www-form-urlencoded", 400),
        (b"a=" + b"b" * 300_000, "application/x-www-form-urlencoded", 413),
    ],
)
def test_form__that_is_none__is_refused(
    world: World, body: bytes, content_type: str, status: int
) -> None:
    answer = Visitor(world).http.post(
        "/console/sign-in", data=body, content_type=content_type, headers={"Origin": ORIGIN}
    )
    assert answer.status_code == status


def test_root__asked_by_a_browser__leads_to_the_console(world: World) -> None:
    answer = world.http.get("/", headers={"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"})
    assert (answer.status_code, answer.headers["Location"]) == (303, "/console")
    assert answer.headers["Vary"] == "Accept"


def test_root__asked_by_another_client__tells_what_there_is(world: World) -> None:
    answer = world.http.get("/")
    assert answer.status_code == 200
    assert answer.get_json()["console"] == "/console"
    assert answer.get_json()["api"] == "/v1"
