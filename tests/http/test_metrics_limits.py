"""What /metrics says of limits that come nearer: snapshots, disk, connections and threads."""

from __future__ import annotations

import contextlib
import dataclasses
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from sqlalchemy import text

from gateway import app, wsgi
from gateway.flows.health import monitoring
from gateway.settings import Settings
from gateway.store.db.engine import Pool
from gateway.store.health import server
from tests.http import scrape
from tests.http.scrape import Scrape
from tests.http.world import NO_REDIS, START, World

GIBIBYTE = 1024**3
EXPIRY = "gateway_snapshot_expiry_timestamp_seconds"


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait as long as it takes: these tests are about what is told, not about when."""
    monkeypatch.setattr(monitoring, "SCRAPE_SECONDS", 30.0)
    monkeypatch.setattr(monitoring, "SEARCH_WAIT_SECONDS", 30.0)


def look(world: World, **environ: str) -> Scrape:
    """Scrape a gateway with these settings on the database and by the clock of that world."""
    return scrape.parse(client(world, **environ).get("/metrics").text)


def client(world: World, **environ: str) -> FlaskClient:
    """Make a client of a gateway with these settings on that database, by that clock."""
    url = world.pool.engine.url.render_as_string(hide_password=False)
    settings = Settings.from_environ({"DATABASE_URL": url, "REDIS_URL": NO_REDIS, **environ})
    made = app.create_app(dataclasses.replace(wsgi.make_deps(settings), now=world.clock))
    return made.test_client()


def days_left(world: World, source: str = "default") -> float | None:
    """How many days a source's first snapshot is still kept; None if nothing is said of it."""
    at = look(world).value(EXPIRY, source=source)
    return None if at is None else (at - world.clock().timestamp()) / 86400


def sync(world: World, session: str, *, cohort: str = "1", source: str = "default") -> None:
    """Play one whole sync of two pages, out of order."""
    for number in (2, 1):
        world.post(
            "add_members",
            [f"{number}"],
            session=session,
            page=(number, 2),
            cohort=cohort,
            source=source,
        )


def test_snapshot__after_each_whole_sync__is_kept_three_days(world: World) -> None:
    sync(world, "s1")
    world.clock.tick(minutes=30)
    assert days_left(world) is None  # it may have been exported once, and that was all
    sync(world, "s2")
    assert days_left(world) == 3
    world.clock.tick(days=2)
    assert days_left(world) == 1
    sync(world, "s3")
    assert days_left(world) == 3


def test_snapshot__syncs_that_miss_a_page__do_not_renew_it(world: World) -> None:
    sync(world, "s1")
    sync(world, "s2")
    for attempt in range(3):
        world.clock.tick(hours=12)
        world.post("add_members", ["a"], session=f"broken-{attempt}", page=(1, 2))
        world.post("remove_members", ["b"], session=f"broken-{attempt}")
    assert days_left(world) == 1.5
    assert look(world).value("gateway_stale_cohorts", source="default") == 0


def test_snapshot__of_several_cohorts__is_the_first_to_expire(world: World) -> None:
    world.add_source("other")
    for session in ("s1", "s2"):
        sync(world, session, cohort="old")
        sync(world, session, source="other")
    world.clock.tick(days=1)
    for session in ("s3", "s4"):
        sync(world, session, cohort="new")
    assert (days_left(world), days_left(world, "other")) == (2, 2)
    world.clock.tick(days=2, seconds=1)
    assert days_left(world) == pytest.approx(1, abs=0.001)
    assert days_left(world, "other") is None  # it has expired: too late for an alert


