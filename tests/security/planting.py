"""Secrets of other systems, planted in a running gateway by every way in, and used there."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Final

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.customer import PASSWORD, Customer
from tests.stack import API_KEY, Answer, Stack, until

WRONG: Final = "zqwrong'of another system"
OUT_OF_PLACE: Final = "zqsecret-out-of-place"
OF_DESTINATION: Final = "zqsecret:of/a destination"
_SIGNING_BYTES: Final = "zqsigning secret of webhooks"
SIGNING: Final = "whsec_" + base64.b64encode(_SIGNING_BYTES.encode()).decode()
PREVIOUS: Final = "whsec_" + base64.b64encode(b"zqprevious secret of webhooks").decode()
PARTNER_KEY: Final = "zqpartner-key-of-a-vendor"
IMPORT_KEY: Final = "zqimport key-of-a-vendor"


def _client_key() -> str:
    """Write the same key each time; nothing is signed by it that counts."""
    number = int.from_bytes(b"zqsecret of a customer's client")
    return (
        ec.derive_private_key(number, ec.SECP256R1())
        .private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        .decode()
    )


CLIENT_KEY: Final = _client_key()
PLANTED: Final = {
    "password of a customer's database": PASSWORD,
    "wrong password of that": WRONG,
    "secret in a field that is none": OUT_OF_PLACE,
    "password of a destination": OF_DESTINATION,
    "client key of a customer's database": CLIENT_KEY,
    "a line of that client key": CLIENT_KEY.splitlines()[1],
    "signing secret of webhooks": SIGNING,
    "bytes of that signing secret": _SIGNING_BYTES,
    "previous signing secret of webhooks": PREVIOUS,
    "key of a vendor for partners": PARTNER_KEY,
    "key of a vendor for imports": IMPORT_KEY,
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
    found = {"password": PASSWORD, "client_key": CLIENT_KEY}
    yield _call(stack, source, 200, {"secrets": found}, method="PATCH")
    wrong = {"client_key": CLIENT_KEY[:-9], "client_certificate": CLIENT_KEY}
    yield _call(stack, source, 422, {"secrets": wrong}, method="PATCH")
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
    yield from _of_vendors(stack, name)
    for seen in (path, f"{path}/runs", source, destination, "/v1/sources", "/v1/destinations"):
        yield stack.api(seen)
    for seen in (f"/v1/cohorts/{cohort}/loads", "/v1/activity", "/v1/status", "/metrics"):
        yield stack.api(seen)


def _of_vendors(stack: Stack, name: str) -> Iterator[Answer]:
    """Make destinations that sign in by other means, and let each try; nobody listens there."""
    url = f"http://127.0.0.1:{stack.port}"
    for kind, config, secrets in (
        ("webhook", {"url": f"{url}/nowhere"}, {"secret": SIGNING, "previous_secret": PREVIOUS}),
        ("braze", {"endpoint": url}, {"partner_api_key": PARTNER_KEY, "client_secret": IMPORT_KEY}),
    ):
        parts = {"slug": f"{name}-{kind}", "kind": kind, "config": config}
        yield _call(stack, "/v1/destinations", 201, {**parts, "secrets": secrets})
        yield _call(stack, f"/v1/destinations/{name}-{kind}/test", 200)
        wrong = {"secrets": {one: [secret] for one, secret in secrets.items()}}
        yield _call(stack, f"/v1/destinations/{name}-{kind}", 422, wrong, method="PATCH")


def remove(stack: Stack, name: str) -> None:
    """Leave nothing behind that goes on trying."""
    for job in stack.api("/v1/sync-jobs", destination=name).json["sync_jobs"]:
        stack.api(f"/v1/sync-jobs/{job['id']}", method="DELETE")
    for slug in (name, f"{name}-webhook", f"{name}-braze"):
        stack.api(f"/v1/destinations/{slug}", method="DELETE")
    stack.api(f"/v1/sources/{name}", method="DELETE", with_cohorts="true")


def _call(
    stack: Stack, path: str, status: int, body: object = None, *, method: str = "POST"
) -> Answer:
    answer = stack.call(method, path, json.dumps(body or {}).encode(), _ADMIN)
    assert answer.status == status, answer.body
    return answer
