"""Accepting: who may post, what is refused before anything is stored, and what a page leaves."""

from __future__ import annotations

import dataclasses
import json
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import text

from gateway import errors
from gateway.core.access import secrets
from gateway.flows.cohorts import erase
from gateway.flows.cohorts.submit import Outcome
from gateway.flows.sources.webhook import Posted
from gateway.flows.sources.webhook_login import Login
from gateway.sources.mixpanel import body as mixpanel
from gateway.store.cohorts import cohorts, erasures, inbox
from gateway.store.sources import credentials
from tests.model import book, sender, traffic
from tests.model.desk import people
from tests.model.sender import ADD, MEMBERS, REMOVE

if TYPE_CHECKING:
    from gateway.flows.cohorts.submit import Receipt
    from gateway.store.cohorts.cohorts import Cohort
    from gateway.store.db.engine import Pool
    from tests.model.desk import Desk

PAGE = sender.Page(
    cohort="cohort-1",
    session="s",
    action=ADD,
    number=1,
    total=1,
    members=people("a"),
    name="Name",
)


def accept(desk: Desk, body: bytes, *, login: Login | None = None, slug: str = "desk") -> Receipt:
    posted = Posted(slug=slug, login=login, body=mixpanel.Body(body), request_id="r")
    return desk.intake.accept(posted, now=desk.clock())


def tell(pool: Pool, statement: str) -> None:
    with pool.begin() as conn:
        conn.execute(text(statement))


def rows(pool: Pool) -> int:
    with pool.read() as conn:
        return int(conn.execute(_ROWS).scalar_one())


def read(desk: Desk, receipt: Receipt) -> Cohort:
    with desk.pool.read() as conn:
        found = cohorts.get(conn, receipt.cohort_id, now=desk.clock())
    assert found is not None
    return found


def body_of(**parameters: Any) -> bytes:  # noqa: ANN401 - a JSON value is any of Python's plain values
    value = json.loads(PAGE.body())
    value["parameters"] |= parameters
    return json.dumps(value).encode()


def test_accept__new_page__is_stored_and_rung_for(desk: Desk) -> None:
    receipt = desk.post(PAGE)
    assert (receipt.outcome, receipt.number) == (Outcome.ACCEPTED, 1)
    assert desk.bell.rung == [receipt.cohort_id]
    (stored,) = book.deliveries(desk.pool, receipt.cohort_id)
    assert (stored.action, stored.page, stored.received_at) == (ADD, 1, desk.clock())


def test_accept__replay__is_counted_and_not_rung_for(desk: Desk) -> None:
    first = desk.post(PAGE)
    desk.clock.tick(60)
    again = desk.post(PAGE)
    assert (again.outcome, again.number) == (Outcome.DUPLICATE, None)
    assert desk.bell.rung == [first.cohort_id]
    assert read(desk, first).last_synced_at == desk.clock()


@pytest.mark.parametrize(
    "change",
    [{"number": 2}, {"action": REMOVE}, {"session": "t"}, {"members": people("A")}],
    ids=str,
)
def test_accept__page_that_differs_in_its_identity__is_no_replay(
    desk: Desk, change: dict[str, Any]
) -> None:
    desk.post(PAGE)
    assert desk.post(dataclasses.replace(PAGE, **change)).outcome is Outcome.ACCEPTED


def test_accept__page_that_differs_in_its_total_only__is_a_replay(desk: Desk) -> None:
    desk.post(PAGE)
    assert desk.post(dataclasses.replace(PAGE, total=2)).outcome is Outcome.DUPLICATE


def test_accept__redis_down__is_accepted_all_the_same(desk: Desk) -> None:
    desk.bell.works = False
    assert desk.members(desk.post(PAGE)) == "a"


def test_accept__unknown_source__is_not_found(desk: Desk) -> None:
    with pytest.raises(errors.NotFound, match="webhook URL"):
        accept(desk, PAGE.body(), slug="nobody")


@pytest.mark.parametrize(
    "login",
    [None, Login(username="me", password=b"wrong"), Login(username="you", password=b"right")],
)
def test_accept__credentials_wrong_or_absent__is_unauthenticated(
    desk: Desk, pool: Pool, login: Login | None
) -> None:
    _require_credentials(desk, pool)
    with pytest.raises(errors.Unauthenticated):
        accept(desk, b"not even JSON", login=login)
    assert rows(pool) == 0


