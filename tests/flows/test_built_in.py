"""The sources that come with the gateway, in new databases and in those of versions before."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from gateway import errors
from gateway.core.health import installation_rules
from gateway.core.health.installation_rules import BuiltInFacts
from gateway.flows.health import schema
from gateway.flows.sources import admin, built_in
from gateway.store.db import schema_version
from gateway.store.db.engine import Pool
from gateway.store.sources import sources
from tests.model.desk import START

MADE = ["source lists: made", "source people: made"]
THERE = ["source lists: there already", "source people: there already"]


def slugs(pool: Pool) -> list[str]:
    return [one.slug for one in admin.listing(pool, now=START)]


def test_made__wherever_it_is_missing__is_there_once(pool: Pool) -> None:
    assert built_in.make(pool, now=START) == MADE
    assert built_in.make(pool, now=START) == THERE
    assert slugs(pool) == ["lists", "people"]


def test_made__by_several_processes__is_there_once(pool: Pool) -> None:
    with ThreadPoolExecutor(6) as threads:
        done = list(threads.map(lambda _: built_in.make(pool, now=START), range(6)))
    assert sorted(done) == sorted([MADE] + [THERE] * 5)


def test_made__where_another_process_is_making_it__is_there_already(pool: Pool) -> None:
    with ThreadPoolExecutor(1) as threads, pool.begin() as conn:
        built_in.ensure(conn, now=START)
        waiting = threads.submit(built_in.make, pool, now=START)
        while not waiting.running():
            pass
        with pytest.raises(TimeoutError):
            waiting.result(timeout=0.3)
        conn.commit()
        assert waiting.result() == THERE


def test_slug__of_a_source_of_mixpanel__stays_with_it(pool: Pool) -> None:
    admin.add(pool, admin.Wanted(slug="lists"), now=START)
    line = "source lists: not made: a source of kind mixpanel has this slug"
    assert built_in.make(pool, now=START) == [line, MADE[1]]
    admin.remove(pool, "lists", now=START)
    assert built_in.make(pool, now=START) == [MADE[0], THERE[1]]
    with pytest.raises(errors.Conflict, match="comes with"):
        admin.remove(pool, "lists", now=START)
    assert slugs(pool) == ["lists", "people"]


def test_prepared__database__has_them_and_is_no_less_new(empty_url: str) -> None:
    from_nothing = schema_version.head()
    pool = Pool(empty_url, name="test", size=2, limit_seconds=60)
    assert schema.prepare(pool, now=START) == from_nothing
    assert slugs(pool) == ["lists", "people"]
    with pool.begin() as conn:
        assert not sources.were_any(conn)
        conn.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
        conn.exec_driver_sql("UPDATE sources SET removed_at = now()")
    assert schema.prepare(pool, now=START) == "9999"
    assert slugs(pool) == [], "a newer version's tables may be others"
    pool.close()


def test_check__of_what_is_missing_or_in_the_way__says_so() -> None:
    facts = [
        BuiltInFacts(slug="lists", kind="list", found="list"),
        BuiltInFacts(slug="lists", kind="list", found=None),
        BuiltInFacts(slug="lists", kind="list", found="mixpanel"),
    ]
    missing, other = installation_rules.built_in(facts)
    assert "is not there" in missing.text
    assert "of kind mixpanel" in other.text
