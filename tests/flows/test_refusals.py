"""Refusals: what is noted of them, when they are over, and that no flood of them costs much."""

from __future__ import annotations

import dataclasses
import datetime
import threading
from typing import TYPE_CHECKING, Any, Final

import pytest
from sqlalchemy import text

from gateway import errors
from gateway.core.access import secrets
from gateway.core.cohorts import page as pages
from gateway.core.sources.webhook_config import WebhookConfig
from gateway.flows.cohorts import admin
from gateway.flows.sources import catalog, refusals
from gateway.flows.sources.refusals import Recorder
from gateway.flows.sources.setup import PLAIN
from gateway.flows.sources.webhook import Posted
from gateway.flows.sources.webhook_login import Login
from gateway.sources.mixpanel import body as mixpanel
from gateway.store.cohorts import cohorts
from gateway.store.db.engine import Pool
from gateway.store.sources import credentials, senders
from gateway.store.sources import refusals as rows
from tests.model import sender
from tests.model.desk import people
from tests.model.sender import ADD
from tests.stack import until

if TYPE_CHECKING:
    from gateway.store.sources.refusals import Refusal
    from tests.model.desk import Desk

PAGE: Final = sender.Page(
    cohort="cohort-1",
    session="s",
    action=ADD,
    number=1,
    total=1,
    members=people("a"),
    name="Name",
)
RIGHT: Final = Login(username="me", password=b"right")
WRONG: Final = Login(username="me", password=b"wrong")


def noted(pool: Pool, **asked: Any) -> list[Refusal]:  # noqa: ANN401 - of `listing`
    which = {"source": None, "since": None, "before": refusals.NEWEST[0], "limit": 100, **asked}
    return list(refusals.listing(pool, **which).items)


def refuse(desk: Desk, page: sender.Page = PAGE, login: Login | None = None) -> int:
    """Post what is refused, and return the status; the note is there when this returns."""
    before = sum(one.count for one in noted(desk.pool))
    posted = Posted(slug="desk", login=login, body=mixpanel.Body(page.body()), request_id="r")
    desk.clock.tick(1)
    with pytest.raises(errors.Refused) as caught:
        desk.intake.accept(posted, now=desk.clock())
    until(lambda: sum(one.count for one in noted(desk.pool)) > before)
    return caught.value.status


def accept(desk: Desk, login: Login | None = None) -> None:
    posted = Posted(slug="desk", login=login, body=mixpanel.Body(PAGE.body()), request_id="r")
    desk.clock.tick(1)
    desk.intake.accept(posted, now=desk.clock())


def tell(pool: Pool, statement: str) -> None:
    with pool.begin() as conn:
        conn.execute(text(statement))


def require_password(desk: Desk) -> None:
    with desk.pool.begin() as conn:
        password = secrets.hash_password("right")
        credentials.add(conn, desk.source_id, username="me", password=password, now=desk.clock())
        conn.execute(text("UPDATE sources SET auth_required = true"))


def addressee(desk: Desk) -> senders.SourceAndCohort:
    with desk.pool.read() as conn:
        found = senders.find(conn, "desk", None, now=desk.clock())
    assert found is not None
    return found


def unresolved(pool: Pool) -> list[rows.Open]:
    with pool.read() as conn:
        return rows.unresolved(conn)


def settled(pool: Pool) -> int:
    with pool.begin() as conn:
        return rows.settle(conn)


def test_refusal__of_a_project__is_noted_with_ids_and_counted(desk: Desk, pool: Pool) -> None:
    tell(pool, "UPDATE sources SET project_ids = '{another}'")
    assert [refuse(desk), refuse(desk)] == [403, 403]
    (found,) = noted(pool)
    assert (found.source, found.project_id, found.external_id) == (
        "desk",
        sender.PROJECT,
        "cohort-1",
    )
    assert (found.status, found.count, found.resolved_at) == (403, 2, None)
    assert "mixpanel_project_id" in found.message
    assert (found.last_at - found.first_at).total_seconds() == 1


def test_refusal__of_a_body_that_is_no_page__is_noted_without_a_cohort(
    desk: Desk, pool: Pool
) -> None:
    body = mixpanel.Body(b"{")
    posted = Posted(slug="desk", login=None, body=body, request_id="r")
    with pytest.raises(errors.Malformed):
        desk.intake.accept(posted, now=desk.clock())
    until(lambda: len(noted(pool)) == 1)
    (found,) = noted(pool)
    assert (found.status, found.project_id, found.external_id) == (400, None, None)


def test_refusal__of_a_body_that_was_not_read__is_noted_for_its_source(
    desk: Desk, pool: Pool
) -> None:
    problem = errors.Malformed("the body is larger than 3 bytes")
    desk.intake.note_unread("desk", problem, now=desk.clock())
    desk.intake.note_unread("desk", errors.InternalError("ours"), now=desk.clock())
    desk.intake.note_unread("nowhere", problem, now=desk.clock())
    until(lambda: len(noted(pool)) == 1)
    assert [(one.status, one.message) for one in noted(pool)] == [(400, str(problem))]


