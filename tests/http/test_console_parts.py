"""Parts of the console's pages that few of them have: empty curves, long ones, and failures."""

from __future__ import annotations

import datetime
from typing import Final

import pytest
from werkzeug.exceptions import BadRequest

from gateway import errors
from gateway.core import fields
from gateway.core.cohorts import curve
from gateway.core.cohorts.curve import Point
from gateway.core.sources import condition
from gateway.core.sources.condition import Condition
from gateway.flows.health import overview
from gateway.handlers.console import charts, failures, forms
from tests.http.console import text
from tests.http.world import START, World

HOUR: Final = datetime.timedelta(hours=1)


def test_sizes__before_anything_is_known__are_no_curve() -> None:
    assert curve.sizes([], since=START, now=START + HOUR, members=5) == []
    assert charts.curve([], since=START) is None


def test_sizes__known_from_before__begin_at_the_moment_asked_for() -> None:
    known = [(START - 9 * HOUR, 3), (START + HOUR, 8)]
    found = curve.sizes(known, since=START, now=START + 4 * HOUR, members=7)
    assert found == [
        Point(START, 3),
        Point(START + 2 * HOUR, 8),
        Point(START + 4 * HOUR, 7),
    ]


def test_curve__of_points__goes_in_steps_from_zero_or_from_what_is_least() -> None:
    points = [Point(START, 0), Point(START + HOUR, 5), Point(START + 2 * HOUR, 10)]
    drawn = charts.curve(points, since=START)
    assert drawn is not None
    assert (drawn.bottom, drawn.top) == (0, 10)
    assert drawn.line == "M0.0,200.0H500.0V100.0H1000.0V0.0"
    high = charts.curve([Point(START, 100), Point(START + HOUR, 101)], since=START)
    assert high is not None
    assert (high.bottom, high.top, high.first, high.last) == (100, 101, 100, 101)


@pytest.mark.parametrize(("days", "hours"), [(0, 1), (7, 1), (30, 2), (365, 22)])
def test_step__of_a_curve__grows_with_its_time(days: int, hours: int) -> None:
    assert curve.step(START, START + datetime.timedelta(days=days)) == hours * HOUR


def test_bars__of_a_day_without_changes__are_flat() -> None:
    drawn = charts.bars([overview.Flow(hour=START, entered=0, exited=0)])
    assert [(bar.up, bar.down) for bar in drawn.bars] == [(0, 0)]
    assert charts.bars([]).bars == []


def test_condition__of_a_source_that_nothing_is_expected_of__is_on_demand() -> None:
    for heard_at in (None, START):
        found = condition.judge(
            paused=False, every_seconds=None, heard_at=heard_at, now=START + 99 * HOUR
        )
        assert found is Condition.ON_DEMAND


def test_overview__with_redis_up__does_not_speak_of_it(world: World) -> None:
    found = overview.look(world.pool, redis_up=True, now=world.clock())
    assert not any("Redis" in one for one in found.troubles)
    assert len(found.flows) == overview.HOURS


@pytest.mark.parametrize(
    ("error", "status", "said"),
    [
        (errors.Unavailable("the database does not answer"), 503, "The database does not answer"),
        (errors.RateLimited("too many", retry_after_seconds=7), 429, "Too many"),
        (BadRequest("the path holds %00"), 400, "The path holds %00"),
        (ValueError("secret"), 500, "A bug in the gateway"),
    ],
)
def test_failure__of_any_kind__has_a_page_that_tells_no_more_than_it_may(
    world: World, error: Exception, status: int, said: str
) -> None:
    with world.app.test_request_context("/console/cohorts"):
        answer = failures.answer(error)
    assert answer.status_code == status
    assert said in text(answer)
    assert "secret" not in text(answer)
    assert ("Retry-After" in answer.headers) is (status in (429, 503))


def test_config__read_from_a_form__is_as_json_would_bring_it() -> None:
    declared = (
        fields.Text(name="title", title="Title", description=""),
        fields.Text(name="note", title="Note", description="", optional=True),
        fields.Texts(name="lines", title="Lines", description="", max_items=3),
    )
    form = {"config.title": " x ", "config.note": "", "config.lines": "a\n\n b \n"}
    read = {"title": "x", "note": None, "lines": ["a", "b"]}
    assert forms.config(declared, form, "config") == read
    assert forms.typed(declared, read, "config") == {
        "config.title": "x",
        "config.note": "",
        "config.lines": "a\nb",
    }
    assert forms.secrets(declared[:1], {"secrets.title": ""}) == {}
    assert forms.secrets(declared[:1], {"secrets.title": "s"}) == {"title": "s"}
