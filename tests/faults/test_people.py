"""Web processes, schedulers and Postgres die while events are posted, and a rule follows them."""

from __future__ import annotations

import collections
import contextlib
import http.client
import json
import signal
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy import TextClause, text

from tests.faults import ends
from tests.faults.api import Api
from tests.faults.installation import Installation
from tests.faults.parts import signal_all
from tests.faults.points import SCHEDULER, WORDS
from tests.faults.report import Row
from tests.faults.trial import Bench
from tests.stack import API_KEY, until

BATCH = 50
PEOPLE = 20
# Of their events, after which people are members: too many would be, if any were counted twice.
ENOUGH = 20
# A takeover of the loader, the looks of the scheduler, and what waits for the workers.
LIVE_SECONDS = 120.0


class Shop:
    """Posts events to a gateway, each batch until it is answered 200, and then once more at times.

    Every event has an id, so what is posted again counts once.
    """

    def __init__(self, port: int, name: str, event: str) -> None:
        self.name = name
        self.event = event
        self.acknowledged = 0
        self.answers: list[int] = []
        self._port = port
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._sell, daemon=True)

    @contextlib.contextmanager
    def open(self) -> Iterator[None]:
        """Sell during the block; the batch that is under way is acknowledged at its end."""
        self._thread.start()
        try:
            yield
        finally:
            self._ended.set()
            self._thread.join(60)
        assert not self._thread.is_alive()

    @property
    def ids(self) -> set[str]:
        """The ids of the events that were acknowledged."""
        return {
            f"{self.name}-{number}-{n}" for number in range(self.acknowledged) for n in range(BATCH)
        }

    @property
    def bought(self) -> dict[str, int]:
        """How many events of each person were acknowledged."""
        each = collections.Counter(f"{self.name}-{n % PEOPLE}" for n in range(BATCH))
        return {person: count * self.acknowledged for person, count in each.items()}

    def _sell(self) -> None:
        while not self._ended.is_set():
            body = self._batch(self.acknowledged)
            while self._post(body) != 200:
                time.sleep(0.1)
            if self.acknowledged % 5 == 0:
                self._post(body)
            self.acknowledged += 1

    def _batch(self, number: int) -> bytes:
        events = [
            {
                "person_id": f"{self.name}-{n % PEOPLE}",
                "event": self.event,
                "event_id": f"{self.name}-{number}-{n}",
                "properties": {"batch": number},
            }
            for n in range(BATCH)
        ]
        return json.dumps({"events": events}).encode()

    def _post(self, body: bytes) -> int:
        """Post a batch; 0 if no answer came."""
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=20)
        headers = {"Authorization": f"Bearer {API_KEY}", "Content-Type": "application/json"}
        try:
            connection.request("POST", "/v1/events", body, headers)
            status = connection.getresponse().status
        except (OSError, http.client.HTTPException):
            status = 0
        finally:
            connection.close()
        self.answers.append(status)
        return status


def kill_web_process(here: Installation) -> int:
    """Kill one of gunicorn's workers, and then all of gunicorn; returns how many processes."""
    signal_all(here.web_processes()[:1], signal.SIGKILL)
    time.sleep(1)
    starts = here.web.starts
    here.web.kill()
    here.web.await_running(starts + 1)
    return 2


def kill_workers(here: Installation) -> int:
    """Kill all that apply, evaluate and load; returns how many processes."""
    others = [part for part in here.programs if part is not here.web]
    for part in others:
        starts = part.starts
        part.send(signal.SIGKILL)
        part.await_running(starts + 1)
    return len(others)