def test_accept__one_of_two_credentials_of_a_name__is_known(desk: Desk, pool: Pool) -> None:
    _require_credentials(desk, pool, "old", "right")
    for password in (b"old", b"right"):
        accept(desk, PAGE.body(), login=Login(username="me", password=password))
    assert rows(pool) == 1


def test_accept__expired_credential__is_unauthenticated(desk: Desk, pool: Pool) -> None:
    _require_credentials(desk, pool)
    with pool.begin() as conn:
        assert credentials.expire(conn, desk.source_id, at=desk.clock()) == 1
    with pytest.raises(errors.Unauthenticated):
        accept(desk, PAGE.body(), login=Login(username="me", password=b"right"))


def test_accept__source_paused__is_unavailable_before_the_body_is_judged(
    desk: Desk, pool: Pool
) -> None:
    tell(pool, "UPDATE sources SET paused_at = created_at")
    with pytest.raises(errors.Unavailable) as caught:
        accept(desk, b"not even JSON")
    assert caught.value.retry_after_seconds > 1


def test_accept__project_it_is_not_pinned_to__is_forbidden(desk: Desk, pool: Pool) -> None:
    tell(pool, "UPDATE sources SET project_ids = '{project-1}'")
    assert desk.post(PAGE).outcome is Outcome.ACCEPTED
    with pytest.raises(errors.Forbidden, match="mixpanel_project_id"):
        accept(desk, body_of(mixpanel_project_id="project-2"))


def test_accept__deleted_cohort__is_not_found(desk: Desk, pool: Pool) -> None:
    desk.post(PAGE)
    tell(pool, "UPDATE cohorts SET deleted_at = created_at")
    with pytest.raises(errors.NotFound, match="deleted"):
        desk.post(PAGE)


def test_accept__cohort_closed_between_look_and_commit__is_not_found(
    desk: Desk, pool: Pool
) -> None:
    desk.post(PAGE)
    tell(pool, "UPDATE intake_state SET closed = true")
    with pytest.raises(errors.NotFound, match="deleted"):
        desk.post(dataclasses.replace(PAGE, session="t"))
    assert rows(pool) == 1


def test_accept__too_many_members__is_malformed(desk: Desk) -> None:
    members = tuple((str(number), "x") for number in range(10_001))
    with pytest.raises(errors.Malformed, match="10000"):
        desk.post(dataclasses.replace(PAGE, members=members))


def test_accept__body_that_is_not_json__is_malformed_and_stores_nothing(
    desk: Desk, pool: Pool
) -> None:
    with pytest.raises(errors.Malformed):
        accept(desk, b"{")
    assert rows(pool) == 0


def test_accept__cohort_that_vanishes_meanwhile__is_a_bug_and_not_a_page(
    desk: Desk, pool: Pool
) -> None:
    tell(pool, "CREATE RULE vanish AS ON INSERT TO intake_state DO ALSO DELETE FROM cohorts")
    try:
        with pytest.raises(errors.InternalError, match="vanished"):
            desk.post(PAGE)
    finally:
        tell(pool, "DROP RULE vanish ON intake_state")
    assert rows(pool) == 0


def test_name__of_the_newest_session__is_the_cohorts(desk: Desk) -> None:
    receipt = desk.post(dataclasses.replace(PAGE, name=None))
    assert read(desk, receipt).name == "cohort-1"
    desk.post(dataclasses.replace(PAGE, name="First", members=people("b")))
    assert read(desk, receipt).name == "First"
    desk.post(dataclasses.replace(PAGE, name="Second", session="t"))
    desk.post(dataclasses.replace(PAGE, name="Late", members=people("c")))
    desk.post(dataclasses.replace(PAGE, name=None, session="u"))
    assert read(desk, receipt).name == "Second"


