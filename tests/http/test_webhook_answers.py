"""The webhook's answers: their shape, the order of the checks, and who may post."""

import base64

import pytest

from gateway.flows.sources import admin as manage
from tests.http import webhook
from tests.http.inside import Gateway
from tests.http.webhook import accepted, body, raw, refused, unique
from tests.stack import DEFAULT, PASSWORD, USERNAME, basic_auth

AT = "/webhooks/mixpanel/"
NOWHERE = f"{AT}nowhere"
WRONG = ("mixpanel", "wrong")
METHODS = ("GET", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "PURGE")


@pytest.fixture
def sources(gateway: Gateway) -> None:
    """Make one source of each kind."""
    usual, other = (manage.Login(username=name, password=PASSWORD) for name in (USERNAME, "other"))
    world = gateway.world
    world.add_source("pinned", login=usual, project_ids=("1", "2"))
    world.add_source("second", login=other)
    world.add_source("unlocked")
    world.add_source("paused", login=usual, project_ids=("1",))
    world.add_source("by-email", login=usual, identity_property="email")
    manage.pause(world.pool, "paused", now=world.clock())


@pytest.mark.parametrize("action", ["members", "add_members", "remove_members"])
def test_success__of_each_action__has_exactly_two_keys(gateway: Gateway, action: str) -> None:
    cohort = unique()
    accepted(gateway.post(body(cohort, "a", action=action)), action)
    accepted(gateway.post(body(cohort, action=action)), action)


def test_success__of_a_replay__looks_the_same(gateway: Gateway) -> None:
    page = body(unique(), "a", "b")
    first, again = gateway.post(page), gateway.post(page)
    accepted(first)
    assert again.json == first.json


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("path", [DEFAULT, f"{DEFAULT}/", NOWHERE, AT, f"{AT}a/b", f"{AT}%ff"])
def test_method__other_than_post__is_405(gateway: Gateway, method: str, path: str) -> None:
    answer = gateway.call(method, path)
    assert answer.status == 405
    assert answer.headers["Allow"] == "POST"
    assert answer.headers["Content-Type"] == "application/json"
    if method != "HEAD":
        error = {"message": "this URL takes POST only", "code": 405}
        assert answer.json == {"action": None, "status": "failure", "error": error}


def test_method__put_with_a_good_page__stores_nothing(gateway: Gateway) -> None:
    cohort = unique()
    headers = {"Authorization": basic_auth(USERNAME, PASSWORD)}
    assert gateway.call("PUT", DEFAULT, raw(cohort, "a"), headers).status == 405
    assert gateway.cohort(cohort) is None


@pytest.mark.parametrize(
    "path", [f"{DEFAULT}/", f"{AT}%64efault", f"{AT}%64%65%66%61%75%6C%74/", f"{DEFAULT}?a=b#c"]
)
def test_path__with_a_slash_behind_or_encoded__is_the_source(gateway: Gateway, path: str) -> None:
    accepted(gateway.post(body(unique(), "a"), path))


@pytest.mark.parametrize(
    "path",
    [
        NOWHERE,
        f"{NOWHERE}/",
        f"{AT}Default",
        f"{AT}default%20",
        f"{AT}%2e%2e",
        f"{AT}default%2F",
        f"{AT}%00",
        f"{AT}%ff",
        f"{AT}%ed%a0%80",
        f"{AT}%F0%9F%98%80",
        f"{AT}{'x' * 5000}",
        f"{AT}default/more",
        f"{AT}/default",
        f"{AT}default//",
        f"{AT}///",
        f"{AT}",
        "/webhooks/mixpanel",
        "/webhooks/",
        "/webhooks/segment/default",
    ],
)
def test_source__unknown__is_404_whatever_the_credentials(gateway: Gateway, path: str) -> None:
    for auth in ((USERNAME, PASSWORD), WRONG, None):
        answer = gateway.post(body(unique(), "a"), path, auth=auth)
        refused(answer, 404, action=_echoed(path))


