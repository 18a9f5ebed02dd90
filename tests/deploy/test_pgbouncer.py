"""The whole gateway through pgbouncer, which lends its servers by the transaction."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from gateway import errors
from gateway.local import embedded
from gateway.store.db import engine
from gateway.store.db.engine import Pool
from tests import stack as stacks
from tests.deploy import pooler
from tests.stack import API_KEY, PROJECT, ROOT, Stack

pytestmark = pytest.mark.timeout(300)

SERVERS = 3

LIMITS = text("""
    SELECT current_setting('statement_timeout'), current_setting('lock_timeout'),
           current_setting('idle_in_transaction_session_timeout'), current_setting('timezone')
""")


@pytest.fixture(scope="module")
def direct_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Run a PostgreSQL whose own settings are none of ours."""
    folder = tmp_path_factory.mktemp("direct")
    with embedded.postgres(folder, durability=embedded.Durability.NONE) as server:
        yield server.url


@pytest.fixture(scope="module")
def pooled_url(direct_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Run pgbouncer in front of it, with fewer servers than the gateway has connections."""
    with pooler.running(direct_url, tmp_path_factory.mktemp("pooler"), servers=SERVERS) as url:
        yield url


@pytest.fixture(scope="module")
def stack(pooled_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Run a gateway that knows PostgreSQL by pgbouncer alone."""
    folder = tmp_path_factory.mktemp("pooled")
    with stacks.running(folder, DATABASE_URL=pooled_url, GATEWAY_WORKERS="2") as running:
        yield running


def page(
    action: str, cohort: str, members: list[str], session: str, number: int = 1, total: int = 1
) -> dict[str, object]:
    """Make the body of a page."""
    return {
        "action": action,
        "parameters": {
            "mixpanel_project_id": PROJECT,
            "mixpanel_cohort_id": cohort,
            "mixpanel_session_id": session,
            "page_info": {"total_pages": total, "page_count": number},
            "members": [{"mixpanel_distinct_id": one} for one in members],
        },
    }


def post(stack: Stack, body: dict[str, object]) -> None:
    """Post a page that has to be taken."""
    answer = stack.post(body)
    assert answer.status == 200, answer.body


def test_gateway__through_a_pooler__applies_many_cohorts_at_once(stack: Stack) -> None:
    def send(cohort: str) -> None:
        for number in range(1, 6):
            people = [f"p-{number}-{n}" for n in range(200)]
            post(stack, page("members", cohort, people, "s1", number, 5))
        post(stack, page("remove_members", cohort, ["p-1-0"], "s2"))

    cohorts = [f"many-{number}" for number in range(6)]
    senders = [threading.Thread(target=send, args=(cohort,)) for cohort in cohorts]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()
    for cohort in cohorts:
        found = stack.members(cohort)
        assert len(found) == 999
        assert stack.cohort(cohort)["last_seq"] == 1001


def test_gateway__through_a_pooler__streams_deletes_restores_and_erases(stack: Stack) -> None:
    post(stack, page("members", "one", ["a", "b", "c"], "s1"))
    assert set(stack.members("one")) == {"a", "b", "c"}
    cohort_id = stack.cohort("one")["id"]
    headers = {"Authorization": f"Bearer {API_KEY}", "Accept": "application/x-ndjson"}
    streamed = stack.call("GET", f"/v1/cohorts/{cohort_id}/members", headers=headers)
    lines = [json.loads(line) for line in streamed.body.splitlines()]
    assert [one["member_id"] for one in lines] == ["a", "b", "c"]
    assert all(one["entered_at"].endswith("+00:00") for one in lines)
    assert stack.api("/v1/members/b", method="DELETE").status == 204
    assert set(stack.members("one")) == {"a", "c"}
    assert stack.api(f"/v1/cohorts/{cohort_id}", method="DELETE").status == 204
    assert stack.api(f"/v1/cohorts/{cohort_id}").status == 404
    assert stack.api(f"/v1/cohorts/{cohort_id}/restore", method="POST").status == 204
    assert stack.members("one") == {}


def test_check__through_a_pooler__says_how_time_outs_are_kept(pooled_url: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "gateway", "check", "--json"],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "DATABASE_URL": pooled_url},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "a pooler" in done.stdout, done.stdout + done.stderr


