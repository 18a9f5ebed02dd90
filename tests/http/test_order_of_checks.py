"""The order of the webhook's checks: of everything that is wrong, the first thing is answered."""

from __future__ import annotations

import base64
import dataclasses
import json
from collections.abc import Callable, Iterator
from typing import Any, Final

import pytest
from sqlalchemy import text

from gateway.flows.sources import admin
from gateway.handlers.http import deps
from gateway.store.db.engine import Pool
from tests.http.world import Clock, World, make_app

PAGE: Final = {
    "action": "add_members",
    "parameters": {
        "mixpanel_project_id": "1",
        "mixpanel_cohort_id": "known",
        "mixpanel_session_id": "s",
        "members": [{"distinct_id": "a"}],
    },
}
GOOD: Final = "Basic " + base64.b64encode(b"shop:a long password").decode()
REVISION: Final = text("SELECT version_num FROM alembic_version")
SET_REVISION: Final = text("UPDATE alembic_version SET version_num = :revision")


class Trouble:
    """A source, and one request to it with as much wrong as is asked for."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.path = "/webhooks/mixpanel/shop"
        self.method = "POST"
        self.headers = {"Authorization": GOOD}
        self.environ: dict[str, Any] = {}
        self.page = json.loads(json.dumps(PAGE))

    def send(self) -> tuple[int, str | None, str]:
        """Send it, and return the answer's status, action and message."""
        answer = self.world.http.open(
            self.path,
            method=self.method,
            data=json.dumps(self.page),
            headers=self.headers,
            environ_overrides=self.environ,
        )
        told, status = answer.get_json(), answer.status_code
        assert answer.content_type == "application/json"
        assert ("Retry-After" in answer.headers) == (status in (429, 503))
        assert told["status"] == ("success" if status == 200 else "failure")
        return status, told["action"], told.get("error", {"message": ""})["message"]

    def change(self, **parts: Any) -> None:  # noqa: ANN401 - of `Changes`
        """Change the source."""
        now = self.world.clock()
        admin.change(self.world.pool, "shop", admin.Changes(**parts), now=now)

    def body(self, fate: str) -> None:
        """Let the front door say what became of the body."""
        self.environ["gateway.body"] = fate

    def migrate(self, revision: str) -> None:
        """Move the schema's revision, and forget that it was good."""
        with self.world.pool.begin() as conn:
            conn.execute(SET_REVISION, {"revision": revision})
        given: deps.Deps = self.world.app.extensions[deps.EXTENSION]
        given.readiness._believed_until = 0.0  # noqa: SLF001

    def delete(self) -> None:
        """Delete the cohort."""
        path = f"/v1/cohorts/{self.world.cohort_id('known')}"
        assert self.world.call("DELETE", path).status_code == 204


@dataclasses.dataclass(frozen=True, kw_only=True)
class Check:
    """What is wrong, how it comes about, and what is answered then."""

    name: str
    spoil: Callable[[Trouble], object]
    status: int
    words: str
    echoes: bool = True


# In the order of interface 1.1.
CHECKS: Final = (
    Check(
        name="method",
        spoil=lambda to: setattr(to, "method", "PUT"),
        status=405,
        words="POST only",
        echoes=False,
    ),
    Check(
        name="stopping",
        spoil=lambda to: to.environ.update({"gateway.stopping": True}),
        status=503,
        words="being restarted",
    ),
    Check(
        name="migrations",
        spoil=lambda to: to.migrate("0001"),
        status=503,
        words="migrations are pending",
    ),
    Check(
        name="body",
        spoil=lambda to: to.body("too_large"),
        status=400,
        words="larger than",
        echoes=False,
    ),
    Check(
        name="source",
        spoil=lambda to: setattr(to, "path", "/webhooks/mixpanel/nowhere"),
        status=404,
        words="no such source",
    ),
    Check(name="credentials", spoil=lambda to: to.headers.clear(), status=401, words="user name"),
    Check(name="paused", spoil=lambda to: to.change(paused=True), status=503, words="is paused"),
    Check(
        name="shape",
        spoil=lambda to: to.page["parameters"].update(members=[{"distinct_id": " "}]),
        status=400,
        words="usable id",
    ),
    Check(
        name="project",
        spoil=lambda to: to.change(config={"project_ids": ["2"]}),
        status=403,
        words="mixpanel_project_id",
    ),
    Check(name="cohort", spoil=Trouble.delete, status=404, words="was deleted"),
    Check(
        name="backlog",
        spoil=lambda to: to.world.post("add_members", ["x"], cohort="another"),
        status=429,
        words="waiting to be applied",
    ),
)


@pytest.fixture
def trouble(pool: Pool, database_url: str, clock: Clock) -> Iterator[Trouble]:
    """Lend a good request to a source that is pinned to its project and knows its cohort."""
    made = make_app(database_url, clock, GATEWAY_MAX_PENDING_PAGES="1")
    world = World(pool, made, clock)
    login = admin.Login(username="shop", password="a long password")
    wanted = admin.Wanted(slug="shop", login=login, config={"project_ids": ["1"]})
    admin.add(pool, wanted, now=clock())
    with pool.read() as conn:
        revision = conn.execute(REVISION).scalar_one()
    lent = Trouble(world)
    assert lent.send() == (200, "add_members", "")
    world.apply()
    yield lent
    lent.migrate(revision)
    given: deps.Deps = made.extensions[deps.EXTENSION]
    given.reading.close()
    given.accepting.close()


@pytest.mark.parametrize("place", range(len(CHECKS)), ids=[check.name for check in CHECKS])
def test_checks__all_fail_from_one_on__that_one_is_answered(trouble: Trouble, place: int) -> None:
    failing = CHECKS[place:]
    for check in reversed(failing):  # a source that is paused, say, makes no backlog any more
        check.spoil(trouble)
    status, action, message = trouble.send()
    assert status == failing[0].status
    assert failing[0].words in message
    assert action in ("add_members", None)


@pytest.mark.parametrize("check", CHECKS, ids=[check.name for check in CHECKS])
def test_checks__one_fails__it_is_answered_with_the_action_if_that_was_read(
    trouble: Trouble, check: Check
) -> None:
    check.spoil(trouble)
    status, action, message = trouble.send()
    assert (status, action) == (check.status, "add_members" if check.echoes else None)
    assert check.words in message


@pytest.mark.parametrize("later", CHECKS[3:], ids=[check.name for check in CHECKS[3:]])
def test_checks__body_cut_and_more__is_503_and_nothing_that_pauses_a_sync(
    trouble: Trouble, later: Check
) -> None:
    later.spoil(trouble)
    trouble.body("cut")
    status, action, message = trouble.send()
    assert (status, action) == (503, None)
    assert "did not come to its end" in message
