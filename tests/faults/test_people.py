"""Web processes, workers and Postgres die while events are posted, and a rule follows them."""

from __future__ import annotations

import contextlib
import http.client
import json
import signal
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy import text

from gateway.core import moments
from gateway.flows.sources import cohorts
from tests.faults.installation import Installation
from tests.faults.parts import signal_all
from tests.faults.trial import Bench
from tests.stack import API_KEY, until

BATCH = 50
RULE = {"rule": {"did": {"event": "bought"}}}
# A takeover of the loader, the looks of the scheduler, and what waits for the workers.
LIVE_SECONDS = 120.0


class Shop:
    """Posts events to a gateway, each batch until it is answered 200, and then once more at times.

    Every event has an id, so what is posted again counts once.
    """

    def __init__(self, port: int, name: str) -> None:
        self.name = name
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
                "person_id": f"{self.name}-{n % 20}",
                "event": "bought",
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


def kill_web_process(here: Installation) -> None:
    """Kill one of gunicorn's workers, and then all of gunicorn."""
    signal_all(here.web_processes()[:1], signal.SIGKILL)
    time.sleep(1)
    starts = here.web.starts
    here.web.kill()
    here.web.await_running(starts + 1)


def kill_workers(here: Installation) -> None:
    """Kill all that apply, evaluate and load."""
    for part in here.programs:
        if part is not here.web:
            starts = part.starts
            part.send(signal.SIGKILL)
            part.await_running(starts + 1)


def crash_postgres(here: Installation) -> None:
    """Have Postgres end at once, as in a crash, and recover."""
    starts = here.postgres.starts
    here.postgres.send(signal.SIGQUIT)
    here.postgres.await_running(starts + 1)


@pytest.mark.long
@pytest.mark.timeout(300)
@pytest.mark.parametrize("fault", [kill_web_process, kill_workers, crash_postgres])
def test_events__posted_while_something_dies__are_there_once_and_a_rule_has_seen_them(
    bench: Bench, fault: Callable[[Installation], None]
) -> None:
    here = bench.installation
    until(here.is_ready)
    cohort = live_cohort(bench, fault.__name__)
    shops = [Shop(here.port, f"{fault.__name__}-{n}") for n in range(3)]
    with contextlib.ExitStack() as stack:
        for shop in shops:
            stack.enter_context(shop.open())
        for _ in range(2):
            time.sleep(2)
            fault(here)
            until(here.is_ready)
        time.sleep(1)
    for shop in shops:
        assert shop.acknowledged > 0
        assert set(shop.answers) <= {0, 200, 429, 503}
        assert stored(bench, shop.name) == (shop.acknowledged * BATCH,) * 2
    expected = {f"{shop.name}-{n}" for shop in shops for n in range(20)}
    until(lambda: expected <= members(bench, cohort), LIVE_SECONDS)


def live_cohort(bench: Bench, name: str) -> int:
    """Make a cohort that follows the events."""
    wanted = cohorts.Wanted(source="people", name=name, external_id=name, definition=RULE)
    return cohorts.create(bench.pool, wanted, max_cohorts=1000, now=moments.now()).id


def stored(bench: Bench, name: str) -> tuple[int, ...]:
    """Count the stored events of a shop, and their ids."""
    return tuple(_row(bench, _STORED, like=f"{name}-%"))


def members(bench: Bench, cohort: int) -> set[str]:
    with bench.pool.read() as conn:
        return set(conn.execute(_MEMBERS, {"id": cohort}).scalars())


def _row(bench: Bench, statement: Any, **parameters: object) -> Any:  # noqa: ANN401 - a row
    with bench.pool.read() as conn:
        return conn.execute(statement, parameters).one()


_STORED = text("""
    SELECT count(*), count(DISTINCT event_id) FROM events WHERE person_id LIKE :like
""")

_MEMBERS = text("""
    SELECT member_id FROM memberships WHERE cohort_id = :id AND entered_at IS NOT NULL
""")
