"""The webhook while something is wrong: Postgres, Valkey, slow clients, too much at once."""

import contextlib
import dataclasses
import datetime
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from sqlalchemy import text

from gateway.flows.health import readiness
from gateway.flows.sources import admin as manage
from gateway.local.embedded import running
from gateway.store.db import schema_version
from tests import stack as stacks
from tests.http.webhook import accepted, body, raw, refused, unique
from tests.stack import DEFAULT, PASSWORD, ROOT, USERNAME, Stack, basic_auth, read_answer, until

STALLED = 64
NOWHERE = "/webhooks/mixpanel/nowhere"
WRONG = ("mixpanel", "wrong")
# What no page may be answered with because our side could not look something up.
PAUSING = {400, 401, 403, 404}


@contextlib.contextmanager
def frozen(pids: Sequence[int]) -> Iterator[None]:
    """Stop processes of the stack where they are, and let them go on afterwards."""
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in reversed(pids):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)


@contextlib.contextmanager
def altered(stack: Stack, change: Sequence[str], undo: Sequence[str]) -> Iterator[None]:
    """Change its database for the length of the block."""
    _run(stack, change)
    try:
        yield
    finally:
        _run(stack, undo)


def _run(stack: Stack, statements: Sequence[str]) -> None:
    with stack.pool() as pool, pool.read() as conn:
        for statement in statements:
            conn.execute(text(statement))


@pytest.fixture(scope="module")
def stalled(stack: Stack) -> Iterator[list[socket.socket]]:
    """Begin as many requests as a person could call an attack, and send no end of them."""
    page = raw("stalled", "a")
    head = f"POST {DEFAULT} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(page)}\r\n\r\n".encode()
    connections = [stack.connect() for _ in range(STALLED)]
    for connection in connections:
        connection.sendall(head + page[:-1])
    yield connections
    for connection in connections:
        connection.close()


def posted(stack: Stack, path: str, password: str, cohort: str = "c") -> socket.socket:
    """Post a page and leave the answer unread."""
    page = raw(cohort, "b")
    lines = (
        f"POST {path} HTTP/1.1",
        "Host: x",
        f"Authorization: {basic_auth(USERNAME, password)}",
        f"Content-Length: {len(page)}",
    )
    connection = stack.connect()
    connection.sendall("\r\n".join([*lines, "", ""]).encode() + page)
    return connection


@dataclasses.dataclass(frozen=True)
class Locked:
    """A cohort whose intake somebody holds locked, and a page of it that waits for an answer."""

    cohort: str
    connection: socket.socket
    release: Callable[[], None]


@pytest.fixture(scope="module")
def locked(stack: Stack) -> Iterator[Locked]:
    """Lock a cohort and post to it; other tests may pass the time until that is given up."""
    cohort = unique()
    accepted(stack.post(body(cohort, "a")))
    stack.settle()
    lock = text("SELECT 1 FROM intake_state WHERE cohort_id = :cohort_id FOR UPDATE")
    with contextlib.ExitStack() as closing:
        pool = closing.enter_context(stack.pool())
        conn = closing.enter_context(pool.begin(limit_seconds=600))
        conn.execute(text("SET LOCAL idle_in_transaction_session_timeout = 0"))
        conn.execute(lock, {"cohort_id": int(stack.cohort(cohort)["id"])})
        connection = closing.enter_context(posted(stack, DEFAULT, PASSWORD, cohort))
        yield Locked(cohort, connection, closing.close)


@pytest.mark.usefixtures("locked")
def test_honest_page__among_stalled_bodies__is_answered_before_them(
    stack: Stack, stalled: list[socket.socket]
) -> None:
    accepted(stack.post(body(unique(), "a")))
    answered, _, _ = select.select(stalled, [], [], 0)
    assert answered == []


