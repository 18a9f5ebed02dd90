"""What of BigQuery needs no client: its settings, refusals by reason, and names of types."""

from __future__ import annotations

import dataclasses
import json
import socket
from pathlib import Path

import jsonschema_rs
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from gateway import errors
from gateway.core import fields
from gateway.core.cohorts.failures import Failure
from gateway.sources import kinds
from gateway.sources.sql import https
from gateway.sources.sql.bigquery import failures, settings, values
from tests.sources.sql import serving

KIND = kinds.KINDS["bigquery"]


def key(made: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> str:
    return made.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()


RSA = key(rsa.generate_private_key(public_exponent=65537, key_size=2048))
ACCOUNT = {
    "type": "service_account",
    "client_email": "reader@shop.iam.gserviceaccount.com",
    "private_key": RSA,
    "token_uri": "https://oauth2.googleapis.com/token",
}


def faults(config: dict[str, object]) -> list[str]:
    return [one.path for one in fields.faults(KIND.config, config, "config", whole=True)]


@pytest.mark.parametrize(
    "config",
    [
        {"project": "shop-1"},
        {"project": "example.com:shop", "location": "EU", "default_dataset": "a.b"},
        {"project": "shop-1", "maximum_bytes_billed": 164_000_000, "location": None},
        {"project": "shop-1", "endpoint": "https://bigquery.europe-west3.rep.googleapis.com"},
        {"project": "shop-1", "endpoint": "http://127.0.0.1:9050"},
    ],
)
def test_config__of_a_project__is_taken(config: dict[str, object]) -> None:
    assert faults(config) == []


@pytest.mark.parametrize(
    ("config", "wrong"),
    [
        ({}, "project"),
        ({"project": "Shop One"}, "project"),
        ({"project": "shop", "location": "E U"}, "location"),
        ({"project": "shop", "default_dataset": "a.b.c"}, "default_dataset"),
        ({"project": "shop", "maximum_bytes_billed": 0}, "maximum_bytes_billed"),
        ({"project": "shop", "endpoint": "https://a.example/path"}, "endpoint"),
        ({"project": "shop", "endpoint": "https://a.example:70000"}, "endpoint"),
        ({"project": "shop", "endpoint": "http://a.example"}, "endpoint"),
        ({"project": "shop", "endpoint": 1}, "endpoint"),
    ],
)
def test_config__that_cannot_be__is_refused(config: dict[str, object], wrong: str) -> None:
    assert faults(config) == [f"config.{wrong}"]


def test_schema__of_the_config__tells_the_forms_of_texts() -> None:
    schema = jsonschema_rs.validator_for(fields.json_schema(KIND.config))
    taken = {"project": "shop-1", "location": "EU", "default_dataset": "a.b", "endpoint": None}
    assert schema.is_valid(taken)
    for name, wrong in (("project", "Shop One"), ("location", "E U"), ("default_dataset", "a.b.c")):
        assert not schema.is_valid(taken | {name: wrong})


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        ({}, None),
        ({"type": "authorized_user"}, "JSON key"),
        ({"private_key": "none"}, "JSON key"),
        ({"private_key": key(ec.generate_private_key(ec.SECP256R1()))}, "JSON key"),
        ({"client_email": None}, "JSON key"),
        ({"token_uri": "https://example.com/token"}, "token_uri must be https://oauth2.google"),
    ],
)
def test_account__by_its_key__is_checked(parts: dict[str, object], said: str | None) -> None:
    given: dict[str, object] = {"service_account": json.dumps(ACCOUNT | parts)}
    found = list(fields.faults(KIND.secrets, given, "secrets", whole=True))
    assert [said in str(one) for one in found if said] == ([True] if said else [])
    assert "PRIVATE KEY" not in str(found)


def test_account__that_is_no_json__is_refused() -> None:
    found = list(fields.faults(KIND.secrets, {"service_account": "[]"}, "secrets", whole=True))
    assert [one.path for one in found] == ["secrets.service_account"]


