"""One scenario: a load, a fault in the midst of it, healing, draining, and the verdict."""

from __future__ import annotations

import contextlib
import signal
import time
from collections.abc import Iterable, Iterator

from sqlalchemy import text

from gateway.core.cohorts.page import Action
from gateway.simulator import mixpanel
from gateway.simulator.mixpanel import Cohort, Page
from gateway.simulator.wire import Answer, Wire
from gateway.store.db.engine import Pool
from tests.faults import judge
from tests.faults.installation import Installation
from tests.faults.parts import Part, signal_all
from tests.faults.points import KILL, Fired
from tests.faults.report import Bound, Row
from tests.faults.senders import WIRE_SECONDS, Load
from tests.stack import DEFAULT, PASSWORD, PROJECT, USERNAME, basic_auth, until

# Only a trial that has failed meets these; the report has the times.
FIRE_SECONDS = 30.0
FINISH_SECONDS = 90.0
DRAIN_SECONDS = 60.0


class Trial:
    """What a scenario works with; everything it does is counted in its row."""

    def __init__(self, installation: Installation, pool: Pool, load: Load, row: Row) -> None:
        self.installation = installation
        self.pool = pool
        self.load = load
        self.row = row
        self._mended_at: float | None = None

    def run_for(self, seconds: float) -> None:
        """Let the load go on for a while."""
        time.sleep(seconds)

    def await_pages(self, count: int) -> None:
        """Wait until so many more pages have been acknowledged."""
        enough = self.load.acknowledged() + count
        until(lambda: self.load.acknowledged() >= enough)

    def kill(self, part: Part) -> None:
        """SIGKILL a part, and wait until it is dead."""
        self.mended()
        self.row.kills += 1
        part.kill()

    def kill_pids(self, pids: list[int]) -> None:
        """SIGKILL processes, all at once."""
        self.mended()
        self.row.kills += len(pids)
        signal_all(pids, signal.SIGKILL)

    def kill_at(self, point: str) -> Fired:
        """SIGKILL whoever comes by a point next, right there; returns who did."""
        fired = self.fire(point, KILL)
        self.row.kills += 1
        return fired

    def fire(self, point: str, action: str) -> Fired:
        """Have whoever comes by a point next do something, and wait until it is at it."""
        self.installation.points.arm(point, action)
        until(lambda: self.installation.points.fired(point) is not None, FIRE_SECONDS)
        fired = self.installation.points.fired(point)
        assert fired is not None
        self._mended_at = fired.at
        return fired

    def mended(self) -> None:
        """Take the time: from now on pages should be acknowledged again."""
        self._mended_at = time.monotonic()

    def recovery_seconds(self) -> float:
        """How long after it was mended the first page was acknowledged that was sent since."""
        assert self._mended_at is not None
        first = self.load.ear.first_success_after(self._mended_at)
        return -1.0 if first is None else first - self._mended_at

    def note(self, what: str) -> None:
        """Have something in the report's last column."""
        self.row.notes.append(what)

    def measure_takeover(self, fired: Fired) -> float:
        """Wait until somebody else has applied what waited when this one died or froze."""
        assert fired.cohort_id is not None
        through = judge.pending(self.pool).get(fired.cohort_id, 0)
        until(lambda: judge.applied(self.pool, fired.cohort_id or 0) >= through, DRAIN_SECONDS)
        seconds = time.monotonic() - fired.at
        self.row.takeover_seconds = max(seconds, self.row.takeover_seconds or 0.0)
        return seconds

    def measure(self, bound: Bound, seconds: float) -> None:
        """Keep a measurement for the table of bounds."""
        self.row.measured.append((bound, seconds))

    def post(self, page: Page) -> Answer:
        """Post a page beside the load, once."""
        wire = Wire(self.installation.base_url, timeout_seconds=WIRE_SECONDS)
        headers = {"Authorization": basic_auth(USERNAME, PASSWORD)}
        try:
            return wire.request("POST", DEFAULT, headers=headers, body=mixpanel.body(page))
        finally:
            wire.close()

    def count_deliveries(self, page: Page) -> int:
        """Count what is stored of a page's cohort under its number."""
        parameters = {"cohort": page.cohort.cohort_id, "page": page.number}
        with self.pool.read() as conn:
            return int(conn.execute(_DELIVERIES, parameters).scalar_one())

    def slowest(self, *, since: float, percentile: float = 100.0) -> float:
        """How long the slowest answer took that was asked for since a moment, or a percentile."""
        taken = sorted(one.seconds for one in self.load.ear.heard if one.asked_at >= since)
        return taken[min(len(taken) - 1, int(len(taken) * percentile / 100))]

    def execute(self, *statements: str) -> None:
        """Execute statements in Postgres, each by itself."""
        _execute(self.pool, statements)

    def finish(self) -> None:
        """Heal, let every sender succeed once more, drain, and compare everything."""
        if self._mended_at is None:
            self.mended()
        self.installation.heal()
        self.load.finish(FINISH_SECONDS)
        began = time.monotonic()
        with contextlib.suppress(AssertionError):
            until(lambda: not judge.pending(self.pool), DRAIN_SECONDS)
        self.row.drained_seconds = time.monotonic() - began
        self._count()
        verdict = judge.judge(self.installation, self.pool, self.load.senders)
        self.row.stored = verdict.stored
        self.row.lost, self.row.twice = verdict.lost, verdict.twice
        self.row.differences += [*verdict.differences, *self.load.ear.complaints]

    def _count(self) -> None:
        row, heard = self.row, self.load.ear.statuses()
        row.acknowledged = self.load.acknowledged()
        row.refused = sum(status in {429, 503} for status in heard)
        row.unanswered = heard.count(0)
        row.recovered_seconds = self.recovery_seconds()


