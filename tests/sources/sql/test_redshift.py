"""Redshift's statements, on PostgreSQL, which knows all of them that are sent."""

from __future__ import annotations

import contextlib

from gateway.sources.sql import queries, reading
from gateway.sources.sql.redshift import settings
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
