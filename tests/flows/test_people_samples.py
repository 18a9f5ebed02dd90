"""What is seen of many events and people is sampled by the hour, and forgotten with the erased."""

from __future__ import annotations

import datetime
import json

import pytest
from sqlalchemy import text

from gateway.flows.people import lookup, retention, sampling
from gateway.store.db.engine import Pool
from gateway.store.people import removal
from tests import statements
from tests.flows.behaving import Behaving
from tests.model.rules import Facts

NOW = datetime.datetime(2026, 11, 29, 12, tzinfo=datetime.UTC)
HOUR = datetime.timedelta(hours=1)


@pytest.fixture
def source_id(pool: Pool) -> int:
    """Fill a source with many people that bought, and a few that looked."""
    made = Behaving(pool, Facts(people={"ada": {}}, events=[], cohorts={}, as_of=NOW))
    assert made.source_id is not None
    retention.make_ahead(pool, NOW)
    with pool.begin() as conn:
        parameters = {"source": made.source_id, "rows": lookup.SAMPLED, "at": NOW}
        conn.execute(_PEOPLE, parameters)
        for name, rows in (("buy", lookup.SAMPLED), ("view", 10)):
            conn.execute(_EVENTS, parameters | {"name": name, "rows": rows})
            conn.execute(_DAYS, parameters | {"name": name, "rows": rows})
    return made.source_id


def seen(pool: Pool, name: str) -> dict[str, list[object]]:
    return {one.name: json.loads(one.values) for one in lookup.properties(pool, "people", name)}


def traits(pool: Pool) -> dict[str, list[object]]:
    return {one.name: json.loads(one.values) for one in lookup.traits(pool, "people")}


def test_sample__of_many_rows__is_kept_for_an_hour_and_equal_to_what_is_there(
    source_id: int, pool: Pool
) -> None:
    before = (seen(pool, "buy"), seen(pool, "view"), traits(pool))
    assert before[0] == {"brand": ["x", "y"], "n": [1.50]}
    assert before[2] == {"plan": ["pro"]}
    sampling.take_due(pool, source_id, now=NOW)
    assert (seen(pool, "buy"), seen(pool, "view"), traits(pool)) == before
    with pool.begin() as conn:
        for change in (_REBRAND, _RENAME):
            conn.execute(change, {"source": source_id})
    sampling.take_due(pool, source_id, now=NOW + HOUR - datetime.timedelta(seconds=1))
    assert (seen(pool, "buy"), traits(pool)) == (before[0], before[2])
    assert seen(pool, "view")["brand"] == ["z"], "a few rows are read when they are asked for"
    sampling.take_due(pool, source_id, now=NOW + HOUR + datetime.timedelta(seconds=1))
    assert (seen(pool, "buy")["brand"], traits(pool)) == (["z"], {"tier": ["pro"]})


def test_numbers__of_a_sample__keep_their_digits(source_id: int, pool: Pool) -> None:
    sampling.take_due(pool, source_id, now=NOW)
    (number,) = [one.values for one in lookup.properties(pool, "people", "buy") if one.name == "n"]
    assert number == "[1.50]"


def test_sample__that_is_kept__spares_requests_all_rows(source_id: int, pool: Pool) -> None:
    sampling.take_due(pool, source_id, now=NOW)
    sent: list[str] = []
    with statements.noted(pool.engine, sent.append):
        assert [one.name for one in lookup.offered(pool, "people", ["buy"])] == ["brand", "n"]
        lookup.traits(pool, "people")
    assert len(sent) == 2
    assert not any("FROM events" in one or "FROM people" in one for one in sent)


def test_samples__after_an_erasure_or_a_deletion__are_forgotten(source_id: int, pool: Pool) -> None:
    for remove in (_erase, _finish):
        sampling.take_due(pool, source_id, now=NOW)
        assert count(pool) == 2
        remove(pool, source_id)
        assert count(pool) == 0


def test_run__of_the_chore__takes_what_is_due_and_forgets_what_is_old(
    source_id: int, pool: Pool
) -> None:
    sampling.take_due(pool, source_id, now=NOW - 3 * HOUR)
    with pool.begin() as conn:
        conn.execute(text("DELETE FROM event_days WHERE name = 'buy'"))
    assert sampling.run(pool)
    assert count(pool) == 1, "of the traits; there are too few events by now"
    assert not sampling.run(pool)
    assert sampling.run(pool, every_seconds=0.0)


def count(pool: Pool) -> int:
    with pool.read() as conn:
        return int(conn.execute(text("SELECT count(*) FROM seen_samples")).scalar_one())


def _erase(pool: Pool, source_id: int) -> None:
    with pool.begin() as conn:
        removal.forget(conn, source_id, "ada", b"digest", now=NOW)


def _finish(pool: Pool, source_id: int) -> None:
    doomed = removal.Deletion(id=1, source_id=source_id, name=None, before=None, up_to=0)
    with pool.begin() as conn:
        removal.finish(conn, doomed)


_PEOPLE = text("""
    INSERT INTO people (source_id, person_id, traits, created_at, updated_at, changed)
    SELECT :source, 'p' || n, '{"plan": "pro"}', :at, :at, n FROM generate_series(1, :rows) n
""")

_EVENTS = text("""
    INSERT INTO events (source_id, person_id, time, id, name, received_at, properties)
    SELECT :source, 'p' || n, CAST(:at AS timestamptz) - n * interval '1 s',
           n + hashtext(:name) % 1000 * 1000000 + 1000000000, :name, :at,
           jsonb_build_object('brand', CASE n % 3 WHEN 0 THEN 'y' ELSE 'x' END, 'n', 1.50)
    FROM generate_series(1, :rows) n
""")

_DAYS = text("""
    INSERT INTO event_days (source_id, name, day, events)
    VALUES (:source, :name, CAST(CAST(:at AS timestamptz) AS date), :rows)
""")

_REBRAND = text("""
    UPDATE events SET properties = '{"brand": "z"}' WHERE source_id = :source
""")

_RENAME = text("""UPDATE people SET traits = '{"tier": "pro"}' WHERE source_id = :source""")