def test_refusal__of_a_stranger__believes_only_a_cohort_that_exists(desk: Desk, pool: Pool) -> None:
    require_password(desk)
    assert refuse(desk) == 401
    assert [one.external_id for one in noted(pool)] == [None]
    assert unresolved(pool) == []
    accept(desk, RIGHT)
    assert refuse(desk) == 401
    assert [one.external_id for one in noted(pool)] == ["cohort-1", None]
    assert unresolved(pool) == []
    assert refuse(desk, login=WRONG) == 401
    assert [one.count for one in noted(pool)] == [2, 1]
    assert [one.status for one in unresolved(pool)] == [401]
    assert refuse(desk) == 401
    assert [one.status for one in unresolved(pool)] == [401]


def test_refusal__of_an_unknown_or_paused_source__is_not_noted(desk: Desk, pool: Pool) -> None:
    posted = Posted(slug="nowhere", login=None, body=mixpanel.Body(PAGE.body()), request_id="r")
    with pytest.raises(errors.NotFound):
        desk.intake.accept(posted, now=desk.clock())
    tell(pool, "UPDATE sources SET paused_at = created_at")
    with pytest.raises(errors.Unavailable):
        accept(desk)
    assert noted(pool) == []


def test_refusal__a_page_accepted_later__is_over_at_once_and_for_good(
    desk: Desk, pool: Pool
) -> None:
    accept(desk)
    require_password(desk)
    refuse(desk, login=WRONG)
    (open_one,) = unresolved(pool)
    assert (open_one.source, open_one.status) == ("desk", 401)
    entry = catalog.entry(pool, PLAIN, "desk", now=desk.clock())
    assert entry.last_error is not None
    assert (entry.last_error.code, entry.last_error.at) == ("unauthenticated", desk.clock())
    accept(desk, RIGHT)  # a replay: it is an answer with success
    over = desk.clock()
    assert [one.resolved_at for one in noted(pool)] == [over]
    assert unresolved(pool) == []
    assert catalog.entry(pool, PLAIN, "desk", now=desk.clock()).last_error is None
    assert settled(pool) == 1
    accept(desk, RIGHT)
    assert settled(pool) == 0
    assert [one.resolved_at for one in noted(pool)] == [over]


def test_refusal__again_after_it_was_over__is_open_anew(desk: Desk, pool: Pool) -> None:
    accept(desk)
    require_password(desk)
    refuse(desk, login=WRONG)
    accept(desk, RIGHT)
    assert settled(pool) == 1
    refuse(desk)
    assert unresolved(pool) == []
    refuse(desk, login=WRONG)
    (found,) = noted(pool)
    assert (found.count, found.resolved_at) == (3, None)
    assert len(unresolved(pool)) == 1


def test_refusal__of_a_deleted_cohort__is_noted_and_alarms_nobody(desk: Desk, pool: Pool) -> None:
    accept(desk)
    with pool.read() as conn:
        known = cohorts.find(conn, desk.source_id, pages.cohort_key(sender.PROJECT, "cohort-1"))
    assert known is not None
    admin.delete_cohort(pool, known.id, now=desk.clock())
    assert refuse(desk) == 404
    assert [one.resolved_at for one in noted(pool)] == [None]
    assert unresolved(pool) == []
    admin.restore_cohort(pool, known.id, now=desk.clock())
    accept(desk)
    assert [one.resolved_at for one in noted(pool)] == [desk.clock()]


def test_refusals__that_cannot_be_kept__change_no_answer(desk: Desk, pool: Pool) -> None:
    tell(pool, "UPDATE sources SET project_ids = '{another}'")
    tell(pool, "ALTER TABLE refusals RENAME TO gone")
    try:
        posted = Posted(slug="desk", login=None, body=mixpanel.Body(PAGE.body()), request_id="r")
        for _ in range(2):
            with pytest.raises(errors.Forbidden):
                desk.intake.accept(posted, now=desk.clock())
    finally:
        tell(pool, "ALTER TABLE gone RENAME TO refusals")


def test_note__without_credentials_while_others_wait__leaves_them_signed(
    desk: Desk, pool: Pool
) -> None:
    accept(desk)
    recorder, found = Recorder(pool, interval_seconds=0), addressee(desk)
    found = dataclasses.replace(
        found, source=dataclasses.replace(found.source, config=WebhookConfig(auth_required=True))
    )
    desk.clock.tick(1)
    with pool.begin() as conn:
        conn.execute(text("LOCK TABLE refusals IN ACCESS EXCLUSIVE MODE"))
        for signed in (False, True, False):
            cohort, error = (sender.PROJECT, "cohort-1"), errors.Malformed("m")
            recorder.note(found, cohort, error, signed=signed, now=desk.clock())
    until(lambda: sum(one.count for one in noted(pool)) == 3)
    assert len(unresolved(pool)) == 1


