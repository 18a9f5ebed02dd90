"""Every route with every method and every kind of key, held against one table."""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterator, Mapping
from typing import Final

import pytest
from flask import Flask

from gateway.core.access.scopes import Scope
from gateway.flows.access import keys
from tests.http.webhook import body, unique
from tests.http.world import Clock, make_app
from tests.security import console_routes
from tests.stack import PASSWORD, USERNAME, Stack, basic_auth

METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")
CALLERS: Final = ("nobody", "revoked", "read", "write", "ingest", "admin")

# Statuses for nobody, a revoked key, and keys of the scopes read, write, ingest and admin. What
# is asked for does not exist, so a key that is let in mostly gets 404. What is not listed is 405.
Statuses = tuple[int, int, int, int, int, int]
OPEN: Final[Statuses] = (200, 200, 200, 200, 200, 200)
READ: Final[Statuses] = (401, 401, 200, 200, 403, 200)
READ_404: Final[Statuses] = (401, 401, 404, 404, 403, 404)
READ_422: Final[Statuses] = (401, 401, 422, 422, 403, 422)
READ_400: Final[Statuses] = (401, 401, 400, 400, 403, 400)
WRITE_400: Final[Statuses] = (401, 401, 403, 400, 403, 400)
WRITE_404: Final[Statuses] = (401, 401, 403, 404, 403, 404)
INGEST_400: Final[Statuses] = (401, 401, 403, 403, 400, 400)
ADMIN_400: Final[Statuses] = (401, 401, 403, 403, 403, 400)
ADMIN_404: Final[Statuses] = (401, 401, 403, 403, 403, 404)
ADMIN_422: Final[Statuses] = (401, 401, 403, 403, 403, 422)
ADMIN: Final[Statuses] = (401, 401, 403, 403, 403, 200)
ADMIN_204: Final[Statuses] = (401, 401, 403, 403, 403, 204)
# An API key is no password of a source; there the address is looked at before who asks.
PASSWORD_ONLY: Final[Statuses] = (401, 401, 401, 401, 401, 401)
NOWHERE: Final[Statuses] = (404, 404, 404, 404, 404, 404)
# A key is none of a session: pages lead all of these to the door, and what is no form is refused.
TO_THE_DOOR: Final[Statuses] = (303, 303, 303, 303, 303, 303)
NO_FORM: Final[Statuses] = (400, 400, 400, 400, 400, 400)

LOOK: Final = {"GET": READ, "HEAD": READ, "OPTIONS": OPEN}
LOOK_404: Final = {"GET": READ_404, "HEAD": READ_404, "OPTIONS": OPEN}
LOOK_AS_ADMIN: Final = {"GET": ADMIN, "HEAD": ADMIN, "OPTIONS": OPEN}
PUBLIC: Final = {"GET": OPEN, "HEAD": OPEN, "OPTIONS": OPEN}

PAGE: Final = {"GET": TO_THE_DOOR, "HEAD": TO_THE_DOOR, "OPTIONS": OPEN}
FORM: Final = {"POST": NO_FORM, "OPTIONS": OPEN}

