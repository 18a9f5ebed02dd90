"""What of Snowflake needs no client: its settings, refusals by number, plans and privileges."""

from __future__ import annotations

import pytest

from gateway.core import fields
from gateway.core.cohorts.failures import Failure
from gateway.sources import kinds
from gateway.sources.sql.snowflake import catalog, failures, settings

KIND = kinds.KINDS["snowflake"]
PEM = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIIE\n-----END ENCRYPTED PRIVATE KEY-----\n"


def faults(config: dict[str, object]) -> list[str]:
    return [one.path for one in fields.faults(KIND.config, config, "config", whole=True)]


@pytest.mark.parametrize(
    "parts",
    [
        {},
        {"account": "xy12345.eu-central-1.aws", "warehouse": "SMALL", "role": "READER"},
        {"account": "my_org-shop", "database": "SHOP", "schema": None},
        {"host": "myorg-shop.privatelink.snowflakecomputing.com"},
        {"host": "127.0.0.1"},
    ],
)
def test_config__of_an_account__is_taken(parts: dict[str, object]) -> None:
    assert faults({"account": "myorg-shop", "user": "READER", **parts}) == []


@pytest.mark.parametrize(
    ("parts", "wrong"),
    [
        ({"account": "https://myorg-shop"}, "account"),
        ({"account": "myorg-shop.snowflakecomputing.com"}, "account"),
        ({"user": None}, "user"),
        ({"host": "db.example.com"}, "host"),
        ({"host": "snowflakecomputing.com.example.com"}, "host"),
        ({"host": "a.example/x.snowflakecomputing.com"}, "host"),
    ],
)
def test_config__that_cannot_be__is_refused(parts: dict[str, object], wrong: str) -> None:
    assert faults({"account": "myorg-shop", "user": "READER", **parts}) == [f"config.{wrong}"]


@pytest.mark.parametrize(("given", "taken"), [(PEM, True), ("no key", False)])
def test_key__that_is_no_pem__is_refused(given: str, *, taken: bool) -> None:
    found = list(fields.faults(KIND.secrets, {"private_key": given}, "secrets", whole=True))
    assert (found == []) == taken


def test_secrets__of_snowflake__are_a_key_pair_or_a_token_and_no_password() -> None:
    names = [one.name for one in KIND.secrets]
    assert names == ["private_key", "private_key_passphrase", "token"]
    assert KIND.carriers == {"account", "host"}


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"account": "MyOrg-Shop"}, ("myorg-shop.snowflakecomputing.com", 443)),
        ({"account": "a", "host": "b.snowflakecomputing.com"}, ("b.snowflakecomputing.com", 443)),
    ],
)
def test_place__of_a_config__is_that_of_its_account_or_host(
    config: dict[str, object], expected: tuple[str, int]
) -> None:
    assert settings.place(config) == expected


@pytest.mark.parametrize(
    ("number", "state", "expected"),
    [
        (1003, "42000", Failure.QUERY_INVALID),
        (3001, "42501", Failure.PERMISSION),
        (606, "57P03", Failure.PERMISSION),
        (8, "0A000", Failure.NOT_ONE_STATEMENT),
        (604, "57014", Failure.TIMED_OUT),
        (90000, "42501", Failure.PERMISSION),
        (390_144, None, Failure.SIGN_IN_FAILED),
        (394_400, None, Failure.SIGN_IN_FAILED),
        (390_114, None, Failure.UNREACHABLE),
        (250_001, "08001", Failure.UNREACHABLE),
        (None, None, Failure.UNREACHABLE),
        (-1, None, Failure.UNREACHABLE),
    ],
)
def test_refusal__by_its_number__is_a_failure(
    number: int | None, state: str | None, expected: Failure
) -> None:
    found = failures.of_number(number, state, "it has secret", ["secret"])
    assert (found.failure, "secret" in str(found)) == (expected, False)
    assert str(found).endswith(f"({number})") == (number is not None and number > 0)


def test_powers__of_a_role__are_its_privileges_or_that_it_is_one_of_the_system() -> None:
    assert catalog.powers("ACCOUNTADMIN", [("INSERT", "A.B")]) == ["it is ACCOUNTADMIN"]
    assert catalog.powers("READER", [("INSERT", "A.B")]) == ["it has INSERT on A.B"]
    assert catalog.powers(None, []) == []


@pytest.mark.parametrize(
    ("plan", "expected"),
    [
        ('{"GlobalStats": {"bytesAssigned": 1024}}', 1024),
        ('{"GlobalStats": {"bytesAssigned": null}}', None),
        ("{}", None),
        ("[]", None),
        ("no plan", None),
    ],
)
def test_plan__of_a_query__tells_bytes_if_it_can(plan: str, expected: int | None) -> None:
    assert catalog.planned_bytes(plan) == expected


def test_columns__of_json__are_decoded() -> None:
    assert catalog.is_json("VARIANT")
    assert not catalog.is_json("TEXT")
    assert [catalog.decoded(one) for one in ('{"a": 1}', "no JSON", None)] == [
        {"a": 1},
        "no JSON",
        None,
    ]


def test_kind__without_its_client__says_what_to_install() -> None:
    assert KIND.reason is None or "requirements-snowflake.txt" in KIND.reason
