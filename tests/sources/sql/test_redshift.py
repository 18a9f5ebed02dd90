"""Redshift's statements, on PostgreSQL, which knows all of them that are sent."""

from __future__ import annotations

import contextlib
import dataclasses
import sys
import types

import pytest

from gateway import errors
from gateway.core import fields
from gateway.core.cohorts.failures import Failure
from gateway.sources.sql import queries, reading
from gateway.sources.sql.redshift import settings
from gateway.sources.sql.session import Target
from tests.customer import Customer

VENDOR = settings.VENDOR


def test_session__of_redshift__reads_with_statements_of_its_own(customer: Customer) -> None:
    target = customer.target()
    VENDOR.load().greet(target, [customer.host])
    with contextlib.closing(reading.open_session(VENDOR, target)) as session:
        query = queries.require("SELECT id, visits FROM shop.users ORDER BY id", VENDOR.dialect)
        found = reading.preview(session, query, member_id="ID", limit_seconds=20)
        assert found.rows == [["u1", 3], ["u2", 0], ["u3", None]]
        assert found.estimate.rows is not None
        assert [one.name for one in session.tables("shop.", most=9)] == ["pros", "users"]
        assert list(session.powers()) == []


def test_role__of_redshift_that_may_more_than_read__is_told_how(customer: Customer) -> None:
    for user, expected in (
        (customer.owner, ["it is a superuser"]),
        (
            customer.writer,
            [
                "it may create databases",
                "it owns shop.mine",
                "it may write shop.hidden",
                "it may create tables in shop",
            ],
        ),
    ):
        opened = reading.open_session(VENDOR, customer.target(user))
        with contextlib.closing(opened) as session:
            assert list(session.powers()) == expected


def test_estimate__of_a_plan_without_rows__is_none() -> None:
    flavor = VENDOR.load().FLAVOR  # type: ignore[attr-defined] # of this driver alone
    assert flavor.planned_rows([]) is None
    assert flavor.planned_rows([("XN Seq Scan",)]) is None


def by_access_key(customer: Customer) -> Target:
    secrets = {"access_key_id": "AKIDEXAMPLE", "secret_access_key": "a secret"}
    return dataclasses.replace(customer.target(), secrets=secrets)


def test_sign_in__by_an_access_key__is_with_the_password_that_it_is_given(
    customer: Customer, monkeypatch: pytest.MonkeyPatch
) -> None:
    stub = types.ModuleType("iam")
    stub.signed_in = lambda given: dataclasses.replace(  # type: ignore[attr-defined] # a stub
        given, secrets=customer.target().secrets
    )
    monkeypatch.setitem(sys.modules, "gateway.sources.sql.redshift.iam", stub)
    with contextlib.closing(reading.open_session(VENDOR, by_access_key(customer))) as session:
        assert list(session.powers()) == []


def test_sign_in__by_an_access_key_without_its_client__says_what_to_install(
    customer: Customer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "gateway.sources.sql.redshift.iam", raising=False)
    monkeypatch.setitem(sys.modules, "botocore.session", None)
    monkeypatch.setitem(sys.modules, "botocore", None)
    with pytest.raises(errors.ReadFailed, match=r"requirements-redshift\.txt") as failed:
        reading.open_session(VENDOR, by_access_key(customer))
    assert failed.value.failure == Failure.DRIVER_MISSING


@pytest.mark.parametrize(
    ("region", "taken"), [("eu-central-1", True), ("us-gov-west-1", True), ("a.example/", False)]
)
def test_region__that_is_none__is_refused(region: str, *, taken: bool) -> None:
    found = list(fields.faults(VENDOR.config, {"region": region}, "config", whole=False))
    assert (found == []) == taken
