"""The whole gateway, seen as its operators see it: its logs, /metrics and /readyz."""

from __future__ import annotations

import collections
import json
import os
import signal
import time
from collections.abc import Iterator

import pytest
from sqlalchemy import text

from gateway.series import SERIES, Kind
from gateway.store.cohorts import inbox
from gateway.store.db.engine import Pool
from tests import stack as stacks
from tests.e2e import watching
from tests.e2e.watching import KEY, PASSWORD, PERSON, SECRET, SOMEBODY, USER
from tests.stack import Stack

REQUEST_ID = "0f4a9c1e7d7b4c6a9d5e1b2c3d4e5f60"

# Lines of a roster that COPY refuses in different ways, and one that is no roster at all.
POISONS = (
    "\t".join([PERSON, *["\\N"] * 5, PERSON]).encode(),
    "\t".join([*[PERSON] * 6, "{}", PERSON]).encode(),
    f"{PERSON}\t{PERSON}".encode(),
    None,
)


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Start one gateway for these tests, with two processes of each kind and secrets of ours."""
    with stacks.running(
        tmp_path_factory.mktemp("observability"),
        GATEWAY_WORKERS="2",
        GATEWAY_LOG_LEVEL="debug",
        GATEWAY_WEBHOOK_USERNAME=USER,
        GATEWAY_WEBHOOK_PASSWORD=PASSWORD,
        GATEWAY_API_KEY=KEY,
    ) as stack:
        watching.await_workers(stack, 2)
        yield stack


def test_metrics__after_some_work__has_a_sample_of_every_series(gateway: Stack) -> None:
    for session in ("s1", "s2"):  # only of what was synced twice a next time is expected
        people: list[object] = [SOMEBODY, {"no": "id"}]
        assert watching.post(gateway, "1", session, people, action="members") == 200
    watching.await_applied(gateway)
    shown = watching.look(gateway).names()
    for series in SERIES:
        part = "_count" if series.kind is Kind.HISTOGRAM else ""
        assert f"{series.name}{part}" in shown


def test_metrics__of_several_processes__add_up_whichever_answers(gateway: Stack) -> None:
    before = watching.look(gateway)
    for number in range(20):
        assert watching.post(gateway, "2", f"s{number}", [f"{number}", SOMEBODY]) == 200
        assert watching.send(gateway, b"{") == 400
    watching.await_applied(gateway)
    applied = "gateway_apply_duration_seconds_count"
    watching.look_until(gateway, lambda page: page.total(applied) > before.total(applied))
    for page in [watching.look(gateway) for _ in range(6)]:
        rose = {
            name: page.total(name, **labels) - before.total(name, **labels)
            for name, labels in (
                ("gateway_accepted_pages_total", {"source": "default"}),
                ("gateway_accept_duration_seconds_count", {}),
                ("gateway_rejected_requests_total", {"status": "400"}),
                ("gateway_skipped_members_total", {"reason": "not_an_object"}),
            )
        }
        assert set(rose.values()) == {20}, rose
        assert page.value("gateway_workers_alive", kind="worker") == 2
        assert page.value("gateway_workers_alive", kind="scheduler") == 1


def test_metrics__processes_killed__fall_nowhere(gateway: Stack) -> None:
    time.sleep(2.5)  # a worker beats every two seconds, and what it has not told is lost with it
    before = watching.look(gateway)
    web = next(iter(watching.children(watching.pid_of(gateway, "gateway.wsgi:app"))))
    for pid in (web, watching.pid_of(gateway, "workers")):
        os.kill(pid, signal.SIGKILL)
    watching.await_workers(gateway, 3)
    after = watching.look(gateway)
    counting = tuple(one.name for one in SERIES if one.kind is not Kind.GAUGE)
    for (name, labels), value in before.values.items():
        if name.startswith(counting):
            assert after.values[name, labels] >= value, name


def test_postgres_frozen__metrics_and_readyz__answer_in_time(gateway: Stack) -> None:
    with watching.frozen(gateway.postgres_pids()):
        for _ in range(2):
            began = time.monotonic()
            page = watching.look(gateway)
            assert time.monotonic() - began < 2
            assert page.value("gateway_postgres_up") == 0
            assert page.value("gateway_redis_up") == 1
            assert page.value("gateway_queue_depth", kind="worker") is not None
        began = time.monotonic()
        answer = gateway.call("GET", "/readyz")
        assert time.monotonic() - began < 3
        assert answer.status == 503
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert gateway.call("GET", "/healthz").status == 200
    watching.look_until(gateway, lambda page: page.value("gateway_postgres_up") == 1)


def test_redis_frozen__metrics_and_readyz__tell(gateway: Stack) -> None:
    with watching.frozen([gateway.valkey_pid()]):
        page = watching.look(gateway)
        assert page.value("gateway_redis_up") == 0
        assert page.value("gateway_queue_depth", kind="worker") is None
        assert page.value("gateway_postgres_up") == 1
        answer = gateway.call("GET", "/readyz")
        assert (answer.status, answer.json["status"]) == (200, "degraded")


def test_logs_and_metrics__of_planted_data__show_none(gateway: Stack) -> None:
    post_good_and_bad_pages(gateway)
    send_what_is_no_request(gateway)
    ask_for_people(gateway)
    fail_in_the_database(gateway)
    poison(gateway)
    said = {"metrics": gateway.call("GET", "/metrics").body.decode()}
    gateway.process.terminate()
    assert gateway.process.wait(stacks.PATIENCE_SECONDS) == 0
    before, _, rest = gateway.said().partition("Cohort Gateway is ready.")
    said["log"] = before + rest.partition("Ctrl-C stops everything.")[2]
    for path in gateway.data_dir.rglob("*"):
        if path.is_file() and path.relative_to(gateway.data_dir).parts[0] != "postgres":
            said[path.name] = path.read_bytes().decode(errors="replace")
    assert {"postgres.log", "valkey.log"} <= said.keys()
    del said["credentials.json"]
    for name, text_ in said.items():
        for planted in (PERSON, SECRET):
            at = text_.lower().find(planted)
            assert at < 0, (name, text_[max(0, at - 300) : at + 300])
    assert_linked(said["log"].splitlines())
    assert_refusals_told(said["log"].splitlines())


def post_good_and_bad_pages(gateway: Stack) -> None:
    """Send what is accepted, replayed, skipped, refused, and cannot be read."""
    for action in ("members", "remove_members", "add_members", "add_members"):
        assert (
            watching.post(
                gateway,
                "1",
                "s2",
                [SOMEBODY, PERSON, {PERSON: 1}],
                action=action,
            )
            == 200
        )
    # The ids of project and cohort are told with a refusal, and are nobody's data.
    page = {
        "mixpanel_project_id": "1",
        "mixpanel_cohort_id": "planted",
        "mixpanel_cohort_name": PERSON,
        "members": [SOMEBODY],
    }
    good = {"action": "add_members", "parameters": page}
    assert watching.send(gateway, good, {"X-Request-Id": REQUEST_ID}) == 200
    for bad in (
        PERSON,
        {"action": PERSON, "parameters": {}},
        {"action": "members", "parameters": page | {"members": PERSON}},
        {"action": "members", "parameters": page | {"members": [PERSON]}},
        {"action": "members", "parameters": page | {"page_info": PERSON}},
        f'{{"{PERSON}'.encode(),
    ):
        assert watching.send(gateway, bad) == 400
    assert gateway.post(good, auth=(PERSON, SECRET)).status == 401
    assert gateway.post(good, f"/webhooks/mixpanel/{PERSON}").status == 404


def send_what_is_no_request(gateway: Stack) -> None:
    """Send heads that the front door refuses."""
    host = "Host: x\r\n"
    for head in (
        f"GET /{PERSON} {PERSON}",
        f"{PERSON.upper()} / HTTP/1.1",
        "GET /" + 2000 * PERSON,
    ):
        watching.send_raw(gateway, head, "\r\n", host, "\r\n")
    for header in (
        f"{PERSON} : 1",
        PERSON,
        f"X: {PERSON}\0",
        f"Content-Length: {PERSON}",
    ):
        watching.send_raw(gateway, "POST / HTTP/1.1\r\n", host, header, "\r\n\r\n")


def ask_for_people(gateway: Stack) -> None:
    """Ask for people in every way there is, and erase one."""
    somebody = f"/v1/members/{PERSON}-id"
    for path in (
        f"{somebody}/cohorts",
        f"{somebody}/cohorts?source={PERSON}&{PERSON}={PERSON}",
        f"/v1/cohorts/1/members/{PERSON}-id",
        f"/v1/cohorts/{PERSON}/members",
        f"/v1/cohorts?name={PERSON}&limit={PERSON}&cursor={PERSON}",
        f"{somebody}%ff%00/cohorts",
        f"/{PERSON}/{PERSON}",
    ):
        assert watching.ask(gateway, "GET", path).status in {200, 400, 404, 422}, path
        wrong = {"Authorization": f"Bearer {SECRET}"}
        assert gateway.call("GET", path, headers=wrong).status in {400, 401, 404}
    for media_type in ("application/x-ndjson", "text/csv", PERSON):
        headers = {"Authorization": f"Bearer {KEY}", "Accept": media_type}
        assert gateway.call("GET", "/v1/cohorts/1/members", headers=headers).status in {200, 406}
    for check in (
        {"cohort_ids": ["1"], "member_ids": [PERSON]},
        {PERSON: PERSON},
        PERSON,
    ):
        body = json.dumps(check).encode()
        assert watching.ask(gateway, "POST", "/v1/membership/check", body).status in {200, 400, 422}
    assert watching.ask(gateway, "POST", "/v1/membership/check", PERSON.encode()).status in {
        400,
        422,
    }
    assert watching.ask(gateway, "DELETE", somebody).status == 204
    assert watching.post(gateway, "1", "s2", [SOMEBODY, {**SOMEBODY, "late": PERSON}]) == 200


def fail_in_the_database(gateway: Stack) -> None:
    """Have statements with people's data in them fail as a bug of ours would make them fail."""
    watching.await_applied(gateway)
    body = json.dumps({"cohort_ids": ["1"], "member_ids": [PERSON]}).encode()
    with gateway.pool() as pool:
        rename(pool, "deliveries", "gone")
        posted = watching.post(gateway, "3", "s1", [SOMEBODY])
        rename(pool, "gone", "deliveries")
        rename(pool, "memberships", "gone")
        checked = watching.ask(gateway, "POST", "/v1/membership/check", body).status
        rename(pool, "gone", "memberships")
    assert (posted, checked) == (500, 500)


