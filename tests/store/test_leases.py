"""Leases: claims of two connections, lost beats, deaths, and a machine that plays all of it."""

from __future__ import annotations

import dataclasses
import threading
from typing import TYPE_CHECKING, ClassVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import Connection, text

from gateway import errors
from gateway.store.db import leases
from gateway.store.db.leases import Died, Lease

if TYPE_CHECKING:
    from gateway.store.db.engine import Pool

KIND = "load"


def offer(pool: Pool, key: str, *, delay_seconds: float = 0) -> bool:
    with pool.begin() as conn:
        return leases.offer(conn, KIND, key, delay_seconds=delay_seconds)


def claim(pool: Pool, holder: str) -> Lease | Died | None:
    with pool.begin() as conn:
        return leases.claim(conn, KIND, holder=holder)


def claimed(pool: Pool, holder: str) -> Lease:
    found = claim(pool, holder)
    assert found is not None
    return found


def beat(pool: Pool, lease: Lease) -> bool:
    with pool.begin() as conn:
        return leases.beat(conn, lease)


def expire(pool: Pool) -> None:
    """Let every lease have run out a second ago, by the clock that they go by."""
    with pool.begin() as conn:
        conn.execute(_EXPIRE)


_EXPIRE = text("""
    UPDATE leases SET leased_until = statement_timestamp() - interval '1 second'
    WHERE leased_until IS NOT NULL
""")


def test_offer__of_what_is_offered__changes_nothing(pool: Pool) -> None:
    assert offer(pool, "a")
    mine = claimed(pool, "p")
    assert not offer(pool, "a")
    assert beat(pool, mine)
    with pool.begin() as conn:
        assert leases.offer(conn, "another kind", "a")
    assert claim(pool, "q") is None


def test_claim__of_what_is_not_due__waits(pool: Pool) -> None:
    offer(pool, "later", delay_seconds=3600)
    assert claim(pool, "p") is None
    offer(pool, "b")
    offer(pool, "a")
    assert [claimed(pool, "p").key, claimed(pool, "p").key] == ["b", "a"]


def test_claim__of_two_connections_at_once__takes_different_work(pool: Pool) -> None:
    offer(pool, "a")
    offer(pool, "b")
    with pool.begin() as one, pool.begin() as other:
        first = leases.claim(one, KIND, holder="p")
        second = leases.claim(other, KIND, holder="q")
        assert first
        assert second
        assert (first.key, second.key) == ("a", "b")
    offer(pool, "c")
    with pool.begin() as one, pool.begin() as other:
        assert leases.claim(one, KIND, holder="p")
        assert leases.claim(other, KIND, holder="q") is None


