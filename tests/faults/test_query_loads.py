"""Loaders die, and either database is restarted, while a query is read into a cohort."""

from __future__ import annotations

import http.client
import itertools
import json
import signal
import time
import urllib.parse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from gateway.local import embedded
from gateway.local.embedded import children
from tests.faults.parts import Part
from tests.faults.points import LOADER, WORDS
from tests.faults.report import Row
from tests.faults.trial import Bench
from tests.stack import API_KEY, until

ROWS = 30_000
# Of rows that come in about four seconds, 10,000 of which are staged at once.
SLOW = """
    CREATE VIEW users AS SELECT 'u' || n AS id FROM generate_series(1, 30000) n;
    CREATE VIEW slow_users AS SELECT 'u' || n AS id FROM generate_series(1, 30000) n
    WHERE n % 1000 <> 0 OR pg_sleep(0.15) IS NOT NULL;
"""
PATIENCE_SECONDS = 90.0
QUICK = ("loader.mid-read", "loader.before-commit", "loader.after-commit")
_NUMBERS = itertools.count(1)


class Shop:
    """A database of a customer, and the source and cohorts that read it."""

    def __init__(self, bench: Bench, folder: Path) -> None:
        self.bench = bench
        self.slug = f"shop{next(_NUMBERS)}"
        self._url: str | None = None
        self._folder = folder
        self.server = Part("customer", self._start)

    def open(self) -> None:
        self.server.start()
        url = urllib.parse.urlsplit(self._url or "")
        line = psycopg2.connect(url._replace(scheme="postgresql").geturl())
        with line, line.cursor() as cursor:
            cursor.execute(SLOW)
        line.close()
        config = {"host": "127.0.0.1", "port": url.port, "database": url.path[1:]}
        body = {
            "slug": self.slug,
            "kind": "postgresql",
            "config": {**config, "user": url.username, "sslmode": "disable"},
            "secrets": {"password": url.password},
        }
        self.call("POST", "/v1/sources", body)

    def close(self) -> None:
        self.call("DELETE", f"/v1/sources/{self.slug}?with_cohorts=true")
        self.server.stop((signal.SIGINT, 10.0), (signal.SIGQUIT, 5.0))

    def cohort(self, view: str = "users", **parts: object) -> str:
        """Make a cohort, which is read at once."""
        definition = {"query": f"SELECT id FROM {view}", "member_id": "id"}
        body = {"source": self.slug, "name": view, "definition": definition, **parts}
        return str(self.call("POST", "/v1/cohorts", body)["id"])

    def call(self, method: str, path: str, body: object = None) -> Any:  # noqa: ANN401 - JSON
        line = http.client.HTTPConnection("127.0.0.1", self.bench.installation.port, timeout=30)
        raw = None if body is None else json.dumps(body)
        line.request(method, path, raw, {"Authorization": f"Bearer {API_KEY}"})
        answer = line.getresponse()
        read = answer.read()
        line.close()
        assert answer.status < 300, (answer.status, read)
        return json.loads(read) if read else None

    def loads(self, cohort: str) -> Any:  # noqa: ANN401 - JSON
        return self.call("GET", f"/v1/cohorts/{cohort}/loads")["loads"]

    def await_state(self, cohort: str, state: str, *, number: int = 1) -> Any:  # noqa: ANN401 - JSON
        """Wait for the state of the newest of so many loads."""

        def is_so() -> bool:
            found = self.loads(cohort)
            return len(found) == number and found[0]["state"] == state

        until(is_so, PATIENCE_SECONDS)
        return self.loads(cohort)[0]

    def await_reading(self, cohort: str) -> None:
        """Wait until some of the rows were read."""
        until(lambda: self.loads(cohort)[0]["rows"]["read"] > 0, PATIENCE_SECONDS)

    def require_applied_once(self, cohort: str, *, number: int = 1) -> None:
        done = self.await_state(cohort, "applied", number=number)
        assert (done["entered"], done["exited"], done["rows"]["read"]) == (ROWS, 0, ROWS)
        found = self.call("GET", f"/v1/cohorts/{cohort}")
        assert (found["member_count"], done["last_seq"]) == (ROWS, ROWS)

    def _start(self) -> children.Process:
        port = urllib.parse.urlsplit(self._url).port if self._url else None
        server = embedded.start_postgres(self._folder, port=port)
        self._url = server.url
        return server.process