def test_limits__through_a_pooler__are_those_of_the_pool_in_each_transaction(
    pooled_url: str, direct_url: str
) -> None:
    one = Pool(pooled_url, name="one", size=2, limit_seconds=3)
    two = Pool(pooled_url, name="two", size=2, limit_seconds=900)
    for _ in range(SERVERS * 2):
        for pool, limit, idle in ((one, "3s", "3s"), (two, "15min", "10s")):
            for lend in (pool.read, pool.begin):
                with lend() as conn:
                    assert engine.is_pooled(conn)
                    assert tuple(conn.execute(LIMITS).one()) == (limit, limit, idle, "UTC")
    direct = Pool(direct_url, name="direct", size=1, limit_seconds=3)
    with direct.read() as conn:
        assert not engine.is_pooled(conn)
        assert tuple(conn.execute(LIMITS).one()) == ("3s", "3s", "3s", "UTC")
    for pool in (one, two, direct):
        pool.close()


def test_statement__longer_than_its_limit__is_ended_through_a_pooler(pooled_url: str) -> None:
    pool = Pool(pooled_url, name="short", size=1, limit_seconds=0.2)
    for lend in (pool.read, pool.begin):
        with pytest.raises(errors.Unavailable, match="57014"), lend() as conn:
            conn.execute(text("SELECT pg_sleep(5)"))
    pool.close()


def test_temporary_tables__through_a_pooler__are_empty_for_whoever_comes_next(
    stack: Stack, direct_url: str, tmp_path: Path
) -> None:
    post(stack, page("add_members", "left", ["x"], "s1"))
    stack.members("left")
    with pooler.running(direct_url, tmp_path, servers=1) as url:
        pool = Pool(url, name="only", size=1, limit_seconds=5)
        for _ in range(2):
            with pool.begin() as conn:
                conn.execute(
                    text("CREATE TEMPORARY TABLE IF NOT EXISTS t (n int) ON COMMIT DELETE ROWS")
                )
                conn.execute(text("INSERT INTO t VALUES (1)"))
                assert conn.execute(text("SELECT count(*) FROM t")).scalar_one() == 1
        pool.close()


@pytest.mark.parametrize("ignored", ["extra_float_digits,options", "extra_float_digits"])
def test_texts__of_a_role_with_other_settings__mean_the_same_through_a_pooler(
    direct_url: str, tmp_path: Path, ignored: str
) -> None:
    admin = Pool(direct_url, name="admin", size=1, limit_seconds=5)
    foreign = {"client_encoding": "'LATIN1'", "datestyle": "'German'", "bytea_output": "'escape'"}
    for name, value in foreign.items():
        with admin.read() as conn:
            conn.execute(text(f"ALTER ROLE gateway SET {name} = {value}"))
    with pooler.running(direct_url, tmp_path, servers=1, ignored=ignored) as url:
        pool = Pool(url, name="texts", size=2, limit_seconds=5)
        for lend in (pool.read, pool.begin, pool.read):
            with lend() as conn:
                found = conn.execute(TEXTS, {"word": "日本-😀"}).one()
                assert tuple(found) == ("日本-😀", "2026-02-01", r"\x00", "UTF8")
        pool.close()
    with admin.read() as conn:
        conn.execute(text("ALTER ROLE gateway RESET ALL"))
    admin.close()


TEXTS = text(r"""
    SELECT CAST(:word AS text), CAST(CAST('2026-02-01' AS date) AS text),
           CAST(CAST('\x00' AS bytea) AS text), current_setting('client_encoding')
""")