def _echoed(path: str) -> str | None:
    """Only Mixpanel's URLs have a body that is known to hold an action."""
    return "add_members" if path.startswith("/webhooks/mixpanel") else None


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "Basic",
        "Basic ",
        "Basic !!!",
        "Basic bWl4cGFuZWw6",
        "Basic " + base64.b64encode(b"mixpanel").decode(),
        "Basic " + base64.b64encode(b"mixpanel:s3cret").decode(),
        "Basic " + base64.b64encode(b"mixpanel:s3cret:pass-of-the-stack\0").decode(),
        "Basic " + base64.b64encode(b"mixpanel:s3cret:pass-of-the-stack ").decode(),
        "Basic " + base64.b64encode(b"Mixpanel:s3cret:pass-of-the-stack").decode(),
        "Basic " + base64.b64encode(b"\xff\xfe:\xff").decode(),
        "Basic " + base64.b64encode(b":").decode(),
        "Basic " + base64.b64encode(b"mixpanel:\0" * 100).decode(),
        "Basic " + base64.b64encode(b"x" * 5000).decode(),
        "Bearer " + base64.b64encode(b"mixpanel:s3cret:pass").decode(),
        "Bearer stack-api-key-0123456789abcdef",
        "Digest username=mixpanel",
        "mixpanel:s3cret:pass",
    ],
)
def test_credentials__absent_or_wrong__are_401(gateway: Gateway, header: str | None) -> None:
    cohort = unique()
    headers = {} if header is None else {"Authorization": header}
    answer = gateway.post(body(cohort, "a"), auth=None, headers=headers)
    assert "password" in refused(answer, 401)
    assert answer.headers["WWW-Authenticate"].startswith("Basic ")
    assert gateway.cohort(cohort) is None


@pytest.mark.parametrize("scheme", ["basic", "BASIC", "Basic "])
def test_credentials__of_a_scheme_written_otherwise__are_good(
    gateway: Gateway, scheme: str
) -> None:
    encoded = base64.b64encode(f"{USERNAME}:{PASSWORD}".encode()).decode()
    headers = {"Authorization": f"{scheme} {encoded}"}
    accepted(gateway.post(body(unique(), "a"), auth=None, headers=headers))


@pytest.mark.usefixtures("sources")
def test_source__without_authentication__takes_any_and_none(gateway: Gateway) -> None:
    for auth in (None, WRONG, (USERNAME, PASSWORD)):
        accepted(gateway.post(body(unique(), "a"), f"{AT}unlocked", auth=auth))


@pytest.mark.usefixtures("sources")
def test_source__with_credentials_of_its_own__takes_only_those(gateway: Gateway) -> None:
    second = f"{AT}second"
    accepted(gateway.post(body(unique(), "a"), second, auth=("other", PASSWORD)))
    refused(gateway.post(body(unique(), "a"), second), 401)
    refused(gateway.post(body(unique(), "a"), auth=("other", PASSWORD)), 401)


@pytest.mark.usefixtures("sources")
def test_cohort__of_two_sources__is_two_cohorts(gateway: Gateway) -> None:
    cohort = unique()
    accepted(gateway.post(body(cohort, "a")))
    accepted(gateway.post(body(cohort, "b"), f"{AT}unlocked", auth=None))
    assert set(gateway.members(cohort, source="default")) == {"a"}
    assert set(gateway.members(cohort, source="unlocked")) == {"b"}


@pytest.mark.usefixtures("sources")
def test_source__of_another_identity__knows_members_by_it(gateway: Gateway) -> None:
    cohort, by_email = unique(), f"{AT}by-email"
    members = [{"mixpanel_distinct_id": "d", "email": "a@example.com"}, {"distinct_id": "e"}]
    accepted(gateway.post(body(cohort, members=members), by_email))
    found = gateway.members(cohort, source="by-email")
    assert [(key, one["distinct_id"]) for key, one in found.items()] == [("a@example.com", "d")]
    message = refused(gateway.post(body(cohort, "x"), by_email), 400)
    assert "no" in message
    assert "email" in message


@pytest.mark.usefixtures("sources")
@pytest.mark.parametrize("project", ["1", 2])
def test_project__that_the_source_is_pinned_to__is_accepted(
    gateway: Gateway, project: object
) -> None:
    accepted(gateway.post(body(unique(), "a", mixpanel_project_id=project), f"{AT}pinned"))


@pytest.mark.usefixtures("sources")
@pytest.mark.parametrize("project", ["3", "01", "", "1 ", 12])
def test_project__other_than_the_pinned__is_403(gateway: Gateway, project: object) -> None:
    page = body(unique(), "a", mixpanel_project_id=project)
    assert "mixpanel_project_id" in refused(gateway.post(page, f"{AT}pinned"), 403)


def test_cohort__deleted_by_an_operator__is_404_until_it_is_restored(gateway: Gateway) -> None:
    cohort = unique()
    accepted(gateway.post(body(cohort, "a")))
    identity = gateway.cohort(cohort)["id"]
    gateway.settle(identity)
    assert gateway.api(f"/v1/cohorts/{identity}", method="DELETE").status == 204
    for page in (body(cohort, "b"), body(cohort), body(cohort, "b", action="members")):
        assert "deleted" in refused(gateway.post(page), 404, action=str(page["action"]))
    assert gateway.api(f"/v1/cohorts/{identity}/restore", method="POST").status in (200, 204)
    accepted(gateway.post(body(cohort, "c")))
    assert set(gateway.members(cohort)) == {"c"}