@pytest.fixture(scope="module")
def shop(bench: Bench, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """Lend a customer's database of its own server."""
    folder = tmp_path_factory.mktemp("customer")
    folder.chmod(0o700)
    made = Shop(bench, folder)
    bench.installation.heal()
    made.open()
    yield made
    bench.installation.heal()
    made.close()


@pytest.mark.timeout(180)
@pytest.mark.parametrize(
    "point", [one if one in QUICK else pytest.param(one, marks=pytest.mark.long) for one in LOADER]
)
def test_loader__killed_at_a_step_of_reading_a_query__is_taken_over(
    bench: Bench, shop: Shop, row: Row, point: str
) -> None:
    row.name, row.kills = f"SIGKILL of a {WORDS[point]} (a query)", 1
    points, loader = bench.installation.points, bench.installation.loader
    starts = loader.starts
    points.arm(point)
    cohort = shop.cohort()
    until(lambda: points.fired(point) is not None, PATIENCE_SECONDS)
    loader.await_running(starts + 1)
    # Its lease would run out after 30 s; that it does is seen with a file.
    bench.execute("UPDATE leases SET leased_until = statement_timestamp() WHERE kind = 'load'")
    began = time.monotonic()
    shop.require_applied_once(cohort)
    row.takeover_seconds = time.monotonic() - began


@pytest.mark.timeout(180)
def test_customers_database__restarted_in_mid_read__fails_the_load_that_is_tried_again(
    bench: Bench, shop: Shop, row: Row
) -> None:
    row.name = "restart of a customer's database in the middle of a query"
    cohort = shop.cohort("slow_users", schedule={"every": "1h"})
    shop.await_reading(cohort)
    starts = shop.server.starts
    shop.server.send(signal.SIGQUIT)
    failed = shop.await_state(cohort, "failed")
    assert failed["error"]["code"] == "unreachable"
    assert shop.call("GET", f"/v1/cohorts/{cohort}")["member_count"] == 0
    shop.server.await_running(starts + 1)
    # It would be tried again after a minute.
    bench.execute(f"UPDATE cohorts SET due_at = statement_timestamp() WHERE id = {cohort}")
    shop.require_applied_once(cohort, number=2)
    row.notes.append("failed as `unreachable`, changed nobody, and was tried again")


@pytest.mark.timeout(180)
def test_schedule__across_an_outage_of_hours__is_made_up_for_once(
    bench: Bench, shop: Shop, row: Row
) -> None:
    row.name, row.kills = "six hours without a scheduler (a query every hour)", 1
    cohort = shop.cohort(schedule={"every": "1h"})
    shop.require_applied_once(cohort)
    scheduler = bench.installation.scheduler
    scheduler.hold()
    scheduler.kill()
    scheduler.await_dead()
    past = "statement_timestamp() - interval '6 hours'"
    bench.execute(f"UPDATE cohorts SET due_at = {past}, planned_at = {past} WHERE id = {cohort}")
    scheduler.release()
    began = time.monotonic()
    made_up = shop.await_state(cohort, "applied", number=2)
    row.notes.append(f"made up for after {time.monotonic() - began:.0f} s")
    assert (made_up["trigger"], made_up["entered"], made_up["exited"]) == ("schedule", 0, 0)
    time.sleep(6)  # the scheduler looks twice
    assert len(shop.loads(cohort)) == 2
    assert shop.call("GET", f"/v1/cohorts/{cohort}")["next_load_at"] > made_up["queued_at"]


@pytest.mark.long
@pytest.mark.timeout(240)
def test_postgres__restarted_while_a_query_is_read__has_it_read_again(
    bench: Bench, shop: Shop, row: Row
) -> None:
    row.name = "restart of Postgres in the middle of a query"
    cohort = shop.cohort("slow_users")
    shop.await_reading(cohort)
    starts = bench.installation.postgres.starts
    bench.installation.postgres.send(signal.SIGQUIT)
    bench.installation.postgres.await_running(starts + 1)
    until(bench.installation.is_ready)
    shop.require_applied_once(cohort)