def rename(pool: Pool, table: str, name: str) -> None:
    with pool.begin() as conn:
        conn.execute(text(f"ALTER TABLE {table} RENAME TO {name}"))


def poison(gateway: Stack) -> None:
    """Spoil pages between their acceptance and their applying, and wait until they are blocked."""
    blocked = watching.look(gateway).total("gateway_blocked_pages")
    for number, roster in enumerate(POISONS):
        cohort = f"poison-{number}"
        assert watching.post(gateway, cohort, "s1", []) == 200
        watching.await_applied(gateway)
        with gateway.pool() as pool, pool.begin() as conn:
            cohort_id = conn.execute(_CLAIM, {"external_id": cohort}).scalar_one()
            assert watching.post(gateway, cohort, "s2", [SOMEBODY]) == 200
            spoiled = PERSON.encode() if roster is None else inbox.pack(roster)
            conn.execute(_SPOIL, {"roster": spoiled, "cohort_id": cohort_id})
    wanted = blocked + len(POISONS)
    watching.look_until(gateway, lambda page: page.total("gateway_blocked_pages") == wanted)
    assert watching.ask(gateway, "GET", "/v1/deliveries?state=blocked").status == 200


_CLAIM = text("""
    SELECT a.cohort_id FROM apply_state a JOIN cohorts c ON c.id = a.cohort_id
    WHERE c.external_id = :external_id FOR UPDATE OF a
""")