class Bench:
    """Where trials are made: an installation, and the rows of all trials so far."""

    def __init__(self, installation: Installation, pool: Pool, rows: list[Row]) -> None:
        self.installation = installation
        self.pool = pool
        self.rows = rows

    def execute(self, *statements: str) -> None:
        """Execute statements in Postgres, each by itself."""
        _execute(self.pool, statements)

    @contextlib.contextmanager
    def trial(
        self,
        name: str,
        *,
        senders: int = 4,
        pause_seconds: float = 0.02,
        pages: int = 25,
        slug: str | None = None,
    ) -> Iterator[Trial]:
        """Put a load on it, lend it for the faults, then heal, drain and judge.

        The names of the senders begin with `slug`, and what they send follows from their names.
        """
        self.installation.heal()
        load = Load(
            slug or f"{name.replace(' ', '-').replace(',', '')}-{len(self.rows)}",
            self.installation.base_url,
            senders=senders,
            pause_seconds=pause_seconds,
        )
        row = Row(name=name)
        self.rows.append(row)
        trial = Trial(self.installation, self.pool, load, row)
        load.start()
        try:
            trial.await_pages(pages)
            yield trial
            trial.finish()
        except Exception as error:
            row.differences.append(f"the scenario ended early: {error}")
            raise
        finally:
            row.end()
            load.abandon()
        assert row.differences == [], row.differences


def _execute(pool: Pool, statements: Iterable[str]) -> None:
    with pool.read() as conn:
        for statement in statements:
            conn.execute(text(statement))


def lone_page(cohort_id: str, number: int = 1, total: int = 10) -> Page:
    """Make a page of a cohort that no sender knows."""
    return Page(
        cohort=Cohort(project_id=PROJECT, cohort_id=cohort_id, name=cohort_id),
        action=Action.ADD,
        session_id=f"session-{cohort_id}",
        number=number,
        total=total,
        member_ids=(f"{cohort_id}-{number}",),
    )


_DELIVERIES = text("""
    SELECT count(*) FROM deliveries d JOIN cohorts c ON c.id = d.cohort_id
    WHERE c.external_id = :cohort AND d.page = :page
""")
