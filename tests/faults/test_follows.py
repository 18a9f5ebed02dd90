"""Consumers wait for changes while the web processes that answer them die."""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.faults import ends
from tests.faults.api import Api, change_of
from tests.faults.ends import Change
from tests.faults.parts import signal_all
from tests.faults.report import Row
from tests.faults.trial import Bench
from tests.stack import until

PATIENCE_SECONDS = 60.0
WAIT = 5


class Consumer:
    """Waits for what comes after a position, in a thread; what it reads moves the position."""

    def __init__(self, api: Api, cohort: str, path: str, after: object) -> None:
        """`path` answers with changes and `next_after`, of this cohort or of all."""
        self.seen: list[Change] = []
        self.unanswered = 0
        self._api, self._cohort = api, cohort
        self._path, self._after = path, after
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._follow, daemon=True)

    @contextlib.contextmanager
    def following(self) -> Iterator[None]:
        """Follow during the block."""
        self._thread.start()
        try:
            yield
        finally:
            self._ended.set()
            self._thread.join(WAIT + PATIENCE_SECONDS)
        assert not self._thread.is_alive()

    def _follow(self) -> None:
        while not self._ended.is_set():
            said = self._api.ask("GET", f"{self._path}&after={self._after}&wait={WAIT}")
            if said.status != 200:
                self.unanswered += 1
                time.sleep(0.05)
                continue
            self._take(said.document)

    def _take(self, page: Any) -> None:  # noqa: ANN401 - JSON
        self._after = page["next_after"]
        for one in page["changes"]:
            if one.get("cohort_id", self._cohort) == self._cohort:
                self.seen.append(change_of(one))


def newest(api: Api) -> str:
    """Read the feed of lists to its end; returns the cursor there."""
    path, cursor = "/v1/changes?source=lists&limit=1000", ""
    while True:
        page = api.insist("GET", f"{path}&after={cursor}" if cursor else path)
        cursor = page["next_after"]
        if not page["changes"]:
            return str(cursor)


@pytest.mark.timeout(240)
def test_consumers__waiting_as_web_processes_die__see_each_change_once_in_order(
    bench: Bench, api: Api, row: Row
) -> None:
    row.name, here = "consumers that wait for changes as web processes die", bench.installation
    cohort = api.list_of()
    one = Consumer(api, cohort, f"/v1/cohorts/{cohort}/changes?limit=10", 0)
    feed = Consumer(api, cohort, "/v1/changes?source=lists&limit=10", newest(api))
    with one.following(), feed.following():
        for turn in range(3):
            time.sleep(0.5)
            victims = here.web_processes()[: 1 + turn % 2]
            signal_all(victims, signal.SIGKILL)
            row.kills += len(victims)
            api.edit(cohort, add=tuple(f"{turn}-{n}" for n in range(15)))
            api.edit(cohort, remove=tuple(f"{turn}-{n}" for n in range(5)))
        starts = here.web.starts
        here.web.kill()
        row.kills += 1
        here.web.await_running(starts + 1)
        api.edit(cohort, add=("last",))
        changes = api.changes(cohort)
        until(lambda: len(one.seen) >= len(changes), PATIENCE_SECONDS)
        until(lambda: len(feed.seen) >= len(changes), PATIENCE_SECONDS)
        # One more change ends the waits.
        api.edit(cohort, remove=("last",))
        until(lambda: len(one.seen) > len(changes) and len(feed.seen) > len(changes))
    changes = api.changes(cohort)
    row.unanswered = one.unanswered + feed.unanswered
    row.take(ends.followed(one.seen, changes))
    row.take(ends.followed(feed.seen, changes))
    row.notes.append(f"{len(changes)} changes, twice")
    assert row.differences == []