def test_note__in_a_process_that_ends__is_left_out(desk: Desk, pool: Pool) -> None:
    recorder = Recorder(pool)
    recorder._thread.shutdown()  # noqa: SLF001 - as the end of the interpreter does
    recorder.note(addressee(desk), None, errors.Malformed("m"), signed=True, now=desk.clock())
    assert noted(pool) == []


def test_note__behind_a_lock__is_waited_for_by_nobody(desk: Desk, pool: Pool) -> None:
    recorder, told = Recorder(pool, interval_seconds=0), threading.Event()
    with pool.begin() as conn:
        conn.execute(text("LOCK TABLE refusals IN ACCESS EXCLUSIVE MODE"))
        for number in range(50):
            recorder.note(
                addressee(desk),
                ("p", str(number)),
                errors.Malformed("m"),
                signed=True,
                now=desk.clock(),
            )
        told.set()
    assert told.is_set()
    until(lambda: len(noted(pool)) == 50)


def test_flood__of_different_ids__is_counted_up_to_a_limit_and_kept_up_to_another(
    desk: Desk, pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refusals, "MOST_OF_A_SOURCE", 20)
    accept(desk)
    require_password(desk)
    refuse(desk)  # of a cohort that exists
    recorder, found = Recorder(pool, interval_seconds=0.01), addressee(desk)
    for number in range(3000):
        recorder.note(
            found, ("p", str(number)), errors.Malformed("m"), signed=True, now=desk.clock()
        )
    until(lambda: not recorder._busy)  # noqa: SLF001 - it rests
    kept = noted(pool)
    assert len(kept) == 20
    assert [one.external_id for one in kept if one.status == 401] == ["cohort-1"]
    assert all(int(one.external_id or 0) > 0 for one in kept if one.status == 400)


def test_flood__while_notes_wait__leaves_room_for_cohorts_that_exist(
    desk: Desk, pool: Pool
) -> None:
    recorder, found = Recorder(pool, interval_seconds=0), addressee(desk)
    known = dataclasses.replace(found, cohort=pages.CohortRef(id=1, deleted=False))
    with pool.begin() as conn:
        conn.execute(text("LOCK TABLE refusals IN ACCESS EXCLUSIVE MODE"))
        for number in range(1000):
            recorder.note(
                found, ("p", str(number)), errors.Malformed("m"), signed=True, now=desk.clock()
            )
        recorder.note(known, ("p", "known"), errors.Malformed("m"), signed=True, now=desk.clock())
    until(lambda: not recorder._busy)  # noqa: SLF001 - it rests
    ids = [one.external_id for one in noted(pool, limit=1000)]
    assert "known" in ids
    assert len(ids) <= 2 + refusals.MOST_AT_ONCE // 2


def test_note__by_two_processes_at_once__is_counted_once_each(desk: Desk, pool: Pool) -> None:
    found, recorders = addressee(desk), [Recorder(pool, interval_seconds=0) for _ in range(2)]

    def flood(recorder: Recorder) -> None:
        for number in range(100):
            cohort = ("p", str(number % 7))
            recorder.note(found, cohort, errors.Malformed("m"), signed=True, now=desk.clock())

    threads = [threading.Thread(target=flood, args=(one,)) for one in recorders]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    until(lambda: sum(one.count for one in noted(pool)) == 200)
    assert len(noted(pool)) == 7


def test_listing__by_source_and_since__in_parts(desk: Desk, pool: Pool) -> None:
    recorder, found = Recorder(pool, interval_seconds=0), addressee(desk)
    begun = desk.clock()
    for number in range(5):
        desk.clock.tick(60)
        recorder.note(
            found, ("p", str(number)), errors.Malformed("m"), signed=True, now=desk.clock()
        )
        until(lambda: len(noted(pool)) > number)  # noqa: B023 - it is over before the next
    first = refusals.listing(pool, source="desk", since=None, before=refusals.NEWEST[0], limit=3)
    assert [one.external_id for one in first.items] == ["4", "3", "2"]
    assert first.end is not None
    rest = refusals.listing(pool, source="desk", since=None, before=first.end[0], limit=3)
    assert ([one.external_id for one in rest.items], rest.end) == (["1", "0"], None)
    since = begun + datetime.timedelta(minutes=4)
    assert [one.external_id for one in noted(pool, since=since)] == ["4", "3"]
    assert noted(pool, source="another") == []


def test_tend__old_refusals__are_forgotten_after_thirty_days(desk: Desk, pool: Pool) -> None:
    recorder, found = Recorder(pool, interval_seconds=0), addressee(desk)
    today = datetime.datetime.now(datetime.UTC)
    for days in (29, 31):
        at = today - datetime.timedelta(days=days)
        recorder.note(found, ("p", str(days)), errors.Malformed("m"), signed=True, now=at)
    until(lambda: len(noted(pool)) == 2)
    assert refusals.tend(pool)
    assert [one.external_id for one in noted(pool)] == ["29"]
    assert not refusals.tend(pool)