def test_cohorts__as_many_as_a_source_may_have__are_told_and_refusals_counted(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = look(world).value("gateway_refused_new_cohorts_total", source="default") or 0
    world.post("add_members", ["a"])
    world.post("add_members", ["a"], cohort="2")
    page = look(world, GATEWAY_MAX_COHORTS="3")
    assert page.value("gateway_free_cohorts", source="default") == 1
    assert page.value("gateway_refused_new_cohorts_total", source="default") == before
    monkeypatch.setattr(world, "http", client(world, GATEWAY_MAX_COHORTS="1"))
    world.post("add_members", ["b"])
    for _ in range(2):
        with pytest.raises(AssertionError, match="429"):
            world.post("add_members", ["b"], cohort="3")
    page = look(world, GATEWAY_MAX_COHORTS="1")
    assert page.value("gateway_free_cohorts", source="default") == 0
    assert page.value("gateway_refused_new_cohorts_total", source="default") == before + 2
    assert world.call("DELETE", f"/v1/cohorts/{world.cohort_id()}").status_code == 204
    assert look(world, GATEWAY_MAX_COHORTS="2").value("gateway_free_cohorts", source="default") == 1


def test_snapshot__of_a_deleted_cohort_or_removed_source__does_not_count(world: World) -> None:
    world.add_source("other")
    for session in ("s1", "s2"):
        sync(world, session)
        sync(world, session, cohort="2", source="other")
    assert world.call("DELETE", f"/v1/cohorts/{world.cohort_id()}").status_code == 204
    with world.pool.begin() as conn:
        conn.execute(
            text("UPDATE sources SET removed_at = :now WHERE slug = 'other'"), {"now": START}
        )
    assert (days_left(world), days_left(world, "other")) == (None, None)


def test_snapshot__diffs_with_odd_totals__count_as_whole(world: World) -> None:
    for number in range(2):
        world.post("add_members", [], session=f"s{number}", page=(0, 0))
    assert days_left(world) == 3
    world.apply()
    assert look(world).value("gateway_pending_pages") == 0


def test_database__its_size__is_what_postgres_says(world: World) -> None:
    with world.pool.read() as conn:
        size = conn.execute(text("SELECT pg_database_size(current_database())")).scalar_one()
    page = look(world, GATEWAY_DISK_GIB="3")
    said = page.total("gateway_database_bytes")
    assert said == pytest.approx(size, abs=2**20)
    assert page.value("gateway_database_free_bytes") == 3 * GIBIBYTE - said


def test_database__on_a_disk_nobody_described__says_nothing_of_room(world: World) -> None:
    assert "gateway_database_free_bytes" not in look(world).names()


def test_database__on_a_disk_of_this_machine__has_the_room_of_it(
    world: World, tmp_path: Path
) -> None:
    page = look(world, GATEWAY_DISK_DIR=str(tmp_path))
    free = shutil.disk_usage(tmp_path).free
    assert page.value("gateway_database_free_bytes") == pytest.approx(free, rel=0.05)
    page = look(world, GATEWAY_DISK_DIR=str(tmp_path / "none"))
    assert "gateway_database_free_bytes" not in page.names()


def test_threads__of_all_processes__are_counted(world: World) -> None:
    page = look(world, GATEWAY_WEB_PROCESSES="3", GATEWAY_WEB_THREADS="5")
    assert page.value("gateway_web_threads") == 15


def test_connections__taken_by_others__are_not_free(world: World, pool: Pool) -> None:
    with most_connections_of(pool, 60), pool.read() as conn:
        before = server.room(conn).free_connections
        with pool.read(), pool.read(), pool.read() as other:
            other.execute(text("SELECT 1"))
            assert before - 3 <= server.room(conn).free_connections <= before
        free = look(world).value("gateway_database_free_connections")
        assert free == pytest.approx(before, abs=8)


@contextlib.contextmanager
def most_connections_of(pool: Pool, most: int) -> Iterator[None]:
    """Limit this database's, so that other databases of the server take none of them."""
    database = f'ALTER DATABASE "{pool.engine.url.database}" CONNECTION LIMIT'
    with pool.begin() as conn:
        conn.execute(text(f"{database} {most}"))
    try:
        yield
    finally:
        with pool.begin() as conn:
            conn.execute(text(f"{database} -1"))


def test_connections__of_a_limited_role__are_so_many(pool: Pool) -> None:
    with pool.begin() as conn:
        conn.execute(text("CREATE ROLE limited CONNECTION LIMIT 4"))
        conn.execute(text("SET LOCAL ROLE limited"))
        free = server.room(conn).free_connections
        conn.execute(text("RESET ROLE"))
        conn.execute(text("DROP ROLE limited"))
    assert free == 4


def test_connections__of_a_limited_database__are_so_many(pool: Pool) -> None:
    with pool.begin() as conn:
        mine = "SELECT datname, numbackends FROM pg_stat_database WHERE datname=current_database()"
        name, taken = conn.execute(text(mine)).one()
        conn.execute(text(f'ALTER DATABASE "{name}" CONNECTION LIMIT {taken + 9}'))
        free = server.room(conn).free_connections
        conn.execute(text(f'ALTER DATABASE "{name}" CONNECTION LIMIT -1'))
    assert 0 < free <= 9