TABLE: Final[Mapping[str, Mapping[str, Statuses]]] = {
    "/healthz": PUBLIC,
    "/readyz": PUBLIC,
    "/metrics": PUBLIC,
    "/openapi.json": PUBLIC,
    "/docs": PUBLIC,
    "/webhooks/mixpanel/": {"POST": NOWHERE},
    "/webhooks/mixpanel/<source>": {"POST": PASSWORD_ONLY},
    "/webhooks/mixpanel/<source>/": {"POST": PASSWORD_ONLY},
    "/webhooks/mixpanel/<rest:_rest>": {"POST": NOWHERE},
    "/v1/cohorts/<raw:cohort_id>/loads": {**LOOK_404, "POST": WRITE_404},
    "/v1/loads": LOOK,
    "/v1/loads/<raw:load_id>": {**LOOK_404, "PATCH": WRITE_400},
    "/v1/loads/<raw:load_id>/sample": LOOK_404,
    "/v1/loads/<raw:load_id>/rejected.csv": LOOK_404,
    "/v1/loads/<raw:load_id>/approve": {"POST": WRITE_404, "OPTIONS": OPEN},
    "/v1/loads/<raw:load_id>/cancel": {"POST": WRITE_404, "OPTIONS": OPEN},
    "/v1/uploads": {"POST": WRITE_400, "OPTIONS": OPEN},
    "/v1/uploads/<raw:upload_id>/parts/<raw:part>": {"PUT": WRITE_404, "OPTIONS": OPEN},
    "/v1/status": LOOK,
    "/v1/cohorts": {**LOOK, "POST": ADMIN_400},
    "/v1/cohorts/<raw:cohort_id>": {**LOOK_404, "PATCH": ADMIN_400, "DELETE": ADMIN_404},
    "/v1/cohorts/<raw:cohort_id>/restore": {"POST": ADMIN_404, "OPTIONS": OPEN},
    "/v1/cohorts/<raw:cohort_id>/members": {**LOOK_404, "POST": WRITE_400},
    "/v1/cohorts/<raw:cohort_id>/members/<raw:member_id>": {
        **LOOK_404,
        "PUT": WRITE_400,
        "DELETE": WRITE_404,
    },
    "/v1/cohorts/<raw:cohort_id>/members/<raw:member_id>/history": LOOK_404,
    "/v1/cohorts/<raw:cohort_id>/freeze": {"POST": ADMIN_400, "OPTIONS": OPEN},
    "/v1/cohorts/<raw:cohort_id>/changes": LOOK_404,
    "/v1/changes": LOOK,
    "/v1/cohorts/<raw:cohort_id>/syncs": LOOK_404,
    "/v1/cohorts/<raw:cohort_id>/definitions": LOOK_404,
    "/v1/members/<raw:member_id>": {"DELETE": ADMIN_204, "OPTIONS": OPEN},
    "/v1/members/<raw:member_id>/cohorts": LOOK,
    "/v1/membership/check": {"POST": READ_400, "OPTIONS": OPEN},
    "/v1/cohorts/<raw:cohort_id>/members/<raw:member_id>/explain": LOOK_404,
    "/v1/people": {"POST": INGEST_400, "OPTIONS": OPEN},
    "/v1/people/<raw:person_id>": LOOK_404,
    "/v1/people/<raw:person_id>/events": LOOK_404,
    "/v1/events": {"POST": INGEST_400, "DELETE": ADMIN_400, "OPTIONS": OPEN},
    "/v1/events/recent": LOOK,
    "/v1/event-names": LOOK,
    "/v1/event-names/<raw:event_name>/properties": LOOK_404,
    "/v1/event-names/<raw:event_name>/properties/<raw:property_path>/index": {
        "GET": READ_422,
        "HEAD": READ_422,
        "POST": ADMIN_422,
        "DELETE": ADMIN_422,
        "OPTIONS": OPEN,
    },
    "/v1/event-indexes": LOOK,
    "/v1/traits": LOOK,
    "/v1/track": {"POST": INGEST_400, "OPTIONS": OPEN},
    "/v1/identify": {"POST": INGEST_400, "OPTIONS": OPEN},
    "/v1/batch": {"POST": INGEST_400, "OPTIONS": OPEN},
    "/kursaha/api/event-flows/signal": {"POST": INGEST_400, "OPTIONS": OPEN},
    "/kursaha/api/customers": {"POST": INGEST_400, "OPTIONS": OPEN},
    "/v1/rules/run": {"POST": READ_400, "OPTIONS": OPEN},
    "/v1/rules/explain": {"POST": READ_400, "OPTIONS": OPEN},
    "/v1/source-kinds": LOOK,
    "/v1/sources": {**LOOK, "POST": ADMIN_400},
    "/v1/sources/<raw:slug>": {**LOOK_404, "PATCH": ADMIN_400, "DELETE": ADMIN_404},
    "/v1/sources/<raw:slug>/test": {"POST": ADMIN_404, "OPTIONS": OPEN},
    "/v1/sources/<raw:slug>/schema": {"GET": ADMIN_404, "HEAD": ADMIN_404, "OPTIONS": OPEN},
    "/v1/sources/<raw:slug>/preview": {"POST": ADMIN_400, "OPTIONS": OPEN},
    "/v1/sources/<raw:slug>/rejected-actions": LOOK_404,
    "/v1/refusals": LOOK,
    "/v1/destination-kinds": LOOK,
    "/v1/destinations": {**LOOK, "POST": ADMIN_400},
    "/v1/destinations/<raw:slug>": {**LOOK_404, "PATCH": ADMIN_400, "DELETE": ADMIN_404},
    "/v1/destinations/<raw:slug>/test": {"POST": ADMIN_404, "OPTIONS": OPEN},
    "/v1/sync-jobs": {**LOOK, "POST": ADMIN_400},
    "/v1/sync-jobs/preview": {"POST": ADMIN_400, "OPTIONS": OPEN},
    "/v1/sync-jobs/<number:job_id>": {**LOOK_404, "PATCH": ADMIN_400, "DELETE": ADMIN_404},
    "/v1/sync-jobs/<number:job_id>/run": {"POST": ADMIN_404, "OPTIONS": OPEN},
    "/v1/sync-jobs/<number:job_id>/pause": {"POST": ADMIN_404, "OPTIONS": OPEN},
    "/v1/sync-jobs/<number:job_id>/resume": {"POST": ADMIN_404, "OPTIONS": OPEN},
    "/v1/sync-jobs/<number:job_id>/resync": {"POST": ADMIN_404, "OPTIONS": OPEN},
    "/v1/sync-jobs/<number:job_id>/runs": LOOK_404,
    "/v1/sync-jobs/<number:job_id>/runs/<raw:number>": LOOK_404,
    "/v1/sync-jobs/<number:job_id>/runs/<raw:number>/rejected.csv": LOOK_404,
    "/v1/sync-jobs/<number:job_id>/runs/<raw:number>/approve": {
        "POST": ADMIN_404,
        "OPTIONS": OPEN,
    },
    "/v1/actions": {"POST": WRITE_400, "OPTIONS": OPEN},
    "/v1/notices/test": {"POST": ADMIN_400, "OPTIONS": OPEN},
    "/v1/activity": LOOK_AS_ADMIN,
    "/v1/deliveries": LOOK,
    "/v1/deliveries/<raw:delivery_id>/retry": {"POST": ADMIN_404, "OPTIONS": OPEN},
    "/": PUBLIC,
    "/console/static/<raw:name>": PUBLIC,
    "/console/sign-in": {**PUBLIC, **FORM},
    **{
        rule: {
            **(PAGE if rule in console_routes.PAGES else {}),
            **(FORM if rule in console_routes.FORMS else {}),
        }
        for rule in sorted(console_routes.PAGES | console_routes.FORMS)
    },
}