@pytest.mark.parametrize(
    ("endpoint", "expected"),
    [
        (None, ("bigquery.googleapis.com", 443)),
        ("https://a.example", ("a.example", 443)),
        ("http://127.0.0.1:9050", ("127.0.0.1", 9050)),
    ],
)
def test_place__of_a_config__is_that_of_its_endpoint(
    endpoint: str | None, expected: tuple[str, int]
) -> None:
    assert settings.place({"endpoint": endpoint}) == expected


@pytest.mark.parametrize(
    ("reason", "status", "expected"),
    [
        ("invalidQuery", 400, Failure.QUERY_INVALID),
        ("notFound", 404, Failure.QUERY_INVALID),
        ("accessDenied", 403, Failure.PERMISSION),
        ("rateLimitExceeded", 403, Failure.UNREACHABLE),
        ("stopped", 200, Failure.TIMED_OUT),
        ("bytesBilledLimitExceeded", 400, Failure.TOO_MANY_BYTES),
        ("", 401, Failure.SIGN_IN_FAILED),
        ("", 403, Failure.PERMISSION),
        ("", 503, Failure.UNREACHABLE),
    ],
)
def test_refusal__by_its_reason__is_a_failure(reason: str, status: int, expected: Failure) -> None:
    found = failures.of_reason(reason, status, "it has secret", ["secret"])
    assert (found.failure, "secret" in str(found)) == (expected, False)


def test_bytes__beyond_the_cap__are_told_by_both_numbers() -> None:
    found = failures.too_many_bytes(163_600_000, 163_000_000)
    assert "163,600,000" in str(found)
    assert "163,000,000" in str(found)


@dataclasses.dataclass
class Interval:
    """What the client has for an interval."""

    years: int = 0
    months: int = 0
    days: int = 0
    hours: int = 0
    minutes: int = 0
    seconds: int = 0
    microseconds: int = 0


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (None, None),
        (Interval(), "PT0S"),
        (Interval(years=1, days=-2), "P1Y-2D"),
        (Interval(months=3, hours=4, seconds=5, microseconds=500_000), "P3MT4H5.5S"),
        ([Interval(minutes=1), None], ["PT1M", None]),
    ],
)
def test_interval__of_the_client__is_written_by_iso_8601(given: object, expected: object) -> None:
    assert values.interval(given) == expected


def test_types__of_columns__are_called_as_in_sql() -> None:
    assert values.type_name("INTEGER", "NULLABLE") == "INT64"
    assert values.type_name("RECORD", "REPEATED") == "ARRAY<STRUCT>"


def test_greeting__of_a_server_without_tls__is_heard_if_none_is_asked_for() -> None:
    with serving.once(lambda line: line.recv(1)) as port:
        https.greet("127.0.0.1", port, ["127.0.0.1"], is_plain=True)


def test_greeting__with_a_certificate_of_nobody_known__is_not_trusted(tmp_path: Path) -> None:
    with serving.once(lambda line: serving.secured(line, serving.self_signed(tmp_path))) as port:
        found = failure(port)
    assert "the certificate of 127.0.0.1 is not valid: self-signed" in str(found)


def test_greeting__with_a_certificate_that_has_expired__says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = serving.self_signed(tmp_path, days=-1)
    monkeypatch.setenv("SSL_CERT_FILE", str(path))
    with serving.once(lambda line: serving.secured(line, path)) as port:
        serving.require_expired(failure(port))


def test_greeting__that_is_none__says_why() -> None:
    with serving.once(lambda line: line.sendall(b"no TLS at all" * 9)) as port:
        assert "broke off" in str(failure(port))
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        assert "cannot be reached" in str(failure(bound.getsockname()[1]))


def failure(port: int) -> errors.ReadFailed:
    with pytest.raises(errors.ReadFailed) as failed:
        https.greet("127.0.0.1", port, ["127.0.0.1"], is_plain=False)
    assert failed.value.failure == Failure.UNREACHABLE
    return failed.value


def test_kind__without_its_client__says_what_to_install() -> None:
    assert KIND.reason is None or "requirements-bigquery.txt" in KIND.reason
