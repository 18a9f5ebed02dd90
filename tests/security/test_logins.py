"""Checking a login costs the same whether or not the name is known, also while two are valid."""

from __future__ import annotations

import datetime
from typing import Final

import pytest

from gateway import errors
from gateway.core.access.secrets import Verifier
from gateway.flows.cohorts.backlog_limit import Limits
from gateway.flows.cohorts.submit import Submitter
from gateway.flows.sources import admin
from gateway.flows.sources.refusals import Recorder
from gateway.flows.sources.webhook import Intake, Posted
from gateway.flows.sources.webhook_login import Login
from gateway.jobs import WakeUps
from gateway.sources.mixpanel import body
from gateway.store.db.engine import Pool
from gateway.store.sources import credentials
from gateway.store.sources import sources as rows
from tests.core.counting import counting_scrypt
from tests.http.webhook import raw
from tests.http.world import NO_REDIS

NOW: Final = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
DAY: Final = datetime.timedelta(days=1)
HOUR: Final = datetime.timedelta(hours=1)


class Desk:
    """A source `shop` and what lets pages into it."""

    def __init__(self, pool: Pool) -> None:
        self.pool = pool
        limits = Limits(pool, max_pending_pages=1000, rate_per_second=None)
        self.intake = Intake(
            pool=pool,
            verifier=Verifier(),
            submitter=Submitter(pool=pool, limits=limits, wake_ups=WakeUps(NO_REDIS)),
            max_members=10,
            refusals=Recorder(pool, interval_seconds=0),
        )
        login = admin.Login(username="mixpanel", password="first")
        wanted = admin.Wanted(slug="shop", login=login)
        admin.add(pool, wanted, now=NOW)

    def rotate(self, password: str, username: str | None = None) -> None:
        """Give it a new login; the old one is good for a day more."""
        admin.rotate(self.pool, "shop", password=password, username=username, overlap=DAY, now=NOW)

    def opens(self, username: str, password: str, *, at: datetime.datetime = NOW) -> bool:
        """Tell whether a login is let in."""
        login = Login(username=username, password=password.encode())
        posted = Posted(slug="shop", login=login, body=body.Body(raw("c", "a")), request_id="r")
        try:
            self.intake.accept(posted, now=at)
        except errors.Unauthenticated:
            return False
        return True

    def cost(self, username: str, password: str) -> int:
        """Count the hashes that a wrong login takes."""
        with counting_scrypt() as calls:
            assert not self.opens(username, password)
        return len(calls)


@pytest.fixture
def desk(pool: Pool) -> Desk:
    """Lend one with one login."""
    return Desk(pool)


def test_wrong_login__of_any_name__takes_one_hash(desk: Desk) -> None:
    for username in ("mixpanel", "stranger", "", "mixpanel ", "x" * 5000):
        assert desk.cost(username, "wrong") == 1


def test_wrong_login__while_two_are_valid__takes_two_hashes_for_any_name(desk: Desk) -> None:
    desk.rotate("second")
    for username in ("mixpanel", "stranger"):
        assert desk.cost(username, "wrong") == 2


def test_wrong_login__while_two_names_are_valid__takes_two_hashes_for_any(desk: Desk) -> None:
    desk.rotate("second", username="mixpanel-2")
    for username in ("mixpanel", "mixpanel-2", "stranger"):
        assert desk.cost(username, "wrong") == 2
    assert not desk.opens("mixpanel-2", "first")
    assert not desk.opens("mixpanel", "second")


def test_wrong_login__after_the_last_one_ended__takes_one_hash_too(desk: Desk) -> None:
    with desk.pool.begin() as conn:
        source = rows.lock(conn, "shop")
        assert source is not None
        credentials.drop_all(conn, source.id)
    assert desk.cost("mixpanel", "first") == 1


def test_both_logins__while_one_replaces_the_other__open_until_its_end(desk: Desk) -> None:
    desk.rotate("second")
    for password in ("first", "second", "first"):
        assert desk.opens("mixpanel", password)
        assert desk.opens("mixpanel", password, at=NOW + DAY - HOUR)
    assert not desk.opens("mixpanel", "first", at=NOW + DAY + HOUR)
    assert desk.opens("mixpanel", "second", at=NOW + DAY + HOUR)
