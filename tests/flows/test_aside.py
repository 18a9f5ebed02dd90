"""After a commit nothing changes the answer, and nothing is held against the next page."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
import structlog
from opentelemetry import trace
from sqlalchemy import text

from gateway import aside
from gateway.core.access.secrets import Verifier
from gateway.core.health import processes
from gateway.flows.cohorts.apply import Applier, Drained
from gateway.flows.cohorts.backlog_limit import Limits
from gateway.flows.cohorts.submit import Outcome, Submitter
from gateway.flows.sources.refusals import Recorder
from gateway.flows.sources.webhook import Intake, Posted
from gateway.jobs import WakeUps
from gateway.sources.mixpanel import body as mixpanel
from tests.model import sender
from tests.model.desk import people
from tests.model.sender import ADD

if TYPE_CHECKING:
    from tests.model.desk import Desk

# Host names that no resolver takes, parameters of other libraries, and what is no address at all.
BROKEN_BELLS = (
    f"redis://{'a' * 64}:6379/0",
    "redis://a..b:6379/0",
    "redis://127.0.0.1:1/0?keyPrefix=a",
    "redis://127.0.0.1:1/0?ssl_cert_reqs=none",
    "redis://127.0.0.1:1/0?protocol=9",
    "redis://127.0.0.1:1/0?encoding=nothing",
    "rediss://127.0.0.1:1/0?ssl_min_version=1",
    "unix:///nowhere?socket_timeout=0",
)


@pytest.mark.parametrize("url", BROKEN_BELLS)
def test_wake_ups__that_cannot_work__only_says_so(url: str) -> None:
    bell = WakeUps(url)
    assert not bell.notify(1)
    assert not bell.notify(1)  # nor while it is not tried again
    assert not bell.is_up()
    assert bell.depth() is None
    assert bell.depths() is None
    bell.probe(processes.LOADER)


PAGE = sender.Page(
    cohort="cohort-1", session="s1", action=ADD, number=1, total=1, members=people("a")
)


class Falling(trace.Tracer):
    """A tracer that fails at a moment of its life."""

    def __init__(self, moment: str) -> None:
        self.moment = moment

    def _at(self, moment: str) -> None:
        if moment == self.moment:
            raise RuntimeError(moment)

    @contextlib.contextmanager
    def start_as_current_span(self, *_: object, **__: object) -> Iterator[FallingSpan]:  # type: ignore[override]
        """Fail before or after, if it is time."""
        self._at("begin")
        yield FallingSpan(fails=self.moment == "tell")
        self._at("end")

    def start_span(self, *_: object, **__: object) -> FallingSpan:
        """Fail, if it is time."""
        self._at("applied")
        return FallingSpan(fails=False)


class FallingSpan(trace.NonRecordingSpan):
    """A span that may fail when it is told of something."""

    def __init__(self, *, fails: bool) -> None:
        super().__init__(trace.INVALID_SPAN_CONTEXT)
        self.fails = fails

    def set_attributes(self, *_: object, **__: object) -> None:
        """Fail, if it is time."""
        if self.fails:
            raise RuntimeError


def make_intake(desk: Desk, *, tracer: Falling, bell: WakeUps) -> Intake:
    limits = Limits(desk.pool, max_pending_pages=1000, rate_per_second=None)
    return Intake(
        pool=desk.pool,
        verifier=Verifier(),
        submitter=Submitter(pool=desk.pool, limits=limits, wake_ups=bell, tracer=tracer),
        max_members=1000,
        refusals=Recorder(desk.pool, interval_seconds=0),
    )


def posted(desk: Desk) -> tuple[Posted, dict[str, Any]]:
    body = PAGE.body()
    made = Posted(slug="desk", login=None, body=mixpanel.Body(body), request_id="r")
    return made, {"now": desk.clock()}


class Jarring(WakeUps):
    """Wake-ups that fail as none of ours do."""

    def notify(self, _cohort_id: int) -> bool:
        """Fail."""
        raise TypeError


@pytest.mark.parametrize("moment", ["tell", "end", "never"])
def test_accept__whose_trace_bell_and_log_fail__is_a_page_stored(desk: Desk, moment: str) -> None:
    intake = make_intake(desk, tracer=Falling(moment), bell=Jarring("redis://127.0.0.1:1/0"))
    page, at = posted(desk)
    with failing_log():
        receipt = intake.accept(page, **at)
    assert receipt.outcome is Outcome.ACCEPTED
    again = intake.accept(posted(desk)[0], **at)
    assert again.outcome is Outcome.DUPLICATE


def test_accept__whose_trace_fails_before_the_commit__is_a_bug_and_nothing_stored(
    desk: Desk,
) -> None:
    intake = make_intake(desk, tracer=Falling("begin"), bell=Jarring("redis://127.0.0.1:1/0"))
    page, at = posted(desk)
    with pytest.raises(RuntimeError):
        intake.accept(page, **at)
    with desk.pool.read() as conn:
        assert conn.execute(text("SELECT count(*) FROM deliveries")).scalar_one() == 0


def test_apply__whose_meters_trace_and_log_fail__is_held_against_no_page(desk: Desk) -> None:
    first = desk.send(ADD, "s1", "a")
    desk.send(ADD, "s2", "b")
    applier = Applier(desk.pool, now=desk.clock, observe=fall, tracer=Falling("applied"))
    with failing_log():
        assert applier.drain(first.cohort_id) is Drained.DONE
    assert desk.members(first) == "ab"
    with desk.pool.read() as conn:
        assert conn.execute(text("SELECT sum(attempts) FROM apply_state")).scalar_one() == 0


@contextlib.contextmanager
def failing_log() -> Iterator[None]:
    """Have every event fail that is logged during the block."""

    def fail(*_: object) -> Any:  # noqa: ANN401 - as structlog has it
        raise OSError

    before = structlog.get_config()
    structlog.reset_defaults()
    structlog.configure(processors=[fail])
    try:
        yield
    finally:
        structlog.configure(**before)


def fall(*_: object) -> None:
    """Fail, whatever is told."""
    raise OSError


def test_harmless__whatever_fails__goes_no_further() -> None:
    with aside.harmless("log"):
        fall()
    with failing_log(), aside.harmless("log"):
        fall()
