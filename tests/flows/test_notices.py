"""Notices: one message when something begins to need a person, and one when it is well again."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text

from gateway import errors, messenger
from gateway.core.notices import trouble
from gateway.core.notices.trouble import Difference, Kind, Trouble
from gateway.flows.notices import send, trial, watch
from gateway.store.notices import outbox, troubles
from tests.model.sender import ADD

if TYPE_CHECKING:
    from gateway.store.db.engine import Pool
    from tests.model.desk import Desk

CHANNELS = {"default": "json://ops", "growth": "json://growth"}


class Service:
    """What messages are posted to; it takes none for as long as it is down."""

    def __init__(self) -> None:
        self.taken: list[tuple[str, str]] = []
        self.tries = 0
        self.down = False
        self.dies = False

    def __call__(self, url: str, text: str) -> None:
        """Take a message."""
        self.tries += 1
        if self.down:
            raise messenger.NotTaken("it is down")
        self.taken.append((url, text))
        if self.dies:
            raise KeyboardInterrupt


class Office:
    """The desk of a gateway, watched and told of."""

    def __init__(self, desk: Desk) -> None:
        self.desk, self.pool, self.service = desk, desk.pool, Service()

    def look(self, seconds: float = 15) -> list[tuple[str, str]]:
        """Let time pass, look for troubles, and send; returns what was taken."""
        self.desk.clock.tick(seconds)
        assert watch.tick(self.pool, now=self.desk.clock(), every_seconds=0)
        return self.send()

    def send(self) -> list[tuple[str, str]]:
        before = len(self.service.taken)
        send.run(self.pool, CHANNELS, self.service, now=self.desk.clock)
        return self.service.taken[before:]


@pytest.fixture
def office(desk: Desk) -> Office:
    """Lend an office on an empty database."""
    return Office(desk)


def cohort(office: Office, name: str = "one") -> int:
    receipt = office.desk.send(ADD, f"{name}-{office.desk.clock()}", "a", cohort=name)
    office.desk.settle(receipt)
    return receipt.cohort_id


def run_sql(pool: Pool, sql: str, **parameters: object) -> None:
    with pool.begin() as conn:
        conn.execute(text(sql), parameters)


def test_cohort__that_goes_stale__is_told_once_and_once_when_it_is_heard_of(
    office: Office,
) -> None:
    cohort_id = cohort(office)
    assert office.look() == []
    ((url, told),) = office.look(3 * 1800)
    assert url == CHANNELS["default"]
    assert told.startswith(f"Needs attention:\n- Cohort {cohort_id} “")
    assert told.endswith("of source desk: nothing was heard of it in time")
    assert [office.look() for _ in range(3)] == [[], [], []]
    cohort(office)
    ((_, over),) = office.look()
    assert over == told.replace("Needs attention", "Well again")
    assert office.look() == []


def test_cohort__of_a_paused_source__is_not_stale(office: Office) -> None:
    cohort(office)
    run_sql(office.pool, "UPDATE sources SET paused_at = now()")
    assert office.look(3 * 1800) == []


@pytest.mark.parametrize(
    ("of_cohort", "of_source", "told"),
    [
        (None, None, ["default"]),
        (None, ["growth"], ["growth"]),
        (["default", "growth"], ["growth"], ["default", "growth"]),
        ([], ["growth"], []),
        (["gone"], None, []),
    ],
)
def test_notify__of_cohort_and_source__says_where_messages_go(
    office: Office, of_cohort: list[str] | None, of_source: list[str] | None, told: list[str]
) -> None:
    cohort(office)
    run_sql(office.pool, "UPDATE cohorts SET notify = CAST(:to AS text[])", to=of_cohort)
    run_sql(office.pool, "UPDATE sources SET notify = CAST(:to AS text[])", to=of_source)
    assert [url for url, _ in office.look(3 * 1800)] == [CHANNELS[name] for name in told]
    assert office.look() == []


def test_pages__that_are_refused_or_blocked__are_told_until_they_are_not(office: Office) -> None:
    cohort_id = cohort(office)
    run_sql(
        office.pool,
        """
        INSERT INTO refusals (source_id, key, cohort_key, status, message, signed, first_at,
                              last_at, count)
        SELECT source_id, key, key, 401, 'secret of somebody', true, :now, :now, 7 FROM cohorts
        """,
        now=office.desk.clock(),
    )
    run_sql(
        office.pool,
        """
        INSERT INTO blocked_deliveries (cohort_id, number, attempts, code, reason, blocked_at)
        VALUES (:id, 1, 5, 'poison', 'secret of somebody', now())
        """,
        id=cohort_id,
    )
    ((_, told),) = office.look()
    assert "it has pages that cannot be applied" in told
    assert "a page was refused with 401" in told
    assert "secret" not in told
    assert office.look() == []
    run_sql(office.pool, "UPDATE blocked_deliveries SET retry_requested_at = now()")
    run_sql(office.pool, "UPDATE refusals SET resolved_at = now()")
    ((_, over),) = office.look()
    assert over.count("\n- ") == 2
    assert over.startswith("Well again:")


@pytest.mark.parametrize(
    ("state", "code", "line"),
    [
        ("failed", "no_id_column", "Cohort {} “{}” of source desk: its load failed: no_id_column"),
        ("failed", "unreachable", "Source desk: loads fail with unreachable"),
        ("needs_approval", None, "Cohort {} “{}” of source desk: its load {}-1 needs an approval"),
    ],
)
def test_load__that_fails_or_needs_approval__is_told_until_another_is_applied(
    office: Office, state: str, code: str | None, line: str
) -> None:
    cohort_id = cohort(office)
    run_sql(office.pool, "UPDATE cohorts SET name = 'VIPs'")
    add_load(office.pool, cohort_id, 1, state, code)
    ((_, told),) = office.look()
    assert told == "Needs attention:\n- " + line.format(cohort_id, "VIPs", cohort_id)
    add_load(office.pool, cohort_id, 2, "reading", None)
    assert office.look() == [], "a try tells nothing"
    run_sql(office.pool, "UPDATE loads SET state = 'superseded' WHERE state = 'needs_approval'")
    run_sql(office.pool, "UPDATE loads SET state = 'applied' WHERE number = 2")
    ((_, over),) = office.look()
    assert over == told.replace("Needs attention", "Well again")


def test_job__that_fails_and_stops__is_told_once_and_when_a_run_went_well(
    office: Office,
) -> None:
    job(office.pool, cohort(office), "failing")
    ((_, told),) = office.look()
    assert told.endswith("to crm: it is failing: unreachable")
    run_sql(office.pool, "UPDATE sync_jobs SET state = 'stopped', failures = 9")
    assert office.look() == []
    run_sql(office.pool, "UPDATE sync_jobs SET state = 'active', notify = '{growth}'")
    ((url, over),) = office.look()
    assert (url, over) == (CHANNELS["default"], told.replace("Needs attention", "Well again"))


def test_job__of_which_a_run_needs_approval__is_told_where_the_job_says(office: Office) -> None:
    job(office.pool, cohort(office), "active")
    run_sql(office.pool, "UPDATE sync_jobs SET notify = '{growth}'")
    run_sql(
        office.pool,
        """
        INSERT INTO sync_runs (job_id, number, trigger, state, queued_at)
        SELECT id, 1, 'schedule', 'needs_approval', now() FROM sync_jobs
        """,
    )
    ((url, told),) = office.look()
    assert url == CHANNELS["growth"]
    assert told.endswith("to crm: a run needs an approval")


def test_message__that_is_not_taken__is_sent_again_and_those_behind_it_wait(
    office: Office,
) -> None:
    cohort(office)
    office.service.down = True
    assert office.look(3 * 1800) == []
    assert office.send() == []
    assert office.service.tries == 1, "it waits before the next try"
    cohort(office)
    assert office.look() == []
    office.service.down = False
    office.desk.clock.tick(30)
    assert [told.partition(":")[0] for _, told in office.send()] == [
        "Needs attention",
        "Well again",
    ]


def test_message__of_a_sender_that_died__is_sent_by_the_next_after_its_claim(
    office: Office,
) -> None:
    cohort(office)
    office.service.dies = True
    with pytest.raises(KeyboardInterrupt):
        office.look(3 * 1800)
    office.service.dies = False
    assert office.send() == [], "nothing else sends what is under way"
    office.desk.clock.tick(send.CLAIM_SECONDS)
    assert len(office.send()) == 1
    office.desk.clock.tick(send.CLAIM_SECONDS)
    assert office.send() == []


def test_message__that_nothing_takes_for_a_day__is_given_up(office: Office) -> None:
    cohort(office)
    office.service.down = True
    for _ in range(30):
        office.look(3600)
    tries = office.service.tries
    assert 20 < tries < 32
    office.look(3600)
    assert office.service.tries == tries
    with office.pool.read() as conn:
        assert outbox.totals(conn) == {"waiting": 0, "sent": 0, "no_channel": 0, "given_up": 1}
        assert troubles.counts(conn) == dict.fromkeys(Kind, 0) | {Kind.STALE: 1}


def test_messages__that_ended_long_ago__are_deleted(office: Office) -> None:
    cohort(office)
    office.look(3 * 1800)
    office.look(31 * 86_400)
    with office.pool.read() as conn:
        assert sum(outbox.totals(conn).values()) == 0


def test_tick__of_two_schedulers__looks_once(office: Office) -> None:
    now = office.desk.clock()
    assert watch.tick(office.pool, now=now)
    assert not watch.tick(office.pool, now=now)


def test_send__of_a_process_that_ends__begins_nothing(office: Office) -> None:
    cohort(office)
    office.desk.clock.tick(3 * 1800)
    watch.tick(office.pool, now=office.desk.clock(), every_seconds=0)
    sent = send.run(
        office.pool, CHANNELS, office.service, now=office.desk.clock, is_ending=lambda: True
    )
    assert (sent, office.service.tries) == (0, 0)


def test_messages__of_many_troubles__have_twenty_lines_and_a_count() -> None:
    many = [
        Trouble(kind=Kind.STALE, subject=f"{n}", line=f"line {n}", channels=("ops",))
        for n in range(25)
    ]
    told = trouble.messages(Difference(begun=many, over=[]))
    assert list(told) == ["ops"]
    assert told["ops"].splitlines()[-1] == "- and 5 more"
    assert len(told["ops"].splitlines()) == 22


def test_named__of_a_long_name_of_several_lines__is_short_and_one_line() -> None:
    assert trouble.named("a\nb") == "“a b”"
    assert len(trouble.named("x" * 500)) == 83


def test_trial__of_channels__tells_of_each_and_knows_no_others(office: Office) -> None:
    now = office.desk.clock()
    office.service.down = True
    (tried,) = trial.run(office.pool, CHANNELS, office.service, wanted=["growth"], now=now)
    assert (tried.channel, tried.ok, tried.message) == ("growth", False, "it is down")
    office.service.down = False
    found = trial.run(office.pool, CHANNELS, office.service, wanted=None, now=now)
    assert [(one.channel, one.ok) for one in found] == [("default", True), ("growth", True)]
    for channels in (CHANNELS, {}):
        with pytest.raises(errors.Invalid):
            trial.run(office.pool, channels, office.service, wanted=["gone"], now=now)


def add_load(pool: Pool, cohort_id: int, number: int, state: str, code: str | None) -> None:
    run_sql(
        pool,
        """
        INSERT INTO loads (cohort_id, number, mode, state, session, epoch, begun_at, error_code,
                           error_message)
        VALUES (:id, :number, 'replace', :state, 1, 1, now(), :code, 'secret of somebody')
        """,
        id=cohort_id,
        number=number,
        state=state,
        code=code,
    )
    run_sql(pool, "UPDATE intake_state SET last_load = :number", number=number)


def job(pool: Pool, cohort_id: int, state: str) -> None:
    run_sql(
        pool,
        """
        INSERT INTO destinations (slug, kind, config, created_at)
        VALUES ('crm', 'webhook', '{}', now())
        """,
    )
    run_sql(
        pool,
        """
        INSERT INTO sync_jobs (cohort, destination_id, mode, frequency, mapping, suppress, options,
                               state, error_code, error_message, created_at)
        SELECT :id, id, 'mirror', '1h', '{}', '{}', '{}', :state, 'unreachable',
               'secret of somebody', :now FROM destinations
        """,
        id=cohort_id,
        state=state,
        now=datetime.datetime.now(datetime.UTC),
    )
