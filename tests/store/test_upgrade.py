"""Databases of the versions before: they migrate with nothing lost, and go on where they were."""

from __future__ import annotations

import datetime
import json
import pathlib
from collections.abc import Iterator
from typing import Any, Final

import pytest
from flask.testing import FlaskClient

from gateway.core.access.scopes import Scope
from gateway.flows.cohorts.apply import Applier
from gateway.flows.health import schema
from gateway.handlers.http import deps
from gateway.store.cohorts import inbox
from gateway.store.db import schema_version
from gateway.store.db.engine import Pool
from tests.http.world import KEYS, Clock, make_app

FOLDER: Final = pathlib.Path(__file__).parent.parent / "data" / "upgrade"
DUMPS: Final = sorted(path.stem for path in FOLDER.glob("*.sql"))


@pytest.fixture(params=DUMPS)
def dumped(request: pytest.FixtureRequest) -> Any:  # noqa: ANN401 - JSON
    """What the version of a dump answered, before and after it applied what waited."""
    return json.loads((FOLDER / f"{request.param}.json").read_text()) | {"name": request.param}


@pytest.fixture
def restored(dumped: Any, empty_url: str) -> Iterator[Pool]:  # noqa: ANN401 - JSON
    """Lend a database with the dump, as it was."""
    pool = Pool(empty_url, name="test", size=4, limit_seconds=60)
    with pool.begin() as conn:
        conn.exec_driver_sql((FOLDER / f"{dumped['name']}.sql").read_text().replace("%", "%%"))
    yield pool
    pool.close()


@pytest.fixture
def http(restored: Pool, clock: Clock) -> Iterator[FlaskClient]:
    """Migrate that database, and lend an application on it."""
    assert schema.migrate(restored) == schema_version.head()
    app = make_app(restored.engine.url.render_as_string(hide_password=False), clock)
    yield app.test_client()
    given: deps.Deps = app.extensions[deps.EXTENSION]
    given.reading.close()
    given.accepting.close()


@pytest.fixture
def clock(dumped: Any) -> Clock:  # noqa: ANN401 - JSON
    """Lend a clock that stands where the dump was made."""
    made = Clock()
    made.now = datetime.datetime.fromisoformat(dumped["dumped_at"])
    return made


def test_dump__migrated__answers_what_its_version_answered(
    dumped: Any,  # noqa: ANN401 - JSON
    http: FlaskClient,
) -> None:
    assert _differences(dumped["dumped"], _answers(http, dumped)) == []


def test_dump__migrated__applies_what_waited_to_the_same_end(
    dumped: Any,  # noqa: ANN401 - JSON
    http: FlaskClient,
    restored: Pool,
    clock: Clock,
) -> None:
    applier = Applier(restored, now=clock)
    for _ in range(2):
        clock.tick(seconds=10)
        with restored.read() as conn:
            waiting = inbox.waiting_cohorts(conn)
        for cohort_id in waiting:
            applier.drain(cohort_id)
    assert clock() == datetime.datetime.fromisoformat(dumped["applied_at"])
    assert _differences(dumped["applied"], _answers(http, dumped)) == []


def test_dump__before_it_is_migrated__is_of_its_revision(dumped: Any, restored: Pool) -> None:  # noqa: ANN401 - JSON
    with restored.read() as conn:
        assert schema_version.current(conn) == dumped["name"]
    for expected, found in (([1], [1, 2]), ({"a": 1}, {"a": 2}), ({"a": 1}, {}), ("1", 1)):
        assert _differences(expected, found) != []


def _answers(http: FlaskClient, dumped: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    """Ask all that was asked when the dump was made."""
    found = {}
    for path in dumped["dumped"]:
        method, url, sent = "GET", path, None
        if path == "check":
            method, url, sent = "POST", "/v1/membership/check", dumped["check"]
        elif path == "status":
            url = "/v1/status"
        key = {"Authorization": f"Bearer {KEYS[Scope.ADMIN]}"}
        answer = http.open(url, method=method, headers=key, json=sent)
        found[path] = [answer.status_code, answer.get_json()]
    return found


def _differences(expected: Any, found: Any, place: str = "") -> list[str]:  # noqa: ANN401 - JSON
    """Tell where an answer is not what it was; what newer versions add is none."""
    if isinstance(expected, dict) and isinstance(found, dict):
        return [
            one
            for name in expected
            for one in _differences(expected[name], found.get(name), f"{place}.{name}")
        ]
    if isinstance(expected, list) and isinstance(found, list) and len(expected) == len(found):
        pairs = zip(expected, found, strict=True)
        return [
            one
            for number, (before, now) in enumerate(pairs)
            for one in _differences(before, now, f"{place}[{number}]")
        ]
    same = type(expected) is type(found) and expected == found
    return [] if same else [f"{place}: {expected!r} became {found!r}"]
