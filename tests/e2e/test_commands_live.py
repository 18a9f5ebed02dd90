"""The commands beside a running gateway, found by its data folder alone."""

from __future__ import annotations

import http.client
import json
import os
import pathlib
import subprocess
import sys
import time
from base64 import b64encode
from collections.abc import Callable, Iterator
from typing import Any, Protocol

import pytest
import sqlalchemy as sa

from gateway.embedded import running as embedded_running
from gateway.simulator import play
from gateway.simulator.mixpanel import Action, Cohort, Courier, Page
from gateway.simulator.service import Service
from gateway.simulator.wire import Wire
from tests.e2e.command import Done, run
from tests.e2e.running import Running

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
# Only a test that hangs meets it; nothing is measured.
PATIENCE_SECONDS = 20.0


class Typed(Protocol):
    """A command typed beside the gateway."""

    def __call__(self, *arguments: str) -> Done:
        """Run it."""


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Run one gateway for the tests of this file."""
    folder = tmp_path_factory.mktemp("gateway")
    started = Running(checkout=ROOT, data_dir=folder / "data").start()
    try:
        yield started.await_greeting()
    finally:
        started.kill_everything()


@pytest.fixture
def beside(gateway: Running) -> dict[str, str]:
    """Return the settings of a person in another terminal: no URL and no credentials."""
    return {"GATEWAY_DATA_DIR": str(gateway.data_dir), "PORT": str(gateway.port)}


@pytest.fixture
def typed(beside: dict[str, str]) -> Typed:
    """Run commands beside the gateway."""
    return lambda *arguments: run(*arguments, **beside)


class Caller:
    """Posts pages and asks, as its own little client."""

    def __init__(self, gateway: Running) -> None:
        self.port = gateway.port
        kept = json.loads((gateway.data_dir / "credentials.json").read_text())
        self.password: str = kept["webhook_password"]
        self.api_key: str = kept["api_key"]

    def post(self, slug: str, password: str | None, members: list[str], session: str) -> int:
        """Add people to the cohort `live` of project 1; the status."""
        page = {
            "action": "add_members",
            "parameters": {
                "mixpanel_project_id": "1",
                "mixpanel_cohort_id": "live",
                "mixpanel_session_id": session,
                "page_info": {"total_pages": 1, "page_count": 1},
                "members": [{"mixpanel_distinct_id": one} for one in members],
            },
        }
        pair = b64encode(f"mixpanel:{password}".encode()).decode()
        headers = {} if password is None else {"Authorization": f"Basic {pair}"}
        return self._call("POST", f"/webhooks/mixpanel/{slug}", headers, json.dumps(page))[0]

    def get(self, path: str, key: str | None = None) -> tuple[int, Any]:
        """Ask the API; the status and the JSON."""
        return self._call("GET", path, {"Authorization": f"Bearer {key or self.api_key}"}, None)

    def cohorts_of(self, member_id: str) -> list[str]:
        """Return the sources in whose cohorts somebody is."""
        _, document = self.get(f"/v1/members/{member_id}/cohorts")
        return sorted(one["source"] for one in document["cohorts"])

    def _call(
        self, method: str, path: str, headers: dict[str, str], body: str | None
    ) -> tuple[int, Any]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_SECONDS)
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read() or b"null")
        finally:
            connection.close()


@pytest.fixture
def caller(gateway: Running) -> Caller:
    """Call the gateway over HTTP."""
    return Caller(gateway)


def eventually(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def shown_password(done: Done) -> str:
    (line,) = [line for line in done.out.splitlines() if "Password" in line]
    return line.split()[-1]


def test_source__from_its_first_to_its_last_command__answers_as_told(
    typed: Typed, caller: Caller
) -> None:
    first = shown_password(typed("source", "add", "eu", "--project", "1"))
    assert caller.post("eu", "wrong", ["ada"], "s1") == 401
    assert caller.post("eu", first, ["ada"], "s1") == 200
    eventually(lambda: caller.cohorts_of("ada") == ["eu"])
    typed("source", "pause", "eu")
    assert caller.post("eu", first, ["bob"], "s2") == 503
    typed("source", "resume", "eu")
    assert caller.post("eu", first, ["bob"], "s2") == 200
    second = shown_password(typed("source", "rotate", "eu"))
    assert [caller.post("eu", one, [], "s3") for one in (first, second)] == [200, 200]
    third = shown_password(typed("source", "rotate", "eu", "--now"))
    assert [caller.post("eu", one, [], "s4") for one in (first, second, third)] == [401, 401, 200]
    removed = typed("source", "remove", "eu", "--yes")
    assert (removed.code, "1 of its cohorts" in removed.out) == (0, True)
    assert caller.post("eu", third, ["ada"], "s5") == 404
    assert caller.cohorts_of("ada") == []
    assert caller.get("/v1/cohorts?source=eu")[1]["cohorts"] == []


def test_source__without_authentication__takes_pages_from_anybody(
    typed: Typed, caller: Caller
) -> None:
    typed("source", "add", "open", "--no-auth")
    assert caller.post("open", None, ["ada"], "s1") == 200


def test_key__created_and_revoked__opens_and_then_does_not(typed: Typed, caller: Caller) -> None:
    key = typed("key", "create", "crm", "--scope", "read").out.strip()
    assert caller.get("/v1/cohorts", key)[0] == 200
    assert typed("key", "revoke", "crm").code == 0
    eventually(lambda: caller.get("/v1/cohorts", key)[0] == 401)


def test_erase__somebody__leaves_nothing_to_read(typed: Typed, caller: Caller) -> None:
    assert caller.post("default", caller.password, ["eve", "fay"], "e1") == 200
    eventually(lambda: caller.cohorts_of("eve") == ["default"])
    assert typed("erase", "eve", "--source", "default", "--yes").code == 0
    assert (caller.cohorts_of("eve"), caller.cohorts_of("fay")) == ([], ["default"])


def test_replay__of_blocked_pages__has_them_applied(
    typed: Typed, caller: Caller, gateway: Running
) -> None:
    assert caller.post("default", caller.password, ["gus"], "r1") == 200
    eventually(lambda: caller.cohorts_of("gus") == ["default"])
    url = embedded_running.postgres_url(gateway.data_dir)
    assert url is not None
    engine = sa.create_engine(url)

    def block() -> str:
        with engine.begin() as conn:
            cohort_id, number = conn.execute(
                sa.text("""
                    INSERT INTO blocked_deliveries
                        (cohort_id, number, attempts, code, reason, blocked_at)
                    SELECT cohort_id, max(number), 3, 'poison', 'a test', now() FROM deliveries
                    WHERE cohort_id = (SELECT max(cohort_id) FROM deliveries) GROUP BY cohort_id
                    RETURNING cohort_id, number""")
            ).one()
        return f"{cohort_id}-{number}"

    def is_settled() -> bool:
        status = caller.get("/v1/status")[1]
        return (status["blocked_deliveries"], status["pending_deliveries"]) == (0, 0)

    eventually(is_settled)
    for arguments in (("--blocked",), ("--blocked", "--cohort"), ()):
        delivery_id = block()
        assert caller.get("/v1/status")[1]["blocked_deliveries"] == 1
        which = {
            (): [delivery_id],
            ("--blocked",): ["--blocked"],
        }.get(arguments, [*arguments, delivery_id.partition("-")[0]])
        done = typed("replay", *which)
        assert (done.code, delivery_id in done.out) == (0, True)
        eventually(is_settled)
    engine.dispose()


def test_simulate__beside_a_gateway__finds_every_member_and_change_right(
    beside: dict[str, str],
) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "gateway", "simulate", "--members", "3000", "--seed", "1"],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], **beside},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "Right: its 4 members and 8 changes" in done.stdout
    assert "Right: its 3,000 members and" in done.stdout
    assert "pages/s" in done.stdout


def test_simulate__again_on_the_same_cohort__is_right_again(typed: Typed) -> None:
    for _ in range(2):
        done = typed("simulate", "--members", "40", "--cohort", "mine")
        assert (done.code, done.err) == (0, "")


def test_simulate__with_a_stranger_among_the_members__says_what_is_wrong(
    gateway: Running, caller: Caller
) -> None:
    wire = Wire(f"http://127.0.0.1:{gateway.port}")
    courier = Courier(
        wire, "/webhooks/mixpanel/default", login=("mixpanel", caller.password), sleep=time.sleep
    )
    plan = play.Plan(source="default", project_id="p", cohort_id="odd", members=30, seed=1)
    stranger = Page(
        cohort=Cohort(project_id="p", cohort_id="odd-crowd", name="odd"),
        action=Action.ADD_MEMBERS,
        session_id="stranger",
        number=1,
        total=1,
        member_ids=("stranger",),
    )
    result = play.play(
        plan,
        "crowd",
        courier=courier,
        service=Service(wire, caller.api_key, sleep=time.sleep),
        say=lambda _text: None,
        sent=lambda: courier.deliver(stranger),
    )
    wire.close()
    assert any("stranger" in difference for difference in result.verdict.differences)


def test_simulate__with_the_wrong_password__stops_as_mixpanel_does(
    beside: dict[str, str],
) -> None:
    done = run("simulate", **beside, GATEWAY_WEBHOOK_PASSWORD="wrong")
    assert done.code == 1
    assert "answered 401" in done.err
    assert "pause the sync" in done.err


def test_simulate__with_the_wrong_key__says_which_one_it_needs(beside: dict[str, str]) -> None:
    done = run("simulate", **beside, GATEWAY_API_KEY="wrong")
    assert (done.code, "scope read" in done.err) == (1, True)


def test_check__beside_a_gateway__finds_its_servers_good(typed: Typed) -> None:
    done = typed("check", "--json")
    levels = {one["level"] for one in done.document()["findings"]}
    assert (done.code, levels) == (0, {"ok"})
