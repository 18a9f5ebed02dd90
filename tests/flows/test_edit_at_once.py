"""Edits before which nothing waits: one transaction stores and applies them, or neither."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from gateway.core.cohorts.edit import Once
from gateway.flows.cohorts import edit_at_once, erase
from gateway.flows.cohorts.erase import Where
from gateway.sources.lists import entries
from gateway.store.cohorts import edits, erasures, sessions
from tests.flows.test_edit import Place
from tests.model.desk import START
from tests.stack import until

if TYPE_CHECKING:
    from gateway.store.db.engine import Pool
    from gateway.store.db.statement import Line

ONCE = Once(key=bytes(32), digest=b"\1" * 32)


@pytest.fixture
def place(pool: Pool) -> Place:
    return Place(pool)


def is_one_transaction(place: Place, member_id: str) -> bool:
    """Tell whether what made somebody a member also made the session of that."""
    with place.pool.read() as conn:
        statement = (
            "SELECT m.xmin = s.xmin FROM memberships m"
            " JOIN sessions s ON s.cohort_id = m.cohort_id AND s.number = m.session"
            " WHERE m.member_id = %(member_id)s"
        )
        found = conn.exec_driver_sql(statement, {"member_id": member_id}).scalar_one()
    return bool(found)


def counted(place: Place, table: str) -> int:
    with place.pool.read() as conn:
        return int(conn.exec_driver_sql(f"SELECT count(*) FROM {table}").scalar_one())


def test_edit__before_which_nothing_waits__is_one_transaction_and_no_page(place: Place) -> None:
    place.execute("CREATE TABLE stored (number bigint)")
    place.execute(
        "CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS"
        " 'BEGIN INSERT INTO stored VALUES (NEW.number); RETURN NEW; END'"
    )
    place.execute(
        "CREATE TRIGGER note AFTER INSERT ON deliveries FOR EACH ROW EXECUTE FUNCTION note()"
    )
    found = place.edit("a", "b", "", remove=("c",))
    assert (found.is_applied, found.entered, found.exited, found.unchanged) == (True, 2, 0, 1)
    assert (found.skipped, found.last_seq) == ({"blank_id": 1}, 2)
    with place.pool.read() as conn:
        assert edits.result(conn, place.id, 1) == found
    assert is_one_transaction(place, "a")
    assert counted(place, "stored") == 0
    assert place.edit(remove=("a", "b")).exited == 2
    assert place.members() == []
    place.execute("DROP TRIGGER note ON deliveries")
    place.execute("DROP FUNCTION note")
    place.execute("DROP TABLE stored")


def test_edit__of_many_members__is_stored_before_it_is_applied(place: Place) -> None:
    ids = [f"u{number}" for number in range(edit_at_once.MOST_MEMBERS + 1)]
    assert place.edit(*ids).entered == len(ids)
    assert not is_one_transaction(place, "u0")
    assert place.edit(*ids[:-1]).unchanged == len(ids) - 1
    assert place.edit(remove=tuple(ids[1:])).exited == len(ids) - 1
    assert place.members() == ["u0"]


def test_edit__that_postgres_refuses__is_stored_and_leaves_nothing_else(place: Place) -> None:
    place.execute("ALTER TABLE memberships ADD CONSTRAINT no_eve CHECK (member_id <> 'eve')")
    assert not place.edit("ada", "eve").is_applied
    assert (place.members(), place.pages(), counted(place, "sessions")) == ([], 1, 1)
    place.execute("ALTER TABLE memberships DROP CONSTRAINT no_eve")
    assert place.edit("bob").is_applied
    assert (place.members(), place.pages()) == (["ada", "bob", "eve"], 0)


def test_edit__where_workers_were_lost__is_stored_before_it_is_tried(place: Place) -> None:
    place.execute(
        "INSERT INTO attempts (cohort_id, worker, through, lost, alone_through)"
        f" VALUES ({place.id}, 'gone', 1, 3, 0)"
    )
    assert not place.edit("a").is_applied
    assert (place.members(), place.pages()) == ([], 1)


def test_edit__during_which_an_erasure_is_noted__is_stored_as_a_session_after_it(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    draw, noted = sessions.next_order, list[int]()

    def meanwhile(line: Line) -> int:
        order = draw(line)
        if not noted:
            with place.pool.begin() as conn:
                noted.append(erasures.put(conn, "a", source=None, project_id=None, now=START))
        return order

    monkeypatch.setattr(sessions, "next_order", meanwhile)
    assert place.edit("a").is_applied
    assert noted
    assert not is_one_transaction(place, "a")
    assert counted(place, "attempts WHERE worker IS NOT NULL") == 0


def test_erasure__while_an_edit_is_being_applied__waits_for_it_and_removes_the_person(
    place: Place,
) -> None:
    made, _ = entries.read(["a", "b"], [])
    editor = place.editor()
    with place.pool.begin() as conn:
        # The last trip of the edit waits for this, with all else done.
        conn.exec_driver_sql("LOCK TABLE idempotency_keys IN EXCLUSIVE MODE")
        editing = threading.Thread(
            target=editor.edit,
            args=(place.id, made, ONCE),
            kwargs={"now": START, "request_id": "r"},
        )
        editing.start()
        until(lambda: counted(place, "pg_locks WHERE NOT granted") == 1)
        erasing = threading.Thread(
            target=erase.erase, args=(place.pool, "a", Where()), kwargs={"now": START}
        )
        erasing.start()
        until(lambda: counted(place, "pg_locks WHERE NOT granted") == 2)
    editing.join()
    erasing.join()
    assert place.members() == ["b"]
    assert counted(place, "changes") > 0


def test_edits__of_one_list_side_by_side__are_each_made_once(place: Place) -> None:
    editor = place.editor(at_once=2)
    ids = [str(number) for number in range(12)]

    def edit(one: str) -> None:
        place.edit(one, editor=editor)

    threads = [threading.Thread(target=edit, args=(one,)) for one in ids]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    place.applier.drain(place.id)
    assert place.members() == sorted(ids)
    with place.pool.read() as conn:
        statement = "SELECT member_count, last_change, applied_through FROM apply_state"
        assert tuple(conn.exec_driver_sql(statement).one()) == (12, 12, 12)