EXAMPLES: Final = {
    "source": "default",
    "rest:_rest": "a//b",
    "raw:cohort_id": "999999999999",
    "raw:member_id": "nobody-has-this-id",
    "raw:person_id": "nobody-has-this-id",
    "raw:event_name": "no-such-event",
    "raw:property_path": ".".join("abcdefghijklmnopqrstu"),
    "raw:slug": "no-such-source",
    "number:job_id": "999999999",
    "raw:job_id": "999999999",
    "raw:number": "1",
    "raw:kind": "mixpanel",
    "raw:source": "no-such-source",
    "raw:key_id": "999999999999",
    "raw:name": "console.css",
    "raw:delivery_id": "999999999999-1",
    "raw:load_id": "999999999999-1",
    "raw:upload_id": "0f0f0f0f0f0f0f0f0f0f0f0f",
    "raw:part": "1",
}


@pytest.fixture(scope="module")
def headers(stack: Stack) -> Iterator[dict[str, dict[str, str]]]:
    """Make a key of each kind; returns what each caller sends."""
    now, name = datetime.datetime.now(datetime.UTC), unique("routes")
    with stack.pool() as pool:
        made = {
            named: keys.create(
                pool, keys.Wanted(name=f"{name}-{named}", scopes=scopes), now=now
            ).key
            for named, scopes in {
                **{scope.value: [scope] for scope in Scope},
                "revoked": [*Scope],
            }.items()
        }
        keys.revoke(pool, f"{name}-revoked", now=now)
        sent = {caller: {"Authorization": f"Bearer {key}"} for caller, key in made.items()}
        yield {"nobody": {}, **sent}
        for scope in Scope:
            keys.revoke(pool, f"{name}-{scope}", now=now)


