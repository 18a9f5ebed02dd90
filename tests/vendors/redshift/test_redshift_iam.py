"""Redshift's sign-in by IAM: a password from Amazon's API, for PostgreSQL in Redshift's place."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator

import pytest

from gateway import errors
from gateway.core.cohorts.failures import Failure
from gateway.sources.sql import queries, reading
from gateway.sources.sql.redshift import settings
from gateway.sources.sql.session import Target
from tests import customer as customers
from tests.customer import PASSWORD, Customer
from tests.vendors import canary
from tests.vendors.redshift import amazon as amazons
from tests.vendors.redshift.amazon import CLUSTER, KEY_ID, REGION, SECRET, WORKGROUP, Amazon

VENDOR = settings.VENDOR


@pytest.fixture(scope="module")
def customer(database_url: str) -> Iterator[Customer]:
    """Make a customer's database."""
    with customers.database(database_url, "customer_iam") as made:
        yield made


@pytest.fixture
def amazon(customer: Customer) -> Iterator[Amazon]:
    """Run Amazon's API, which gives the password of the role that may only read."""
    with amazons.running(customer.reader, PASSWORD) as made:
        yield made


def target(customer: Customer, amazon: Amazon, **parts: object) -> Target:
    config = {"region": REGION, "endpoint": amazon.endpoint, "cluster": None, "workgroup": None}
    made = customer.target("the-user-of-the-source", **config | parts)
    secrets = {"access_key_id": KEY_ID, "secret_access_key": SECRET}
    return dataclasses.replace(made, secrets=secrets)


def failure(of: Target) -> errors.ReadFailed:
    with pytest.raises(errors.ReadFailed) as failed:
        reading.open_session(VENDOR, of)
    assert SECRET not in str(failed.value)
    assert PASSWORD not in str(failed.value)
    return failed.value


@pytest.mark.parametrize("place", [{"cluster": CLUSTER}, {"workgroup": WORKGROUP}])
def test_sign_in__by_an_access_key__reads_with_a_password_of_amazon(
    customer: Customer, amazon: Amazon, place: dict[str, object]
) -> None:
    of = target(customer, amazon, **place)
    with contextlib.closing(reading.open_session(VENDOR, of)) as session:
        query = queries.require("SELECT id FROM shop.users ORDER BY id", VENDOR.dialect)
        (batch,) = session.read(query, rows_per_batch=10).batches()
    assert batch == [("u1",), ("u2",), ("u3",)]
    (asked,) = amazon.asked
    if "cluster" in place:
        assert (asked["DbUser"], asked["DbName"]) == ("the-user-of-the-source", customer.database)
        assert (asked["AutoCreate"], asked["DurationSeconds"]) == ("false", "900")
    else:
        assert (asked["dbName"], asked["durationSeconds"]) == (customer.database, 900)


def test_sign_in__takes_nothing_from_the_environment(
    customer: Customer, amazon: Amazon, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.setenv(name, "another")
    monkeypatch.setenv("AWS_PROFILE", "absent")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    of = target(customer, amazon, cluster=CLUSTER)
    reading.open_session(VENDOR, of).close()


def test_sign_in__with_what_is_wrong__fails_with_a_code(customer: Customer, amazon: Amazon) -> None:
    right = target(customer, amazon, cluster=CLUSTER)
    wrong = {"access_key_id": KEY_ID, "secret_access_key": "wrong"}
    for of in (
        dataclasses.replace(right, secrets=wrong),
        target(customer, amazon, cluster="another"),
        target(customer, amazon, workgroup="another"),
        target(customer, amazon),
        target(customer, amazon, cluster=CLUSTER, region=None),
    ):
        failed = failure(of)
        assert (failed.failure, bool(failed.hint)) == (Failure.SIGN_IN_FAILED, True), failed
    amazon.password = "no longer valid"
    assert failure(right).failure == Failure.SIGN_IN_FAILED


def test_sign_in__where_amazon_does_not_answer__is_unreachable(
    customer: Customer, amazon: Amazon
) -> None:
    nowhere = target(customer, amazon, cluster=CLUSTER, endpoint="http://127.0.0.1:9")
    assert failure(nowhere).failure == Failure.UNREACHABLE
    amazon.is_busy = True
    assert failure(target(customer, amazon, cluster=CLUSTER)).failure == Failure.UNREACHABLE


def test_secrets__in_the_logs_of_the_client__are_not_seen(
    customer: Customer, amazon: Amazon
) -> None:
    with canary.listening(SECRET, PASSWORD):
        of = target(customer, amazon, cluster=CLUSTER)
        reading.open_session(VENDOR, of).close()
        failure(target(customer, amazon, cluster="another"))
