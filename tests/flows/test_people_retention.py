"""Months of events made ahead and dropped whole, and what else of people is forgotten in time."""

from __future__ import annotations

import datetime

import pytest
from sqlalchemy import text

from gateway.flows.people import forget, ingest, lookup, retention
from gateway.store.db.engine import Pool
from gateway.store.people import months
from tests.flows.behaving import Behaving
from tests.model.rules import Event, Facts

NOW = datetime.datetime(2026, 11, 29, 12, tzinfo=datetime.UTC)
KEPT = retention.Kept(event_days=400, event_id_days=7)


@pytest.fixture
def people(pool: Pool) -> Behaving:
    """Fill a source with an event of now and one of a year ago."""
    year = datetime.timedelta(days=365)
    events = [Event("ada", "buy", NOW - year, {}), Event("ada", "buy", NOW, {})]
    return Behaving(pool, Facts(people={"ada": {}}, events=events, cohorts={}, as_of=NOW))


def there(pool: Pool) -> list[datetime.date]:
    with pool.read() as conn:
        far = datetime.datetime(9999, 1, 1, tzinfo=datetime.UTC)
        return months.before(conn, far)


def count(pool: Pool, table: str) -> int:
    with pool.read() as conn:
        rows = {
            "events": text("SELECT count(*) FROM events"),
            "event_ids": text("SELECT count(*) FROM event_ids"),
            "event_days": text("SELECT count(*) FROM event_days"),
            "rejected_events": text("SELECT count(*) FROM rejected_events"),
            "person_erasures": text("SELECT count(*) FROM person_erasures"),
        }
        return int(conn.execute(rows[table]).scalar_one())


def test_months__before_they_are_needed__are_made_once(pool: Pool) -> None:
    later = datetime.datetime(2030, 12, 15, tzinfo=datetime.UTC)
    for _ in range(2):
        retention.make_ahead(pool, later)
    made = [month for month in there(pool) if month.year > 2029]
    assert made == [
        datetime.date(2030, 12, 1),
        datetime.date(2031, 1, 1),
        datetime.date(2031, 2, 1),
    ]
    with pool.begin() as conn:
        months.create(conn, made[0])
    for month in made:
        with pool.begin() as conn:
            months.drop(conn, month)


def test_prune__of_what_is_old__drops_months_and_forgets_the_rest(
    people: Behaving, pool: Pool
) -> None:
    with pool.begin() as conn:
        for received_at in (NOW, NOW - datetime.timedelta(days=8)):
            parameters = {"source": people.source_id, "at": received_at, "id": str(received_at)}
            conn.execute(_EVENT_ID, parameters)
            conn.execute(_REJECTED, parameters | {"number": received_at.timestamp()})
            conn.execute(_ERASURE, parameters | {"digest": str(received_at).encode()})
    assert (count(pool, "events"), count(pool, "event_days")) == (2, 2)
    retention.prune(pool, KEPT, NOW)
    assert (count(pool, "events"), count(pool, "event_ids")) == (2, 1)
    retention.prune(pool, KEPT, NOW + datetime.timedelta(days=60))
    assert (count(pool, "events"), count(pool, "event_days")) == (1, 1)
    assert (count(pool, "event_ids"), count(pool, "rejected_events")) == (0, 0)
    assert count(pool, "person_erasures") == 2
    retention.prune(pool, KEPT, NOW + datetime.timedelta(days=500))
    assert (count(pool, "events"), count(pool, "person_erasures")) == (0, 0)


def test_rejected__beyond_the_newest__are_dropped(people: Behaving, pool: Pool) -> None:
    with pool.begin() as conn:
        conn.execute(_MANY_REJECTED, {"source": people.source_id, "at": NOW})
    retention.prune(pool, KEPT, NOW)
    assert count(pool, "rejected_events") == lookup.RECENT


def test_run__when_it_is_due__is_done_by_one(pool: Pool) -> None:
    assert retention.run(pool, KEPT)
    assert not retention.run(pool, KEPT)
    assert retention.run(pool, KEPT, every_seconds=0.0)


def test_deletion__that_a_request_left__is_gone_on_with(people: Behaving, pool: Pool) -> None:
    assert people.source_id is not None
    forget.delete_events(pool, "people", name="buy", before=None, now=NOW, seconds=0.0)
    assert count(pool, "events") == 2
    assert forget.run(pool)
    assert not forget.run(pool)
    assert count(pool, "events") == 0
    assert lookup.names(pool, "people", now=NOW)[0].events == 0


def test_deletion__of_more_than_go_at_once__goes_on_to_the_end(
    people: Behaving, pool: Pool
) -> None:
    with pool.begin() as conn:
        parameters = {"source": people.source_id, "at": NOW, "n": forget.EVENTS_AT_ONCE}
        conn.execute(_MANY_EVENTS, parameters)
    assert count(pool, "events") == 2 + forget.EVENTS_AT_ONCE
    forget.delete_events(pool, "people", name="buy", before=None, now=NOW, seconds=60.0)
    assert count(pool, "events") == 0
    assert not forget.run(pool), "nothing is left of it"
    assert lookup.person(pool, "people", "ada").person_id == "ada"


def test_ids__of_more_than_go_at_once__are_all_forgotten(people: Behaving, pool: Pool) -> None:
    old = NOW - datetime.timedelta(days=8)
    with pool.begin() as conn:
        parameters = {"source": people.source_id, "at": old, "n": retention.IDS_AT_ONCE + 1}
        conn.execute(_MANY_EVENT_IDS, parameters)
        conn.execute(_EVENT_ID, {"source": people.source_id, "at": NOW, "id": "new"})
    retention.prune(pool, KEPT, NOW)
    assert count(pool, "event_ids") == 1


def test_counts__added_up__are_the_same(people: Behaving, pool: Pool) -> None:
    people.post()
    assert count(pool, "event_days") == 4
    before = lookup.names(pool, "people", now=NOW)
    retention.prune(pool, KEPT, NOW)
    assert count(pool, "event_days") == 2
    assert lookup.names(pool, "people", now=NOW) == before


def test_digest__of_a_person__is_that_of_the_id() -> None:
    assert len(ingest.digest("ada")) == 32


_EVENT_ID = text("""
    INSERT INTO event_ids (source_id, event_id, received_at) VALUES (:source, :id, :at)
""")

_REJECTED = text("""
    INSERT INTO rejected_events (source_id, person_id, id, code, message, received_at)
    VALUES (:source, '', :number, 'bad_name', '', :at)
""")

_MANY_REJECTED = text("""
    INSERT INTO rejected_events (source_id, person_id, id, code, message, received_at)
    SELECT :source, '', n, 'bad_name', '', :at FROM generate_series(1, 1200) n
""")

_MANY_EVENTS = text("""
    INSERT INTO events (source_id, person_id, time, id, name, received_at, properties)
    SELECT :source, 'ada', :at, n, 'buy', :at, '{}' FROM generate_series(1, :n) n
""")

_MANY_EVENT_IDS = text("""
    INSERT INTO event_ids (source_id, event_id, received_at)
    SELECT :source, 'id-' || n, :at FROM generate_series(1, :n) n
""")

_ERASURE = text("""
    INSERT INTO person_erasures (source_id, person_digest, erased_at)
    VALUES (:source, :digest, :at)
""")