def crash_postgres(here: Installation) -> int:
    """Have Postgres end at once, as in a crash, and recover; returns that nothing was killed."""
    starts = here.postgres.starts
    here.postgres.send(signal.SIGQUIT)
    here.postgres.await_running(starts + 1)
    return 0


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("fault", "words"),
    [
        pytest.param(kill_web_process, "SIGKILL of a gunicorn process, and of all", id="web"),
        pytest.param(
            kill_workers, "SIGKILL of each other program", id="workers", marks=pytest.mark.long
        ),
        pytest.param(
            crash_postgres, "Postgres stopped immediately", id="postgres", marks=pytest.mark.long
        ),
    ],
)
def test_events__posted_while_something_dies__are_there_once_and_a_rule_has_counted_them(
    bench: Bench, api: Api, row: Row, fault: Callable[[Installation], int], words: str
) -> None:
    row.name = f"{words}, as events are posted that a live rule counts"
    market = Market(bench, api)
    with market.open():
        for _ in range(2):
            time.sleep(1)
            row.kills += fault(bench.installation)
            until(bench.installation.is_ready)
        time.sleep(1)
    market.require_counted(row)


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    "point", [pytest.param(one, marks=pytest.mark.long) for one in ("web.after-ring", *SCHEDULER)]
)
def test_events__at_whose_point_somebody_dies__are_there_once_and_a_rule_has_counted_them(
    bench: Bench, api: Api, row: Row, point: str
) -> None:
    row.name = f"SIGKILL of a {WORDS[point]}, as events are posted that a live rule counts"
    market, points = Market(bench, api), bench.installation.points
    with market.open():
        for _ in range(3):
            points.arm(point)
            until(lambda: points.fired(point) is not None, LIVE_SECONDS)
            row.kills += 1
            until(bench.installation.is_ready)
            bench.installation.scheduler.await_running()
    market.require_counted(row)


class Market:
    """Three shops, and a cohort of those who have bought enough of what these sell."""

    def __init__(self, bench: Bench, api: Api) -> None:
        self._bench, self._api = bench, api
        name = uuid.uuid4().hex[:8]
        self.event = f"bought {name}"
        port = bench.installation.port
        self.shops = [Shop(port, f"{name}-{n}", self.event) for n in range(3)]
        rule = {"did": {"event": self.event, "count": {"op": "gte", "value": ENOUGH}}}
        wanted = {"source": "people", "name": name, "definition": {"rule": rule}}
        self.cohort = str(api.insist("POST", "/v1/cohorts", wanted)["id"])
        until(lambda: not api.cohort(self.cohort)["stale"], LIVE_SECONDS)

    @contextlib.contextmanager
    def open(self) -> Iterator[None]:
        """Sell during the block, until each shop has sold enough to some of its people only."""
        with contextlib.ExitStack() as stack:
            for shop in self.shops:
                stack.enter_context(shop.open())
            yield
            until(lambda: all(shop.acknowledged >= ENOUGH // 3 + 1 for shop in self.shops))

    def require_counted(self, row: Row) -> None:
        """Judge what is stored, the members, their changes, and the whole evaluation."""
        for shop in self.shops:
            assert set(shop.answers) <= {0, 200, 429, 503}
            row.refused += sum(status in {429, 503} for status in shop.answers)
            row.unanswered += shop.answers.count(0)
        acknowledged = set().union(*(shop.ids for shop in self.shops))
        stored = _column(self._bench, _STORED, event=self.event)
        row.take(ends.ingested(acknowledged, acknowledged, stored))
        if _column(self._bench, _TALLIED, event=self.event) != [len(stored)]:
            row.differences.append("the events of the days are not counted right")
        bought = {one: count for shop in self.shops for one, count in shop.bought.items()}
        expected = {one for one, count in bought.items() if count >= ENOUGH}
        until(lambda: expected <= set(self._api.members(self.cohort)), LIVE_SECONDS)
        row.take(
            ends.history(self._api.members(self.cohort), self._api.changes(self.cohort), expected)
        )
        row.differences += self._drift()
        row.notes.append(f"{len(acknowledged):,} events acknowledged, {len(expected)} members")
        assert row.differences == []

    def _drift(self) -> Iterator[str]:
        """Have all people looked at, as happens once a day: that finds nobody."""
        self._bench.execute(
            "UPDATE rule_states SET whole_at = whole_at - interval '25 h'"
            f" WHERE cohort_id = {self.cohort}"
        )
        until(lambda: _column(self._bench, _LOOKED, id=int(self.cohort)) == [True], LIVE_SECONDS)
        (drift,) = _column(self._bench, _DRIFT, id=int(self.cohort))
        if drift:
            yield f"the whole evaluation moves {drift} people whom no look had found"


def _column(bench: Bench, statement: TextClause, **parameters: object) -> list[Any]:
    with bench.pool.read() as conn:
        return list(conn.execute(statement, parameters).scalars())


_STORED = text("SELECT event_id FROM events WHERE name = :event")

_TALLIED = text("SELECT sum(events) FROM event_days WHERE name = :event")

_LOOKED = text("""
    SELECT whole_at > now() - interval '1 h' FROM rule_states WHERE cohort_id = :id
""")

_DRIFT = text("SELECT drift FROM rule_states WHERE cohort_id = :id")
