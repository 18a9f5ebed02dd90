"""Secrets of other systems, planted in a running gateway by every way in, and used there."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Final

from tests.customer import PASSWORD, Customer
from tests.stack import API_KEY, Answer, Stack, until

WRONG: Final = "zqwrong'of another system"
OUT_OF_PLACE: Final = "zqsecret-out-of-place"
OF_DESTINATION: Final = "zqsecret:of/a destination"
PLANTED: Final = {
    "password of a customer's database": PASSWORD,
    "wrong password of that": WRONG,
    "secret in a field that is none": OUT_OF_PLACE,
    "password of a destination": OF_DESTINATION,
}

_ADMIN: Final = {"Authorization": f"Bearer {API_KEY}"}
_QUERY: Final = "SELECT id, email FROM shop.users"


def plant(stack: Stack, customer: Customer, name: str) -> Iterator[Answer]:
    """Make a source and a destination, use and misuse both; returns what was answered."""
    source, destination = f"/v1/sources/{name}", f"/v1/destinations/{name}"
    parts = {"slug": name, "kind": "postgresql", "secrets": {"password": PASSWORD}}
    yield _call(stack, "/v1/sources", 201, {**parts, "config": customer.config()})
    moved = {"config": {"password": OUT_OF_PLACE}, "secrets": {"key": OUT_OF_PLACE}}
    yield _call(stack, source, 422, moved, method="PATCH")
    yield stack.call("PATCH", source, f'{{"secrets": "{OUT_OF_PLACE}"'.encode(), _ADMIN)
    yield _call(stack, source, 200, {"secrets": {"password": WRONG}}, method="PATCH")
    yield _call(stack, f"{source}/test", 200)
    yield _call(stack, f"{source}/preview", 409, {"query": _QUERY})
    yield _call(stack, source, 200, {"secrets": {"password": PASSWORD}}, method="PATCH")
    yield _call(stack, f"{source}/test", 200)
    yield _call(stack, f"{source}/preview", 200, {"query": _QUERY})
    yield _call(stack, f"{source}/preview", 422, {"query": "SELECT secret FROM nowhere"})
    yield stack.api(f"{source}/schema")
    definition = {"query": _QUERY, "member_id": "id", "email": "email"}
    of_source = {"source": name, "name": name, "definition": definition}
    made = _call(stack, "/v1/cohorts", 201, of_source)
    yield made
    cohort = made.json["id"]
    until(lambda: stack.api(f"/v1/cohorts/{cohort}").json["member_count"] == 3)
    url = f"http://127.0.0.1:{stack.port}/webhooks/mixpanel/nobody-{name}"
    parts = {"slug": name, "kind": "mixpanel", "secrets": {"password": OF_DESTINATION}}
    config = {"url": url, "username": "gateway"}
    yield _call(stack, "/v1/destinations", 201, {**parts, "config": config})
    yield _call(stack, f"{destination}/test", 200)
    job = {"cohort_id": cohort, "destination": name, "frequency": "5m"}
    made = _call(stack, "/v1/sync-jobs", 201, {**job, "mapping": {"distinct_id": "member_id"}})
    yield made
    path = f"/v1/sync-jobs/{made.json['id']}"
    until(lambda: stack.api(path).json["error"] is not None)
    for seen in (path, f"{path}/runs", source, destination, "/v1/sources", "/v1/destinations"):
        yield stack.api(seen)
    for seen in (f"/v1/cohorts/{cohort}/loads", "/v1/activity", "/v1/status", "/metrics"):
        yield stack.api(seen)


def remove(stack: Stack, name: str) -> None:
    """Leave nothing behind that goes on trying."""
    for job in stack.api("/v1/sync-jobs", destination=name).json["sync_jobs"]:
        stack.api(f"/v1/sync-jobs/{job['id']}", method="DELETE")
    stack.api(f"/v1/destinations/{name}", method="DELETE")
    stack.api(f"/v1/sources/{name}", method="DELETE", with_cohorts="true")


def _call(
    stack: Stack, path: str, status: int, body: object = None, *, method: str = "POST"
) -> Answer:
    answer = stack.call(method, path, json.dumps(body or {}).encode(), _ADMIN)
    assert answer.status == status, answer.body
    return answer