def test_claim__by_many_at_once__gives_each_work_once(pool: Pool) -> None:
    for number in range(10):
        offer(pool, str(number))
    found: list[str] = []
    ready = threading.Barrier(2)

    def take(holder: str) -> None:
        ready.wait()
        while lease := claim(pool, holder):
            found.append(lease.key)

    threads = [threading.Thread(target=take, args=(holder,)) for holder in "pq"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == [str(number) for number in range(10)]


def test_lease__that_ran_out__goes_on_elsewhere_and_the_first_may_write_nothing(
    pool: Pool,
) -> None:
    offer(pool, "a")
    first = claimed(pool, "p")
    expire(pool)
    second = claimed(pool, "q")
    assert (second.id, second.token, second.deaths) == (first.id, first.token + 1, 1)
    assert not beat(pool, first)
    for what in (leases.hold, leases.share, leases.give_back, leases.finish):
        with pytest.raises(errors.LeaseLost, match="load a"), pool.begin() as conn:
            what(conn, first)
    assert beat(pool, second)


def test_lease__that_ran_out_unnoticed__is_renewed_by_its_next_beat(pool: Pool) -> None:
    offer(pool, "a")
    mine = claimed(pool, "p")
    expire(pool)
    assert beat(pool, mine)
    assert claim(pool, "q") is None


def test_lease__held_by_a_transaction_when_it_runs_out__is_not_claimed_before_its_end(
    pool: Pool,
) -> None:
    offer(pool, "a")
    mine = claimed(pool, "p")
    expire(pool)
    with pool.begin() as conn:
        leases.hold(conn, mine)
        assert claim(pool, "q") is None
        leases.beat(conn, mine)
    assert claim(pool, "q") is None


def test_lease__claimed_while_its_holder_begins_to_write__is_seen_as_lost(pool: Pool) -> None:
    offer(pool, "a")
    mine = claimed(pool, "p")
    expire(pool)
    said: list[str] = []

    def write() -> None:
        try:
            with pool.begin() as conn:
                leases.hold(conn, mine)
        except errors.LeaseLost as error:
            said.append(error.code)

    thread = threading.Thread(target=write)
    with pool.begin() as conn:
        assert leases.claim(conn, KIND, holder="q")
        thread.start()
        thread.join(0.2)
        assert said == []
    thread.join()
    assert said == ["lease_lost"]


def test_work__at_which_three_have_died__is_to_be_ended(pool: Pool) -> None:
    offer(pool, "a")
    assert [type(claimed(pool, str(number))) for number in range(1)] == [Lease]
    for deaths in (1, 2):
        expire(pool)
        found = claimed(pool, "p")
        assert (type(found), found.deaths) == (Lease, deaths)
    expire(pool)
    with pool.begin() as conn:
        died = leases.claim(conn, KIND, holder="p")
        assert isinstance(died, Died)
        leases.finish(conn, died)
    assert claim(pool, "q") is None


def test_work__given_back__is_due_later_and_counts_no_death(pool: Pool) -> None:
    offer(pool, "a")
    mine = claimed(pool, "p")
    with pool.begin() as conn:
        leases.give_back(conn, mine)
    assert not beat(pool, mine)
    again = claimed(pool, "q")
    assert (again.token, again.deaths) == (mine.token + 1, 0)
    with pool.begin() as conn:
        leases.give_back(conn, again, delay_seconds=3600)
    assert claim(pool, "p") is None


def test_work__finished_and_offered_anew__is_not_that_of_the_first(pool: Pool) -> None:
    offer(pool, "a")
    first = claimed(pool, "p")
    with pool.begin() as conn:
        leases.finish(conn, first)
    offer(pool, "a")
    second = claimed(pool, "q")
    assert second.token == first.token
    assert not beat(pool, first)
    assert beat(pool, second)


def test_takeover__with_the_look_for_due_work__takes_less_than_a_minute() -> None:
    assert 3 * leases.BEAT_SECONDS < leases.LEASE_SECONDS <= 45


@dataclasses.dataclass
class Work:
    """What the model knows of offered work."""

    order: int
    deaths: int = 0
    holder: Lease | None = None
    ran_out: bool = False


KEYS = st.sampled_from("abc")
NUMBERS = st.integers(0, 9)


class Machine(RuleBasedStateMachine):
    """Claims, beats, writes, deaths and endings in any order, against a model of them."""

    pool: ClassVar[Pool]

    def __init__(self) -> None:
        super().__init__()
        with self.pool.begin() as conn:
            conn.execute(text("DELETE FROM leases"))
        self.work: dict[str, Work] = {}
        self.known: list[Lease] = []
        self.orders = 0

    def order(self) -> int:
        """Number what is offered or given back."""
        self.orders += 1
        return self.orders

    def is_held(self, lease: Lease) -> bool:
        """Tell whether a claim is the one that counts."""
        return lease in [one.holder for one in self.work.values()]

    @rule(key=KEYS)
    def offer(self, key: str) -> None:
        """Offer work."""
        assert offer(self.pool, key) == (key not in self.work)
        self.work.setdefault(key, Work(order=self.order()))

    @rule()
    def claim(self) -> None:
        """Claim what has waited longest."""
        free = [key for key, one in self.work.items() if one.holder is None or one.ran_out]
        expected = min(free, key=lambda key: self.work[key].order, default=None)
        found = claim(self.pool, "p")
        assert (found and found.key) == expected
        if found is None:
            return
        one = self.work[found.key]
        one.deaths += one.holder is not None
        assert (found.deaths, isinstance(found, Died)) == (one.deaths, one.deaths >= 3)
        one.holder, one.ran_out = found, False
        self.known.append(found)

    @rule()
    def run_out(self) -> None:
        """Let every lease run out."""
        expire(self.pool)
        for one in self.work.values():
            one.ran_out = one.holder is not None

    @precondition(lambda self: self.known)
    @rule(number=NUMBERS)
    def beat(self, number: int) -> None:
        """Renew a claim, an old one too."""
        lease = self.known[number % len(self.known)]
        assert beat(self.pool, lease) == self.is_held(lease)
        if self.is_held(lease):
            self.work[lease.key].ran_out = False

    @precondition(lambda self: self.known)
    @rule(number=NUMBERS, end=st.sampled_from(["write", "finish", "give back", "die"]))
    def write(self, number: int, end: str) -> None:
        """Write with a claim, an old one too, and end in some way."""
        lease = self.known[number % len(self.known)]
        try:
            with self.pool.begin() as conn:
                leases.hold(conn, lease)
                self.others_wait(lease)
                self.finish(conn, lease, end)
        except errors.LeaseLost:
            assert not self.is_held(lease)
        except ZeroDivisionError:
            assert self.is_held(lease)
            assert end == "die"

    def others_wait(self, lease: Lease) -> None:
        """See that no other connection gets work whose holder is writing."""
        with self.pool.engine.connect() as conn:
            found = leases.claim(conn, KIND, holder="q")
            assert found is None or found.key != lease.key
            conn.rollback()

    def finish(self, conn: Connection, lease: Lease, end: str) -> None:
        """End a transaction that holds a lease."""
        assert self.is_held(lease)
        if end == "die":
            raise ZeroDivisionError
        if end == "finish":
            leases.finish(conn, lease)
            del self.work[lease.key]
        elif end == "give back":
            leases.give_back(conn, lease)
            one = self.work[lease.key]
            one.holder, one.ran_out, one.order = None, False, self.order()
        else:
            leases.beat(conn, lease)
            self.work[lease.key].ran_out = False

    @invariant()
    def tokens_name_one_claim(self) -> None:
        """See that no two claims look alike."""
        claims = [(one.id, one.token) for one in self.known]
        assert len(claims) == len(set(claims))


def test_leases__claimed_beaten_lost_and_ended_in_any_order__are_as_the_model_says(
    pool: Pool,
) -> None:
    machine = type("Played", (Machine,), {"pool": pool})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=30,
            stateful_step_count=30,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
