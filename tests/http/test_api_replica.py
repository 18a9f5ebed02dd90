"""The query API with a replica: what is asked there, and what is not."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator

import pytest

from gateway import app, wsgi
from gateway.core.access.scopes import Scope
from gateway.handlers.http import deps
from gateway.settings import Settings
from gateway.store.db.engine import Pool
from tests import replica as replicas
from tests.http.world import KEYS, NO_REDIS, Clock, World


@dataclasses.dataclass(frozen=True, kw_only=True)
class Both:
    """A gateway that has a replica, and that replica."""

    world: World
    replica: Pool


@pytest.fixture(scope="module")
def shared_pool(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pool]:
    """Lend a server of their own to the tests of this file."""
    with replicas.primary(tmp_path_factory.mktemp("primary")) as pool:
        yield pool


@pytest.fixture
def both(pool: Pool, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    """Build the application as gunicorn does where GATEWAY_READ_DATABASE_URL is set."""
    with replicas.following(pool, tmp_path_factory.mktemp("replica")) as server:
        database_url = pool.engine.url.render_as_string(hide_password=False)
        urls = {"DATABASE_URL": database_url, "GATEWAY_READ_DATABASE_URL": server.url}
        made = wsgi.make_deps(Settings.from_environ({**urls, "REDIS_URL": NO_REDIS}))
        clock, replica = Clock(), Pool(server.url, name="test", size=2, limit_seconds=10)
        world = World(pool, app.create_app(dataclasses.replace(made, now=clock)), clock)
        yield Both(world=world, replica=replica)
        for one in (replica, made.reading, made.accepting):
            one.close()


def test_changes__beyond_the_replica_but_not_the_primary__are_the_primarys(both: Both) -> None:
    world = both.world
    world.post("add_members", ["a"])
    world.apply()
    replicas.await_replay(world.pool, both.replica)
    path = f"/v1/cohorts/{world.cohort_id()}/changes"
    world.get(path)
    with replicas.paused(world.pool, both.replica):
        world.post("add_members", ["b"], session="s2")
        world.apply()
        assert world.get(path, after=1)["changes"] == [], "the replica was not asked"
        assert world.get(path, after=2)["changes"] == []
        answer = world.call("GET", f"{path}?after=3")
    assert (answer.status_code, answer.get_json()["last_seq"]) == (409, 2)


def test_calls__with_a_replica__ask_it_about_cohorts_and_the_primary_about_the_rest(
    both: Both,
) -> None:
    world = both.world
    world.post("add_members", ["a"])
    world.apply()
    replicas.await_replay(world.pool, both.replica)
    cohort_id = world.cohort_id()
    path = f"/v1/cohorts/{cohort_id}"
    world.get(path)
    with replicas.paused(world.pool, both.replica):
        world.get(path)
        world.post("add_members", ["b"], session="s2")
        assert world.get("/v1/status")["pending_deliveries"] == 1
        world.apply()
        assert world.members(cohort_id) == ["a"]
        assert world.get("/v1/members/b/cohorts")["cohorts"] == []
        fresh = world.get(f"{path}/members", min_seq=2)["members"]
        assert [one["member_id"] for one in fresh] == ["a", "b"]
        lines = world.call("GET", f"{path}/members?min_seq=2", headers={"Accept": "text/csv"})
        assert len(lines.text.splitlines()) == 3
        assert world.call("GET", f"{path}?min_seq=3").status_code == 503
        body = json.dumps({"cohort_ids": [cohort_id], "member_ids": ["a", "b"]})
        checked = world.call("POST", "/v1/membership/check", data=body).get_json()
        assert checked["memberships"] == {cohort_id: ["a"]}
        assert checked["unknown_cohorts"] == []
        given: deps.Deps = world.app.extensions[deps.EXTENSION]
        given.keys.require(KEYS[Scope.READ], Scope.READ)
    replicas.await_replay(world.pool, both.replica)
    assert world.members(cohort_id) == ["a", "b"]
    assert world.call("DELETE", "/v1/members/a").status_code == 204
    assert world.members(cohort_id) == ["b"]
