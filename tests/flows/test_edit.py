"""Edits that cannot be applied at once: stored all the same, and applied in their turn."""

from __future__ import annotations

import datetime
import uuid
from typing import TYPE_CHECKING, Final

import pytest
import structlog

from gateway import errors
from gateway.core.cohorts.edit import Edit
from gateway.flows.cohorts import retention
from gateway.flows.cohorts.apply import Applier
from gateway.flows.cohorts.edit import Editor
from gateway.flows.sources import built_in, cohorts
from gateway.sources.lists import entries
from gateway.store.cohorts import apply_state, edits, inbox, memberships
from gateway.waits import Waits
from tests.model.desk import START

if TYPE_CHECKING:
    from gateway.flows.cohorts.edit import Result
    from gateway.store.db.engine import Pool

LATER: Final = START + datetime.timedelta(days=8, seconds=1)


class Bell:
    """Wake-ups that remember, and break if told to."""

    def __init__(self) -> None:
        self.rung: list[int] = []
        self.broken = False

    def notify(self, cohort_id: int) -> bool:
        """Ring for a cohort."""
        if self.broken:
            raise RuntimeError
        self.rung.append(cohort_id)
        return True


class Place:
    """A list, and an editor for it."""

    def __init__(self, pool: Pool) -> None:
        built_in.make(pool, now=START)
        wanted = cohorts.Wanted(source="lists", name="People")
        self.pool = pool
        self.id = cohorts.create(pool, wanted, max_cohorts=10, now=START).id
        self.bell = Bell()
        self.applier = Applier(pool, now=lambda: START)
        self.waits = Waits(1)

    def editor(self, *, at_once: int = 1, long_seconds: float = 1.2) -> Editor:
        return Editor(
            pool=self.pool,
            applier=self.applier,
            wake_ups=self.bell,  # type: ignore[arg-type] # a fake of what is outside
            waits=self.waits,
            at_once=at_once,
            long_seconds=long_seconds,
        )

    def edit(self, *add: str, remove: tuple[str, ...] = (), editor: Editor | None = None) -> Result:
        made, faults = entries.read(add, remove)
        assert faults == []
        editor = editor or self.editor()
        return editor.edit(self.id, made, now=START, request_id=uuid.uuid4().hex)

    def members(self) -> list[str]:
        with self.pool.read() as conn:
            found = memberships.listing(conn, self.id, after="", limit=100, max_bytes=1 << 20)
        assert found is not None
        return [one.member_id for one in found.members]

    def pages(self) -> int:
        with self.pool.read() as conn:
            return len(inbox.head(conn, self.id, after=0, limit=100))

    def execute(self, statement: str) -> None:
        with self.pool.begin() as conn:
            conn.exec_driver_sql(statement)


@pytest.fixture
def place(pool: Pool) -> Place:
    return Place(pool)


def test_edit__of_a_cohort_that_is_being_applied__is_stored_and_rung_for(place: Place) -> None:
    with place.pool.begin() as conn:
        apply_state.lock(conn, place.id)
        found = place.edit("a")
    assert (found.is_applied, found.session_id[:5]) == (False, "edit-")
    assert set(place.bell.rung) == {place.id}
    assert (place.members(), place.pages()) == ([], 1)
    place.applier.drain(place.id)
    assert (place.members(), place.pages()) == (["a"], 0)


def test_edit__behind_others__is_applied_with_them_by_its_request(place: Place) -> None:
    with place.pool.begin() as conn:
        apply_state.lock(conn, place.id)
        place.edit("a")
        place.edit("b", remove=("a",))
    assert place.edit("c").is_applied
    assert (place.members(), place.pages()) == (["b", "c"], 0)


def test_edit__behind_a_page_of_another_kind__is_left_to_workers_until_that_is_applied(
    place: Place,
) -> None:
    with place.pool.begin() as conn:
        apply_state.lock(conn, place.id)
        place.edit("a")
    place.execute("UPDATE deliveries SET digest = 'another'")
    assert not place.edit("b").is_applied
    assert place.members() == []
    place.bell.notify = lambda cohort_id: bool(place.applier.step(cohort_id))  # type: ignore[method-assign]
    assert place.edit("c").is_applied
    assert place.members() == ["a", "b", "c"]


