"""Tokens of Google: how long one is used, and what a service account signs."""

from __future__ import annotations

import base64
import datetime
import json
from urllib.parse import parse_qs

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from gateway import outbound
from gateway.destinations.answers import Later, Stop, StopCode
from gateway.destinations.google.tokens import SCOPE, Tokens
from tests.destinations import servers
from tests.destinations.servers import NOW, Said, Scripted

REFRESH = {"client_id": "me", "client_secret": "hush-hush", "refresh_token": "refresh-1"}
GIVEN = Said(body={"access_token": "t", "expires_in": 3600})


def key_of(private: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> str:
    pem = private.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    about = {"private_key": pem.decode(), "private_key_id": "k1", "client_email": "robot@x.example"}
    return json.dumps(about)


def decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def test_token__of_a_person__is_used_until_shortly_before_its_end() -> None:
    vendor, times = Scripted(GIVEN), [NOW]
    with servers.serving(vendor) as base, outbound.Client(allow=servers.HERE) as client:
        tokens = Tokens(REFRESH, url=f"{base}/token", client=client, now=lambda: times[-1])
        for minutes in (0, 58, 59.5):
            times.append(NOW + datetime.timedelta(minutes=minutes))
            assert tokens.get() == "t"
        tokens.forget("another")
        assert tokens.get() == "t"
        tokens.forget("t")
        assert tokens.get() == "t"
    assert len(vendor.asked) == 3
    form = parse_qs(vendor.asked[0].body.decode())
    assert form == {name: [value] for name, value in REFRESH.items()} | {
        "grant_type": ["refresh_token"]
    }


def test_token__of_a_service_account__is_asked_for_with_its_signature() -> None:
    private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    vendor = Scripted(GIVEN)
    with servers.serving(vendor) as base, outbound.Client(allow=servers.HERE) as client:
        secrets = {"service_account": key_of(private)}
        assert Tokens(secrets, url=base, client=client, now=lambda: NOW).get() == "t"
    (assertion,) = parse_qs(vendor.asked[0].body.decode())["assertion"]
    head, claims, signature = assertion.split(".")
    private.public_key().verify(
        decoded(signature), f"{head}.{claims}".encode(), padding.PKCS1v15(), hashes.SHA256()
    )
    assert json.loads(decoded(head)) == {"alg": "RS256", "typ": "JWT", "kid": "k1"}
    told = json.loads(decoded(claims))
    assert (told["iss"], told["scope"]) == ("robot@x.example", SCOPE)
    assert told["exp"] - told["iat"] == 3600


@pytest.mark.parametrize(
    "account",
    [
        "no JSON",
        "{}",
        "[]",
        '{"private_key": "x", "client_email": "y"}',
        key_of(ec.generate_private_key(ec.SECP256R1())),
    ],
)
def test_service_account__that_is_none__stops_without_telling_it(account: str) -> None:
    vendor = Scripted(GIVEN)
    with servers.serving(vendor) as base, outbound.Client(allow=servers.HERE) as client:
        answer = Tokens(
            {"service_account": account}, url=base, client=client, now=lambda: NOW
        ).get()
    assert isinstance(answer, Stop)
    assert answer.code is StopCode.CREDENTIALS
    assert account not in answer.message
    assert vendor.asked == []


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (Said(status=400, body={"error": "invalid_grant"}), Stop),
        (Said(status=429, headers={"Retry-After": "4"}), Later),
        (Said(status=503), Later),
        (Said(body={"other": 1}), Later),
        (Said(body=b"no JSON"), Later),
    ],
)
def test_token__that_is_not_given__stops_or_waits(said: Said, expected: type) -> None:
    with servers.serving(Scripted(said)) as base, outbound.Client(allow=servers.HERE) as client:
        answer = Tokens(REFRESH, url=base, client=client, now=lambda: NOW).get()
    assert type(answer) is expected
    if isinstance(answer, Later) and said.status == 429:
        assert answer.after_seconds == 4.0