@pytest.fixture(scope="module")
def application(database_url: str) -> Flask:
    """Build the application, to be asked for its routes."""
    return make_app(database_url, Clock())


def test_table__of_routes__lists_every_one_there_is(application: Flask) -> None:
    assert {rule.rule for rule in application.url_map.iter_rules()} == TABLE.keys()


@pytest.mark.parametrize("rule", TABLE)
def test_route__asked_in_every_way__answers_as_the_table_says(
    stack: Stack, headers: dict[str, dict[str, str]], rule: str
) -> None:
    path = re.sub(r"<([^>]+)>", lambda found: EXAMPLES[found[1]], rule)
    expected, found = {}, {}
    for method in METHODS:
        statuses = TABLE[rule].get(method, (405,) * len(CALLERS))
        expected[method] = dict(zip(CALLERS, statuses, strict=True))
        found[method] = {
            caller: stack.call(method, path, headers=headers[caller]).status for caller in CALLERS
        }
    assert found == expected


@pytest.mark.parametrize(
    "sent",
    [
        basic_auth(USERNAME, PASSWORD),
        basic_auth("", PASSWORD),
        f"Bearer {PASSWORD}",
        f"Bearer {USERNAME}:{PASSWORD}",
    ],
)
def test_password_of_a_source__sent_to_the_api__opens_nothing(stack: Stack, sent: str) -> None:
    assert stack.call("GET", "/v1/cohorts", headers={"Authorization": sent}).status == 401


def test_key__in_any_other_place__opens_nothing(
    stack: Stack, headers: dict[str, dict[str, str]]
) -> None:
    authorization = headers["admin"]["Authorization"]
    key = authorization.removeprefix("Bearer ")
    for others in (
        {"X-Api-Key": key},
        {"Cookie": f"key={key}; Authorization={authorization}"},
        {"Proxy-Authorization": authorization},
        {"Authorization": key},
        {"Authorization": f"Basic {key}"},
        {"Authorization": f"Bearer {key}x"},
        {"Authorization": f"Bearer {key[:-1]}"},
        {"Authorization": f"Bearer {key.upper()}"},
    ):
        path = f"/v1/cohorts?key={key}&access_token={key}"
        assert stack.call("GET", path, headers=others).status == 401, others
    assert stack.call("GET", "/v1/cohorts", headers=headers["admin"]).status == 200


@pytest.mark.parametrize(
    "path",
    [
        "/v1/../v1/cohorts",
        "/v1/%2e%2e/v1/cohorts",
        "/healthz/../v1/cohorts",
        "/docs/..%2fv1%2fcohorts",
        "//v1/cohorts",
        "/v1/cohorts/",
        "/v1/cohorts;a=b",
        "/V1/cohorts",
        "/v1%2fcohorts",
        "/webhooks/mixpanel/../../v1/cohorts",
        "http://elsewhere.test/v1/cohorts",
    ],
)
def test_path__written_otherwise__leads_past_no_check(stack: Stack, path: str) -> None:
    answer = stack.call("GET", path)
    assert answer.status in (401, 404, 405)
    assert "cohorts" not in (answer.json if isinstance(answer.json, dict) else {})


def test_method__named_in_another_header__is_not_believed(
    stack: Stack, headers: dict[str, dict[str, str]]
) -> None:
    cohort = unique()
    assert stack.post(body(cohort, "a")).status == 200
    identity = stack.cohort(cohort)["id"]
    for name in ("X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"):
        sent = {**headers["admin"], name: "DELETE"}
        assert stack.call("GET", f"/v1/cohorts/{identity}", headers=sent).status == 200
        query = f"/v1/cohorts/{identity}?_method=DELETE"
        assert stack.call("GET", query, headers=sent).status == 400, "no parameter of this call"
    assert stack.cohort(cohort) is not None