@pytest.mark.parametrize(
    ("second", "shown"), [("Old", "Old"), (None, "New")], ids=["same-name", "no-name"]
)
def test_name__of_two_sessions_at_once__is_that_of_the_newest(
    desk: Desk, second: str | None, shown: str
) -> None:
    receipt = desk.post(dataclasses.replace(PAGE, name="Old"))
    first = dataclasses.replace(PAGE, name="New", session="t")
    with ThreadPoolExecutor(2) as crew:
        with traffic.closed(desk.pool, "deliveries"):
            renaming = crew.submit(desk.post, first)
            traffic.await_waiting(desk.pool, 1)
            following = crew.submit(desk.post, dataclasses.replace(first, name=second, session="u"))
            traffic.await_waiting(desk.pool, 2)
        renaming.result()
        following.result()
    assert read(desk, receipt).name == shown


def test_description__given_once__stays_until_another_is_given(desk: Desk) -> None:
    receipt = accept(desk, body_of(mixpanel_cohort_description="what it is"))
    accept(desk, body_of(mixpanel_session_id="t"))
    assert read(desk, receipt).description == "what it is"
    accept(desk, body_of(mixpanel_session_id="u", mixpanel_cohort_description=""))
    assert read(desk, receipt).description == ""


def test_skips__of_a_page__are_counted_by_reason(desk: Desk, pool: Pool) -> None:
    members = [{"$distinct_id": "a"}, {"$distinct_id": " "}, 1, {}, {}]
    accept(desk, body_of(members=members))
    accept(desk, body_of(members=members[:-1], mixpanel_session_id="t"))
    with pool.read() as conn:
        found = conn.execute(text("SELECT reason, members FROM skips")).all()
        per_sync = conn.execute(text("SELECT skipped FROM syncs ORDER BY session")).scalars().all()
    assert {row.reason: row.members for row in found} == {
        "blank_id": 2,
        "not_an_object": 2,
        "missing_id": 3,
    }
    assert per_sync[0] == {"blank_id": 1, "not_an_object": 1, "missing_id": 2}


def test_erased__before_a_page_of_an_older_session_came__is_not_even_stored(
    desk: Desk, pool: Pool
) -> None:
    desk.send(ADD, "old", "b")
    erase.erase(pool, "a", erase.Where(), now=desk.clock())
    receipt = desk.send(ADD, "old", "ac", page=(2, 2))
    assert desk.members(receipt) == "bc"
    with pool.read() as conn:
        stored = conn.execute(text("SELECT roster FROM deliveries ORDER BY number")).scalars().all()
    assert b"a@example.com" not in inbox.unpack(bytes(stored[1]))
    assert desk.members(desk.send(ADD, "new", "a")) == "abc"


def test_erased__between_storing_and_applying__is_not_staged(desk: Desk, pool: Pool) -> None:
    desk.send(MEMBERS, "old", "ab", page=(1, 2))
    with pool.begin() as conn:
        erasures.put(conn, "a", source="desk", project_id=sender.PROJECT, now=desk.clock())
    receipt = desk.send(MEMBERS, "old", "c", page=(2, 2))
    assert desk.members(receipt) == "bc"


def test_erased__elsewhere__stays(desk: Desk, pool: Pool) -> None:
    desk.send(ADD, "old", "b")
    with pool.begin() as conn:
        erasures.put(conn, "a", source="desk", project_id="project-2", now=desk.clock())
    receipt = desk.send(ADD, "old", "a", page=(2, 2))
    assert desk.members(receipt) == "ab"


def test_erased__cohort_is_new_but_its_session_is_not__stays_away(desk: Desk, pool: Pool) -> None:
    desk.send(ADD, "old", "b")
    with pool.begin() as conn:
        erasures.put(conn, "a", source=None, project_id=None, now=desk.clock())
    assert desk.members(desk.send(ADD, "old", "ac", cohort="cohort-2")) == "c"
    assert desk.members(desk.send(ADD, "new", "ac", cohort="cohort-3")) == "ac"


def _require_credentials(desk: Desk, pool: Pool, *passwords: str) -> None:
    tell(pool, "UPDATE sources SET auth_required = true")
    with pool.begin() as conn:
        for password in passwords or ("right",):
            credentials.add(
                conn,
                desk.source_id,
                username="me",
                password=secrets.hash_password(password),
                now=desk.clock(),
            )


_ROWS = text("SELECT count(*) FROM deliveries")