@pytest.mark.usefixtures("sources")
@pytest.mark.parametrize(
    ("path", "auth", "page", "status", "action"),
    [
        # Each breaks two rules or more, and is answered for the first of them.
        (NOWHERE, WRONG, {"action": "x"}, 404, "x"),
        (NOWHERE, None, b"garbage", 404, None),
        (DEFAULT, WRONG, b"garbage", 401, None),
        (DEFAULT, WRONG, {"action": "x", "parameters": 5}, 401, "x"),
        (f"{AT}pinned", WRONG, body("c", "a"), 401, "add_members"),
        (f"{AT}paused", WRONG, body("c", "a"), 401, "add_members"),
        (f"{AT}paused", None, b"garbage", 401, None),
        (f"{AT}paused", (USERNAME, PASSWORD), b"garbage", 503, None),
        (f"{AT}paused", (USERNAME, PASSWORD), {"action": "x"}, 503, "x"),
        (f"{AT}paused", (USERNAME, PASSWORD), body("c", "a"), 503, "add_members"),
        (f"{AT}pinned", (USERNAME, PASSWORD), {"action": "x"}, 400, "x"),
        (f"{AT}pinned", (USERNAME, PASSWORD), body("c", None), 400, "add_members"),
        (f"{AT}pinned", (USERNAME, PASSWORD), body("c", "a", action="x"), 400, "x"),
    ],
)
def test_checks__of_a_request_wrong_twice__run_in_order(
    gateway: Gateway,
    path: str,
    auth: tuple[str, str] | None,
    page: object,
    status: int,
    action: str,
) -> None:
    refused(gateway.post(page, path, auth=auth), status, action=action)


def test_checks__too_large_a_body__comes_before_the_source(gateway: Gateway) -> None:
    page = webhook.padded("c", 16 * 1024 * 1024 + 1)
    assert "16777216 bytes" in refused(gateway.post(page, NOWHERE, auth=None), 400, action=None)


@pytest.mark.usefixtures("sources")
def test_checks__the_project__comes_before_the_cohort(gateway: Gateway) -> None:
    cohort = unique()
    accepted(gateway.post(body(cohort, "a", mixpanel_project_id="1"), f"{AT}pinned"))
    identity = gateway.cohort(cohort)["id"]
    gateway.settle(identity)
    assert gateway.api(f"/v1/cohorts/{identity}", method="DELETE").status == 204
    page = body(cohort, "a", mixpanel_project_id="1")
    refused(gateway.post(page, f"{AT}pinned"), 404)
    refused(gateway.post(body(cohort, "a", mixpanel_project_id="3"), f"{AT}pinned"), 403)
    refused(gateway.post(body(cohort, None, mixpanel_project_id="1"), f"{AT}pinned"), 400)


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/x-www-form-urlencoded"},
        {"Content-Type": "multipart/form-data; boundary=x"},
        {"Content-Type": "application/json; charset=utf-16"},
        {"Content-Type": "nonsense"},
        {"User-Agent": ""},
        {"Accept": "text/html"},
        {"X-Forwarded-For": "1.2.3.4", "X-Forwarded-Proto": "https"},
    ],
)
def test_headers__that_are_not_checked__change_nothing(
    gateway: Gateway, headers: dict[str, str]
) -> None:
    accepted(gateway.post(body(unique(), "a"), headers=headers))


def test_message__about_members__never_holds_their_values(gateway: Gateway) -> None:
    secret = "ada@example.com"
    pages: list[dict[str, object]] = [
        body("c", members=[{"email": secret, "distinct_id": {"a": secret}}]),
        body("c", members={"email": secret}),
        body("c", members=secret),
        body("c", "a", page_info={"page_count": secret, "total_pages": 1}),
        body("c", "a", page_info=secret),
        body("c", "a", mixpanel_cohort_id=[secret]),
        body("c", "a", action=secret * 100),
        {"action": "members", "parameters": secret},
    ]
    for page in pages:
        answer = gateway.post(page)
        message = refused(answer, 400, action=str(page["action"]))
        assert secret not in message
    broken = f'{{"action": "members", "members": ["{secret}"'.encode()
    assert secret not in refused(gateway.post(broken), 400, action=None)