def test_edit__while_as_many_as_may_wait_do__is_answered_sooner(place: Place) -> None:
    assert place.waits.take()
    with place.pool.begin() as conn, structlog.testing.capture_logs() as logs:
        apply_state.lock(conn, place.id)
        place.edit("a", editor=place.editor(long_seconds=60))
    place.waits.give_back()
    assert [one["event"] for one in logs] == ["edit.accepted"]
    assert place.waits.take(), "it was given back"


def test_edit__while_as_many_as_may_apply_do__is_left_to_workers(place: Place) -> None:
    editor = place.editor()
    editor._turns.acquire()  # noqa: SLF001 - as another request holds it
    assert not place.edit("a", editor=editor).is_applied
    assert set(place.bell.rung) == {place.id}


def test_edit__whose_wake_up_fails__is_stored_all_the_same(place: Place) -> None:
    place.bell.broken = True
    with place.pool.begin() as conn:
        apply_state.lock(conn, place.id)
        assert not place.edit("a").is_applied
    assert place.pages() == 1


def test_edit__that_meets_pages_after_it__rings_for_those(place: Place) -> None:
    applier = place.applier

    class Meanwhile(Applier):
        """Lets an edit come while another is being applied."""

        def step(self, cohort_id: int, *, limit: int = 50) -> object:  # type: ignore[override]
            outcome = applier.step(cohort_id, limit=limit)
            place.applier = applier
            with place.pool.begin() as conn:
                apply_state.lock(conn, place.id)
                place.edit("b")
            return outcome

    with place.pool.begin() as conn:
        apply_state.lock(conn, place.id)
        place.edit("z")
    place.applier = Meanwhile(place.pool, now=lambda: START)
    editor = place.editor()
    before = len(place.bell.rung)
    assert place.edit("a", editor=editor).is_applied
    assert len(place.bell.rung) > before


def test_member__of_nobody__is_not_found(place: Place) -> None:
    place.edit("a")
    assert '"a"' in place.editor().member(place.id, "a")
    with pytest.raises(errors.NotFound):
        place.editor().member(place.id, "b")


def test_edit__that_fails_when_both_halves_are_applied__is_applied_half_by_half(
    place: Place,
) -> None:
    with place.pool.begin() as conn:
        apply_state.lock(conn, place.id)
        place.edit("a", remove=("b",))
    assert place.pages() == 2
    place.applier.step(place.id, limit=1)
    assert (place.members(), place.pages()) == (["a"], 1)
    place.applier.step(place.id, limit=1)
    assert place.pages() == 0


def test_blocked_edit__tried_again__is_applied_and_dropped(place: Place) -> None:
    with place.pool.begin() as conn:
        apply_state.lock(conn, place.id)
        place.edit("a")
    place.execute("CREATE TABLE kept AS SELECT roster FROM deliveries")
    place.execute("UPDATE deliveries SET roster = 'damaged'")
    place.applier.drain(place.id)
    place.edit("b")
    assert (place.members(), place.pages()) == (["b"], 1)
    place.execute("UPDATE deliveries SET roster = (SELECT roster FROM kept)")
    place.execute("DROP TABLE kept")
    place.execute("UPDATE blocked_deliveries SET retry_requested_at = now()")
    place.applier.drain(place.id)
    assert (place.members(), place.pages()) == (["a", "b"], 0)


def test_edit__older_than_a_completed_replace__changes_nothing(place: Place) -> None:
    with place.pool.begin() as conn:
        apply_state.lock(conn, place.id)
        place.edit("a")
    place.execute("UPDATE apply_state SET floor = 1000")
    place.applier.drain(place.id)
    assert (place.members(), place.pages()) == ([], 0)


def test_retention__of_edits__forgets_all_but_what_they_did(place: Place) -> None:
    place.edit("a", remove=("b",))
    with place.pool.begin() as conn:
        apply_state.lock(conn, place.id)
        waiting = place.edit("c")
    assert not waiting.is_applied
    for now, left in ((START, 2), (LATER, 1)):
        with place.pool.begin() as conn:
            edits.prune(
                conn,
                place.id,
                before=now - retention.EDITS_KEPT,
                live_before=now - retention.EDITS_KEPT,
                keys_before=now - retention.KEYS_KEPT,
            )
            found = conn.exec_driver_sql("SELECT count(*) FROM sessions").scalar_one()
        assert found == left
    place.applier.drain(place.id)
    assert place.members() == ["a", "c"]


def test_edit__of_nothing_at_all__is_an_empty_session(place: Place) -> None:
    found = place.editor().edit(place.id, Edit(), now=START, request_id="r")
    assert (found.is_applied, found.entered, found.unchanged) == (True, 0, 0)