@pytest.fixture(scope="module")
def limited(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Start one more web process on the same database, with limits that a test can reach."""
    folder: Path = tmp_path_factory.mktemp("limited")
    url = running.postgres_url(stack.data_dir)
    assert url is not None
    port = stacks.free_port()
    environ = {
        "PATH": os.environ["PATH"],
        "PORT": str(port),
        "DATABASE_URL": url,
        "REDIS_URL": "redis://127.0.0.1:1/0",
        "GATEWAY_BIND": "127.0.0.1",
        "GATEWAY_WEB_PROCESSES": "1",
        "GATEWAY_RATE_LIMIT": "2",
        "GATEWAY_MAX_PENDING_PAGES": "3",
    }
    words = ("-m", "gunicorn", "-c", "deploy/gunicorn.conf.py", "gateway.wsgi:app")
    log = folder / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, *words], cwd=ROOT, env=environ, stdout=output, stderr=output
        )
    try:
        until(lambda: process.poll() is not None or stacks.is_ready(port))
        assert process.poll() is None, log.read_text()
        yield dataclasses.replace(stack, port=port, process=process, log=log)
    finally:
        process.terminate()
        process.wait(stacks.PATIENCE_SECONDS)


def test_rate__beyond_the_limit__is_429_for_that_source_only(stack: Stack, limited: Stack) -> None:
    with stack.pool() as pool:
        wanted = manage.Wanted(slug="quiet", login=None)
        manage.add(pool, wanted, now=datetime.datetime.now(datetime.UTC))
    page, quiet = body(unique(), "a"), "/webhooks/mixpanel/quiet"
    accepted(stack.post(page))
    accepted(stack.post(page, quiet))
    stack.settle()
    answers = [limited.post(page) for _ in range(12)]
    accepted(limited.post(page, quiet))
    assert answers[0].status == 200
    slow = [answer for answer in answers if answer.status != 200]
    assert slow
    for answer in slow:
        assert "requests a second" in refused(answer, 429)
    refused(limited.post(page, auth=WRONG), 401)
    until(lambda: limited.post(page).status == 200)


def test_backlog__beyond_the_limit__is_429_until_it_is_drained(
    stack: Stack, limited: Stack
) -> None:
    stack.settle()
    half = {"total_pages": 2, "page_count": 1}
    for _ in range(3):
        accepted(stack.post(body(unique(), "a", action="members", page_info=half)), "members")
    time.sleep(1)  # the rate of the test before this one
    assert "3 pages are waiting" in refused(limited.post(body(unique(), "a")), 429)
    refused(limited.post(b"garbage"), 400, action=None)
    refused(limited.post(body("c", "a"), NOWHERE), 404)
    until(lambda: limited.post(body(unique(), "a")).status == 200)


def test_postgres__holding_one_cohort_locked__is_503_for_that_one_only(
    stack: Stack, locked: Locked
) -> None:
    accepted(stack.post(body(unique(), "a")))
    refused(read_answer(locked.connection), 503)
    locked.release()
    accepted(stack.post(body(locked.cohort, "c")))
    assert set(stack.members(locked.cohort)) == {"a", "c"}


def test_stalled_bodies__past_their_deadline__are_503(stalled: list[socket.socket]) -> None:
    for connection in stalled:
        refused(read_answer(connection), 503, action=None)


def test_postgres__frozen__is_503_with_the_action_and_never_401_or_404(stack: Stack) -> None:
    asked = ((DEFAULT, PASSWORD), (DEFAULT, "wrong"), (NOWHERE, PASSWORD))
    with frozen(stack.postgres_pids()), contextlib.ExitStack() as closing:
        sent = [closing.enter_context(posted(stack, *each)) for each in asked]
        answers = [read_answer(connection) for connection in sent]
        assert stack.call("GET", "/healthz").status == 200
        assert stack.call("GET", "/metrics").status == 200
    for answer in answers:
        refused(answer, 503)
    until(lambda: stack.post(body(unique(), "a")).status == 200)


def test_postgres__killed__is_503_until_it_is_back(stack: Stack) -> None:
    os.kill(stack.postgres_pids()[0], signal.SIGKILL)
    cohort, seen = unique(), set()
    page = body(cohort, "a")
    deadline = time.monotonic() + stacks.PATIENCE_SECONDS
    while 200 not in seen:
        answer = stack.post(page)
        seen.add(answer.status)
        if answer.status != 200:
            refused(answer, 503)
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert not seen & PAUSING
    assert set(stack.members(cohort)) == {"a"}


def test_postgres__read_only__is_503(stack: Stack) -> None:
    cohort = unique()
    reload = "SELECT pg_reload_conf()"
    with altered(
        stack,
        ["ALTER SYSTEM SET default_transaction_read_only = on", reload],
        ["ALTER SYSTEM RESET default_transaction_read_only", reload],
    ):
        until(lambda: stack.post(body(cohort, "a")).status != 200)
        refused(stack.post(body(cohort, "b")), 503)
        refused(stack.post(body(cohort, "b"), auth=WRONG), 401)
    until(lambda: stack.post(body(unique(), "a")).status == 200)


def test_migrations__pending__are_503(stack: Stack) -> None:
    with altered(
        stack,
        ["UPDATE alembic_version SET version_num = '0001'"],
        [f"UPDATE alembic_version SET version_num = '{schema_version.head()}'"],
    ):
        time.sleep(readiness.BELIEVED_SECONDS)
        assert stack.call("GET", "/readyz").status == 503
        refused(stack.post(body("c", "a"), auth=WRONG), 503)
        refused(stack.post(body("c", "a"), NOWHERE), 503)
        assert "migrat" in refused(stack.post(b"garbage"), 503, action=None)
    accepted(stack.post(body(unique(), "a")))


def test_bug__of_ours__is_500_and_nothing_is_half_stored(stack: Stack) -> None:
    cohort = unique()
    with altered(
        stack,
        ["ALTER TABLE deliveries RENAME COLUMN digest TO hidden"],
        ["ALTER TABLE deliveries RENAME COLUMN hidden TO digest"],
    ):
        message = refused(stack.post(body(cohort, "secret-id")), 500)
    for word in ("Traceback", "psycopg2", "SELECT", "digest", "secret-id"):
        assert word not in message
    assert stack.cohort(cohort) is None
    accepted(stack.post(body(cohort, "a")))
    assert set(stack.members(cohort)) == {"a"}


def test_valkey__frozen_or_killed__is_missed_by_nobody(stack: Stack) -> None:
    cohort = unique()
    with frozen([stack.valkey_pid()]):
        until(lambda: stack.call("GET", "/readyz").json["status"] == "degraded")
        accepted(stack.post(body(cohort, "a")))
        assert set(stack.members(cohort)) == {"a"}
    os.kill(stack.valkey_pid(), signal.SIGKILL)
    accepted(stack.post(body(cohort, "b")))
    assert set(stack.members(cohort)) == {"a", "b"}
    until(lambda: stack.call("GET", "/readyz").json["status"] == "ok")
    accepted(stack.post(body(cohort, "c")))
    assert set(stack.members(cohort)) == {"a", "b", "c"}
