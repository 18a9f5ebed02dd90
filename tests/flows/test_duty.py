"""Alive is not at work: what a process says of itself, and what is seen from outside."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from gateway.flows.health import duty
from gateway.flows.health.duty import BUSY_SECONDS, PATIENCE_SECONDS, Duty, Standing
from gateway.store.db.engine import Pool
from gateway.store.health import heartbeats
from gateway.store.health.heartbeats import Condition, ProcessCount


class Clock:
    """A clock of seconds that stands until it is moved."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        """Return the seconds."""
        return self.now


@pytest.fixture
def clock() -> Clock:
    """Lend a clock."""
    return Clock()


def look(pool: Pool, kind: str = heartbeats.WORKER) -> ProcessCount:
    with pool.read() as conn:
        return heartbeats.pulse(conn, kind)


def beat(pool: Pool, name: str, condition: Condition = heartbeats.WELL) -> None:
    with pool.begin() as conn:
        heartbeats.beat(conn, name, {}, condition)


def join(pool: Pool, *names: str) -> None:
    with pool.begin() as conn:
        for name in names:
            heartbeats.join(conn, name, heartbeats.WORKER)


def age(pool: Pool, seconds: float) -> None:
    """Move all that was before into the past, and let the processes have beaten just now."""
    with pool.begin() as conn:
        past = {"s": seconds}
        conn.execute(_AGE_QUESTIONS, past)
        conn.execute(_AGE_WORKERS, past)


def ask(pool: Pool) -> list[str]:
    rung: list[str] = []
    duty.ask(pool, heartbeats.WORKER, lambda: rung.append("rung"))
    return rung


def test_duty__from_the_start__is_well_for_a_while(clock: Clock) -> None:
    mine = Duty(clock=clock)
    clock.now += PATIENCE_SECONDS
    assert mine.condition() == heartbeats.WELL
    clock.now += 1
    assert mine.condition() == Condition(trouble="its queue has not answered for 16 s")
    mine.come_round()
    assert mine.condition() == heartbeats.WELL


def test_duty__hindered__says_so_until_it_comes_round(clock: Clock) -> None:
    mine = Duty(clock=clock)
    mine.hinder("x" * 1000)
    assert mine.condition().trouble == "x" * duty.MAX_TROUBLE_CHARACTERS
    mine.come_round()
    assert mine.condition().trouble is None


def test_duty__at_work__is_busy_and_then_has_worked(clock: Clock) -> None:
    mine = Duty(clock=clock)
    mine.hinder("it was hindered before")
    with mine.at_work():
        clock.now += PATIENCE_SECONDS + 1
        assert mine.condition() == Condition(idle_seconds=0.0)
        clock.now += BUSY_SECONDS
        assert "one piece of work" in (mine.condition().trouble or "")
    clock.now += 2
    assert mine.condition() == Condition(idle_seconds=2.0)


def test_duty__work_that_fails__does_not_count(clock: Clock) -> None:
    mine = Duty(clock=clock)

    def fail() -> None:
        with mine.at_work():
            raise ValueError("it broke")

    with pytest.raises(ValueError, match="it broke"):
        fail()
    assert mine.condition() == heartbeats.WELL


def test_kind__that_answers__works(pool: Pool) -> None:
    join(pool, "a", "b")
    assert ask(pool) == ["rung"]
    age(pool, 60)
    beat(pool, "a", Condition(idle_seconds=1.0))
    found = look(pool)
    assert (found.alive, found.working, duty.trouble(found)) == (2, 2, None)
    assert duty.standing(found) is Standing.WORKING
    ask(pool)  # what was answered is asked anew
    age(pool, PATIENCE_SECONDS + 1)
    assert look(pool).working == 0


def test_kind__that_leaves_a_probe_unanswered__does_not_work(pool: Pool) -> None:
    join(pool, "a", "b")
    beat(pool, "a", Condition(idle_seconds=0.0))
    age(pool, 60)
    ask(pool)
    assert look(pool).working == 2, "it was asked just now"
    age(pool, PATIENCE_SECONDS + 1)
    ask(pool)  # the question that stands is the one that counts
    found = look(pool)
    assert (found.alive, found.working) == (2, 0)
    assert duty.trouble(found) == "they have taken up no work for 16 s"
    assert duty.standing(found) is Standing.HINDERED
    beat(pool, "b", Condition(idle_seconds=0.0))
    assert look(pool).working == 2


def test_kind__that_has_joined_since__is_given_time(pool: Pool) -> None:
    ask(pool)
    age(pool, 3600)
    join(pool, "a")
    assert look(pool).working == 1
    age(pool, PATIENCE_SECONDS + 1)
    assert look(pool).working == 0


def test_kind__of_which_one_is_in_trouble__says_which(pool: Pool) -> None:
    join(pool, "a", "b")
    beat(pool, "a", Condition(trouble="it cannot use Redis"))
    found = look(pool)
    assert (found.alive, found.working, duty.trouble(found)) == (2, 1, "it cannot use Redis")
    assert not duty.all_work([found])


def test_kind__without_processes__is_silent(pool: Pool) -> None:
    ask(pool)
    age(pool, 60)
    found = look(pool)
    assert (found.working, duty.standing(found), duty.trouble(found)) == (0, Standing.SILENT, None)


def test_trouble__of_a_process_that_has_died__is_not_told(pool: Pool) -> None:
    join(pool, "a")
    beat(pool, "a", Condition(trouble="it cannot"))
    with pool.begin() as conn:
        conn.execute(text("UPDATE workers SET beat_at = now() - interval '1 minute'"))
    assert duty.trouble(look(pool)) is None


_AGE_QUESTIONS = text("UPDATE chores SET begun_at = begun_at - make_interval(secs => :s)")
_AGE_WORKERS = text("""
    UPDATE workers SET started_at = started_at - make_interval(secs => :s),
                       worked_at = worked_at - make_interval(secs => :s)
""")
