"""The commands beside a running gateway, found by its data folder alone."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from typing import Protocol

import pytest
import sqlalchemy as sa

from gateway.core.cohorts.page import Action
from gateway.simulator import play
from gateway.simulator.mixpanel import Cohort, Page, WebhookSender
from gateway.simulator.service import Service
from gateway.simulator.wire import Wire
from tests.e2e.command import Done, add, run
from tests.stack import API_KEY, PASSWORD, PROJECT, ROOT, USERNAME, Stack, until


class Typed(Protocol):
    """A command typed beside the gateway."""

    def __call__(self, *arguments: str) -> Done:
        """Run it."""


@pytest.fixture
def beside(stack: Stack) -> dict[str, str]:
    """Return the settings of a person in another terminal: no URL of any server."""
    return {"GATEWAY_DATA_DIR": str(stack.data_dir), "PORT": str(stack.port)}


@pytest.fixture
def sender(beside: dict[str, str]) -> dict[str, str]:
    """Return them with the credentials that the gateway was started with."""
    return {
        **beside,
        "GATEWAY_WEBHOOK_USERNAME": USERNAME,
        "GATEWAY_WEBHOOK_PASSWORD": PASSWORD,
        "GATEWAY_API_KEY": API_KEY,
    }


@pytest.fixture
def typed(beside: dict[str, str]) -> Typed:
    """Run commands beside the gateway."""
    return lambda *arguments: run(*arguments, **beside)


def sources_of(stack: Stack, member_id: str) -> list[str]:
    """Return the sources in whose cohorts somebody is."""
    found = stack.api(f"/v1/members/{member_id}/cohorts").json["cohorts"]
    return sorted(one["source"] for one in found)


def shown_password(done: Done) -> str:
    (line,) = [line for line in done.out.splitlines() if "Password" in line]
    return line.split()[-1]


def test_source__from_its_first_to_its_last_command__answers_as_told(
    typed: Typed, stack: Stack
) -> None:
    first = shown_password(typed("source", "add", "eu", "--project", PROJECT))
    assert add(stack, "eu", "wrong", ["ada"], "s1") == 401
    assert add(stack, "eu", first, ["ada"], "s1") == 200
    until(lambda: sources_of(stack, "ada") == ["eu"])
    typed("source", "pause", "eu")
    assert add(stack, "eu", first, ["bob"], "s2") == 503
    typed("source", "resume", "eu")
    assert add(stack, "eu", first, ["bob"], "s2") == 200
    second = shown_password(typed("source", "rotate", "eu"))
    assert [add(stack, "eu", one, [], "s3") for one in (first, second)] == [200, 200]
    third = shown_password(typed("source", "rotate", "eu", "--now"))
    assert [add(stack, "eu", one, [], "s4") for one in (first, second, third)] == [401, 401, 200]
    removed = typed("source", "remove", "eu", "--yes")
    assert (removed.code, "1 of its cohorts" in removed.out) == (0, True)
    assert add(stack, "eu", third, ["ada"], "s5") == 404
    assert sources_of(stack, "ada") == []
    assert stack.api("/v1/cohorts", source="eu").json["cohorts"] == []


def test_source__without_authentication__takes_pages_from_anybody(
    typed: Typed, stack: Stack
) -> None:
    typed("source", "add", "open", "--no-auth")
    assert add(stack, "open", None, ["ada"], "s1") == 200


def test_key__created_and_revoked__opens_and_then_does_not(typed: Typed, stack: Stack) -> None:
    key = typed("key", "create", "crm", "--scope", "read").out.strip()
    bearer = {"Authorization": f"Bearer {key}"}
    assert stack.call("GET", "/v1/cohorts", headers=bearer).status == 200
    assert typed("key", "revoke", "crm").code == 0
    until(lambda: stack.call("GET", "/v1/cohorts", headers=bearer).status == 401)


def test_key__replaced_or_expired__opens_no_more(typed: Typed, stack: Stack) -> None:
    def opened(key: str) -> int:
        return stack.call("GET", "/v1/cohorts", headers={"Authorization": f"Bearer {key}"}).status

    first = typed("key", "create", "shop", "--scope", "read").out.strip()
    made = typed("key", "create", "shop", "--scope", "read", "--replace", "--expires", "90d")
    until(lambda: opened(first) == 401)
    assert opened(made.out.strip()) == 200
    assert "is revoked" in made.err
    state = [line for line in typed("key", "list").out.splitlines() if " shop " in line][-1]
    assert "valid until" in state
    with stack.pool() as pool, pool.begin() as conn:
        conn.execute(sa.text("UPDATE api_keys SET expires_at = now() WHERE name = 'shop'"))
    until(lambda: opened(made.out.strip()) == 401)
    assert "expired" in typed("key", "list").out
    for nonsense in ("90", "soon", "2020-01-01", "1e9d", "-1d"):
        done = typed("key", "create", "late", "--scope", "read", "--expires", nonsense)
        assert done.code in {1, 2}
        assert done.err.startswith("error: ")


def test_erase__somebody__leaves_nothing_to_read(typed: Typed, stack: Stack) -> None:
    assert add(stack, "default", PASSWORD, ["eve", "fay"], "e1") == 200
    until(lambda: sources_of(stack, "eve") == ["default"])
    assert typed("erase", "eve", "--source", "default", "--yes").code == 0
    assert (sources_of(stack, "eve"), sources_of(stack, "fay")) == ([], ["default"])


@pytest.mark.parametrize("which", ["every", "of the cohort", "this one"])
def test_replay__of_a_blocked_page__has_it_applied(typed: Typed, stack: Stack, which: str) -> None:
    assert add(stack, "default", PASSWORD, ["gus"], f"r-{which}") == 200
    stack.settle()
    cohort_id, number = block_newest(stack, "live")
    delivery_id = f"{cohort_id}-{number}"
    arguments = {
        "every": ["--blocked"],
        "of the cohort": ["--blocked", "--cohort", cohort_id],
        "this one": [delivery_id],
    }[which]
    done = typed("replay", *arguments)
    assert (done.code, delivery_id in done.out) == (0, True)
    stack.settle()
    left = stack.api("/v1/deliveries").json["deliveries"]
    assert delivery_id not in [one["id"] for one in left]
    again = typed("replay", delivery_id)
    assert (again.code, "no such delivery" in again.err) == (1, True)


def test_replay__of_another_cohort__leaves_a_blocked_page_alone(typed: Typed, stack: Stack) -> None:
    assert add(stack, "default", PASSWORD, ["hal"], "r-other") == 200
    stack.settle()
    cohort_id, number = block_newest(stack, "live")
    done = typed("replay", "--blocked", "--cohort", str(int(cohort_id) + 1_000_000))
    assert (done.code, f"{cohort_id}-" in done.out) == (0, False)
    assert typed("replay", f"{cohort_id}-{number}").code == 0
    stack.settle()


def block_newest(stack: Stack, external_id: str) -> tuple[str, str]:
    """Set the newest page of a cohort aside, as if applying it had failed."""
    cohort_id = stack.cohort(external_id, source="default")["id"]
    with stack.pool() as pool, pool.begin() as conn:
        number = conn.execute(
            sa.text("""
                INSERT INTO blocked_deliveries
                    (cohort_id, number, attempts, code, reason, blocked_at)
                SELECT cohort_id, max(number), 3, 'poison', 'a test', now() FROM deliveries
                WHERE cohort_id = :cohort_id GROUP BY cohort_id
                RETURNING number
            """),
            {"cohort_id": int(cohort_id)},
        ).scalar_one()
    return cohort_id, str(number)


def test_simulate__beside_a_gateway__finds_every_member_and_change_right(
    sender: dict[str, str],
) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "gateway", "simulate", "--members", "2000", "--seed", "1"],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], **sender},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "Right: its 4 members and 8 changes" in done.stdout
    assert "Right: its 2,000 members and" in done.stdout
    assert "pages/s" in done.stdout


def test_simulate__again_on_the_same_cohort__is_right_again(sender: dict[str, str]) -> None:
    for _ in range(2):
        done = run("simulate", "--members", "40", "--cohort", "mine", "--keep", **sender)
        assert (done.code, done.err) == (0, "")


def test_simulate__with_a_stranger_among_the_members__says_what_is_wrong(
    stack: Stack,
) -> None:
    wire = Wire(f"http://127.0.0.1:{stack.port}")
    courier = WebhookSender(
        wire, "/webhooks/mixpanel/default", login=(USERNAME, PASSWORD), sleep=time.sleep
    )
    plan = play.Plan(source="default", project_id="p", cohort_id="odd", members=30, seed=1)
    stranger = Page(
        cohort=Cohort(project_id="p", cohort_id="odd-crowd", name="odd"),
        action=Action.ADD,
        session_id="stranger",
        number=1,
        total=1,
        member_ids=("stranger",),
    )
    result = play.play(
        plan,
        "crowd",
        courier=courier,
        service=Service(wire, API_KEY, sleep=time.sleep),
        say=lambda _text: None,
        sent=lambda: courier.deliver(stranger),
    )
    wire.close()
    assert any("stranger" in difference for difference in result.verdict.differences)


def test_simulate__with_kept_credentials_that_are_not_the_gateways__stops_as_mixpanel_does(
    beside: dict[str, str],
) -> None:
    done = run("simulate", **beside, GATEWAY_API_KEY=API_KEY)
    assert done.code == 1
    assert "answered 401" in done.err
    assert "pause the sync" in done.err


def test_simulate__through_another_source__posts_to_its_url(
    typed: Typed, stack: Stack, sender: dict[str, str]
) -> None:
    password = shown_password(typed("source", "add", "sim"))
    url = f"http://127.0.0.1:{stack.port}/webhooks/mixpanel/sim"
    done = run(
        *("simulate", "--members", "10", "--url", url),
        **{**sender, "GATEWAY_WEBHOOK_PASSWORD": password},
    )
    assert (done.code, done.err) == (0, "")
    assert stack.api("/v1/cohorts", source="sim").json["cohorts"] == []
    assert (
        len(typed("cohort", "list", "--source", "sim", "--deleted", "--json").document()["cohorts"])
        == 2
    )


def test_simulate__however_it_ends__leaves_no_cohort_of_its_own(
    typed: Typed, stack: Stack, sender: dict[str, str]
) -> None:
    def left(beginning: str) -> int:
        found = stack.api("/v1/cohorts", source="default", project_id="clean").json["cohorts"]
        return sum(one["external_id"].startswith(beginning) for one in found)

    here = ("--project", "clean", "--members", "10")
    done = run("simulate", *here, "--cohort", "ended", "--json", **sender)
    assert (done.code, done.err, left("ended")) == (0, "", 0)
    assert [one["differences"] for one in done.document()["cohorts"]] == [[], []]
    assert run("simulate", *here, "--cohort", "stays", "--keep", **sender).code == 0
    assert run("simulate", *here, "--cohort", "stays", **sender).code == 0
    assert left("stays") == 2
    reading = typed("key", "create", "reading", "--scope", "read").out.strip()
    kept = run("simulate", *here, "--cohort", "unable", **{**sender, "GATEWAY_API_KEY": reading})
    assert (kept.code, left("unable")) == (0, 2)
    assert "scope admin" in kept.err


def test_simulate__stopped_by_its_operator__leaves_no_cohort_of_its_own(
    stack: Stack, sender: dict[str, str]
) -> None:
    arguments = ["simulate", "--members", "200000", "--project", "stopped"]
    process = subprocess.Popen(
        [sys.executable, "-m", "gateway", *arguments],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], **sender},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )

    def crowd() -> list[str]:
        found = stack.api("/v1/cohorts", project_id="stopped").json["cohorts"]
        return [one["id"] for one in found if one["external_id"].endswith("-crowd")]

    until(lambda: crowd() != [])
    process.send_signal(signal.SIGINT)
    _, said = process.communicate()
    assert (process.returncode, said.decode()) == (1, "\nerror: stopped by the operator\n")
    assert stack.api("/v1/cohorts", project_id="stopped").json["cohorts"] == []


def test_simulate__with_the_wrong_key__says_which_one_it_needs(sender: dict[str, str]) -> None:
    done = run("simulate", **{**sender, "GATEWAY_API_KEY": "wrong"})
    assert (done.code, "scope read" in done.err) == (1, True)


def test_check__beside_a_gateway__finds_its_servers_good(typed: Typed) -> None:
    done = typed("check", "--json")
    # Of the servers alone: what other tests leave open on this gateway is rightly warned of.
    found = {(one["subject"], one["level"]) for one in done.document()["findings"]}
    servers = {(subject, level) for subject, level in found if subject in {"postgres", "redis"}}
    assert (done.code, servers) == (0, {("postgres", "ok"), ("redis", "ok")})
