"""BigQuery through its client where something fails: sign-in, connections, cancels, and more."""

from __future__ import annotations

import json
import threading
import time

import pytest

from gateway import database_errors
from gateway.core.cohorts.failures import Failure
from gateway.sources.sql import definition, queries, reading
from tests.vendors import canary
from tests.vendors.bigquery import state
from tests.vendors.bigquery.asking import failure, opened, rows
from tests.vendors.bigquery.state import LOCATION, VENDOR, Api, Scripted


def test_sign_in__with_what_is_wrong__fails_with_a_code(api: Api) -> None:
    api.key = state.key(2)
    other = api.account()
    api.key = state.key(1)
    for target in (
        api.target(account=other),
        api.target(account="{}"),
        api.target(account="no JSON"),
        api.target(project="nowhere"),
    ):
        failed = failure(lambda target=target: reading.open_session(VENDOR, target))  # type: ignore[misc]
        assert failed.failure == Failure.SIGN_IN_FAILED, failed
    api.queries["SELECT 1 AS one"] = Scripted(
        refused=(403, "accessDenied", "User does not have bigquery.jobs.create permission")
    )
    failed = failure(lambda: reading.open_session(VENDOR, api.target()))
    assert failed.failure == Failure.PERMISSION


def test_connection__that_cannot_be__says_why(api: Api) -> None:
    driver, addresses = VENDOR.load(), ["127.0.0.1"]
    driver.greet(api.target(), addresses)
    closed = api.target(endpoint="http://127.0.0.1:9")
    secure = api.target(endpoint=f"https://127.0.0.1:{api.port}")
    nowhere = api.target(account=api.account(token_uri="http://127.0.0.1:9/token"))
    for attempt in (
        lambda: driver.greet(closed, addresses),
        lambda: driver.greet(secure, addresses),
        lambda: driver.connect(nowhere, addresses),
    ):
        assert failure(attempt).failure == Failure.UNREACHABLE
    host = api.target(endpoint="https://bigquery.invalid")
    assert failure(lambda: reading.open_session(VENDOR, host)).failure == Failure.UNREACHABLE


def test_read__not_wanted_any_more__is_canceled_on_the_server(api: Api) -> None:
    api.queries["SELECT id FROM slow"] = Scripted(runs=True)
    given = {"query": "SELECT id FROM slow", "member_id": "id"}
    defined = definition.read(given, VENDOR.dialect)
    start = time.monotonic()
    with opened(api.target()) as session:
        read = reading.read(
            session, defined, limit_seconds=60, most_rows=10, is_wanted=lambda: False
        )
        with pytest.raises(database_errors.ReadCanceled):
            list(read)
    assert time.monotonic() - start < 10
    assert [job.canceled.is_set() for job in api.jobs.values() if job.scripted.runs][-1]


def test_read__longer_than_it_may_take__is_timed_out(api: Api) -> None:
    api.queries["SELECT id FROM slow"] = Scripted(runs=True)
    query = queries.require("SELECT id FROM slow", VENDOR.dialect)
    with opened(api.target()) as session:
        failed = failure(lambda: reading.preview(session, query, member_id=None, limit_seconds=0.5))
    assert failed.failure == Failure.TIMED_OUT


def test_read__of_a_server_that_does_not_answer__is_cut(api: Api) -> None:
    query = queries.require("SELECT 1 AS one", VENDOR.dialect)
    with opened(api.target()) as session:
        api.is_frozen.set()
        start = time.monotonic()
        failed = failure(lambda: reading.preview(session, query, member_id=None, limit_seconds=0.5))
        api.is_frozen.clear()
    assert failed.failure == Failure.TIMED_OUT
    assert time.monotonic() - start < 20


def test_read__of_a_server_that_dies_in_the_middle__is_unreachable(api: Api) -> None:
    api.queries["SELECT id FROM users"] = Scripted(count=100, dies_after=2)
    query = queries.require("SELECT id FROM users", VENDOR.dialect)
    with opened(api.target()) as session:
        batches = session.read(query, rows_per_batch=10).batches()
        assert len(next(batches)) == 10
        failed = failure(lambda: list(batches))
    assert failed.failure == Failure.UNREACHABLE


def test_read__of_a_connection_that_broke_once__goes_on(api: Api) -> None:
    api.queries["SELECT id FROM users"] = Scripted(count=100, dies_after=2)
    query = queries.require("SELECT id FROM users", VENDOR.dialect)

    def revive() -> None:
        while not api.is_dead:
            time.sleep(0.01)
        api.queries["SELECT id FROM users"] = Scripted(count=100)
        for job in api.jobs.values():
            job.scripted = Scripted(count=100)
        api.is_dead = False

    with opened(api.target()) as session:
        batches = session.read(query, rows_per_batch=10).batches()
        reviving = threading.Thread(target=revive)
        reviving.start()
        assert sum(len(batch) for batch in batches) == 100
        reviving.join()


def test_location__of_a_job__is_that_of_the_source(api: Api) -> None:
    with opened(api.target(location=LOCATION)) as session:
        assert rows(session, "SELECT 1 AS one") == [(1,)]


def test_secrets__in_the_logs_of_the_client__are_not_seen(api: Api) -> None:
    target = api.target()
    key = json.loads(target.secrets["service_account"])["private_key"].split("\n")[1]
    with canary.listening(key, state.TOKEN):
        with opened(target) as session:
            assert rows(session, "SELECT 1 AS one") == [(1,)]
        api.key = state.key(2)
        failure(lambda: reading.open_session(VENDOR, target))