_SPOIL = text("""
    UPDATE deliveries SET roster = :roster WHERE cohort_id = :cohort_id AND number = 2
""")


def assert_linked(lines: list[str]) -> None:
    """Check that the log is JSON that leads from a request to its delivery and what came of it."""
    logged = [json.loads(line) for line in lines if line.startswith("{")]
    events = collections.Counter(line["event"] for line in logged)
    wanted = ("page.accepted", "page.duplicate", "pages.applied", "delivery.blocked")
    assert all(events[event] for event in wanted)
    assert not [event for event in events if "Context impl" in event]
    mine = {line["event"]: line for line in logged if line.get("request_id") == REQUEST_ID}
    assert mine.keys() == {"page.accepted", "request.answered"}
    accepted = mine["page.accepted"]
    (applied,) = [
        line
        for line in logged
        if line["event"] == "pages.applied" and line["cohort_id"] == accepted["cohort_id"]
    ]
    assert applied["first_delivery"] == applied["last_delivery"] == accepted["delivery"]


def assert_refusals_told(lines: list[str]) -> None:
    """Check that the log says why pages were refused, and for which source if there is one."""
    logged = [json.loads(line) for line in lines if line.startswith("{")]
    refused = [line for line in logged if line["event"] == "page.refused"]
    sources = {(line["status"], line.get("source")) for line in refused}
    assert {(400, "default"), (401, "default"), (404, None), (500, "default")} <= sources
    assert any("members: " in line["reason"] for line in refused)
    named = [line for line in logged if line["event"] == "request.answered" and "source" in line]
    assert {line["status"] for line in named} >= {200, 400, 401, 500}
