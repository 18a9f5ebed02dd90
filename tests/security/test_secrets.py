"""Secrets of a running gateway: hashes in its database, and nothing of them anywhere else."""

from __future__ import annotations

import base64
import contextlib
import datetime
import json
import os
import subprocess
import urllib.parse
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

import pytest
import redis
from sqlalchemy import Connection, text

from gateway.core.access.scopes import Scope
from gateway.flows.access import keys
from gateway.flows.sources import admin
from gateway.local.embedded import cluster
from gateway.local.supervisor import secret_key
from tests import customer as customers
from tests.http.webhook import accepted, body, refused, unique
from tests.security import planting
from tests.stack import (
    API_KEY,
    PASSWORD,
    USERNAME,
    Answer,
    Stack,
    basic_auth,
    descendants,
    until,
)

OLD, NEW, WRONG = "old-zqsecret-1", "new-zqsecret-2", "wrong-zqsecret-3"
PERSON: Final = "zqperson"
NOW: Final = datetime.datetime.now(datetime.UTC)


@pytest.fixture(scope="module")
def planted(stack: Stack, database_url: str, worker_id: str) -> Iterator[list[Answer]]:
    """Plant secrets of other systems; returns what was answered."""
    slug = unique("planted")
    with customers.database(database_url, f"customer_secrets_{worker_id}") as customer:
        yield list(planting.plant(stack, customer, slug))
        planting.remove(stack, slug)


@pytest.fixture(scope="module")
def used(stack: Stack, planted: list[Answer]) -> Iterator[dict[str, str]]:
    """Use secrets of every kind, right and wrong; returns them by what they are."""
    assert planted
    slug = unique("vault")
    with stack.pool() as pool:
        login = admin.Login(username="sender", password=OLD)
        wanted = admin.Wanted(slug=slug, login=login)
        admin.add(pool, wanted, now=NOW)
        overlap = datetime.timedelta(days=1)
        admin.rotate(pool, slug, password=NEW, username=None, overlap=overlap, now=NOW)
        key = keys.create(pool, keys.Wanted(name=slug, scopes=[Scope.ADMIN]), now=NOW).key
        at = f"/webhooks/mixpanel/{slug}"
        for password in (OLD, NEW):
            accepted(stack.post(body(unique(), PERSON), at, auth=("sender", password)))
        refused(stack.post(body(unique(), PERSON), at, auth=("sender", WRONG)), 401)
        bearer = {"Authorization": f"Bearer {key}"}
        assert stack.call("GET", f"/v1/members/{PERSON}/cohorts", headers=bearer).status == 200
        stack.settle()
        yield {
            "password before the rotation": OLD,
            "password after the rotation": NEW,
            "password that was wrong": WRONG,
            "password of the environment": PASSWORD,
            "key of the environment": API_KEY,
            "key made": key,
            "password of Postgres": _password(_environ(_web(stack))["DATABASE_URL"]),
            "password of Valkey": _password(_environ(_web(stack))["REDIS_URL"]),
            "key of the secrets": (stack.data_dir / secret_key.FILE_NAME).read_text().strip(),
            **planting.PLANTED,
        }
        keys.revoke(pool, slug, now=NOW)


def _password(url: str) -> str:
    password = urllib.parse.urlsplit(url).password
    assert password
    return password


def test_database__after_every_secret_was_used__holds_none_of_them(
    stack: Stack, used: dict[str, str]
) -> None:
    with stack.pool() as pool, pool.begin() as conn:
        written = {
            (kind, form): words
            for kind, secret in used.items()
            for form, words in _forms(secret).items()
        }
        found = _holding(conn, written.values())
        # It is found where it is: a name in the clear, and in bytes the digest of a key.
        digest = conn.execute(text("SELECT encode(hash, 'hex') FROM api_keys LIMIT 1")).scalar_one()
        known = _holding(conn, ["sender", digest])
        assert {("sender", "public.source_credentials"), (digest, "public.api_keys")} <= known
    kinds = {words: what for what, words in written.items()}
    assert {(kinds[words], table) for words, table in found} == set()


def test_dump__after_every_secret_was_used__holds_what_is_encrypted_alone(
    stack: Stack, used: dict[str, str]
) -> None:
    url = urllib.parse.urlsplit(_environ(_web(stack))["DATABASE_URL"])
    dump = subprocess.run(
        [
            cluster.binary("pg_dump"),
            f"--host={url.hostname}",
            f"--port={url.port}",
            f"--username={url.username}",
            url.path.removeprefix("/"),
        ],
        env={**os.environ, "PGPASSWORD": urllib.parse.unquote(url.password or "")},
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    with stack.pool() as pool, pool.begin() as conn:
        sealed = [bytes(one).hex() for one in conn.execute(_SEALED).scalars()]
    assert sealed
    assert [one for one in sealed if one not in dump] == []
    found = [
        (kind, form)
        for kind, secret in used.items()
        for form, words in _forms(secret).items()
        if words in dump or words.replace("\n", "\\n") in dump
    ]
    assert found == []


def test_secrets__of_other_systems__are_kept_as_bytes_that_differ_each_time(
    stack: Stack, planted: list[Answer]
) -> None:
    with stack.pool() as pool, pool.begin() as conn:
        sealed = [bytes(one) for one in conn.execute(_SEALED).scalars()]
    assert planted
    assert len(set(sealed)) == len(sealed) >= 7
    assert all(len(one) > 28 for one in sealed)


_SEALED = text("""
    SELECT ciphertext FROM source_secrets UNION ALL SELECT ciphertext FROM destination_secrets
""")


def test_answers__about_secrets_of_other_systems__hold_none(planted: list[Answer]) -> None:
    assert {200, 201, 400, 409, 422} <= {one.status for one in planted}
    told = [one.body.decode() + str(one.headers) for one in planted]
    escaped = [json.dumps(one)[1:-1] for one in planting.PLANTED.values()]
    words = [*planting.PLANTED.values(), *escaped]
    assert [(word, one) for one in told for word in words if word in one] == []


def _forms(secret: str) -> dict[str, str]:
    """Write a secret as a row could hold it, which a row of bytes shows in hexadecimal."""
    encoded = secret.encode()
    return {
        "plain": secret,
        "hexadecimal": encoded.hex(),
        "base64": base64.b64encode(encoded).decode().rstrip("="),
        "header": basic_auth("sender", secret),
    }


def _holding(conn: Connection, words: Iterable[str]) -> set[tuple[str, str]]:
    """Name the words that a row of a relation holds, written out, each with the relation.

    A relation is read once, whatever the number of words: writing rows out is what takes long.
    """
    names = conn.execute(_RELATIONS).scalars().all()
    sought = {"words": list(words)}
    return {
        (word, name)
        for name in names
        for word in conn.execute(
            text(f"""
                SELECT DISTINCT w.word
                FROM (SELECT t::text AS line FROM {name} t OFFSET 0) r
                JOIN unnest(CAST(:words AS text[])) AS w (word) ON strpos(r.line, w.word) > 0
            """),
            sought,
        ).scalars()
    }


_RELATIONS = text("""
    SELECT format('%I.%I', n.nspname, c.relname)
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p', 'm') AND c.relpersistence <> 't'
      AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')
""")


def test_valkey__after_every_secret_was_used__holds_none_and_no_person(
    stack: Stack, used: dict[str, str]
) -> None:
    with contextlib.closing(redis.Redis.from_url(_environ(_web(stack))["REDIS_URL"])) as client:
        for _ in range(20):  # what it holds is short-lived: look while pages come in
            accepted(stack.post(body(unique(), PERSON)))
            seen = [(key, client.dump(key)) for key in client.scan_iter()]
            told = repr(seen)
            assert seen
            assert PERSON not in told
            assert not [kind for kind, secret in used.items() if secret in told]


def test_processes__listed_by_anybody__show_no_secret(stack: Stack, used: dict[str, str]) -> None:
    shown = {pid: _proc(pid, "cmdline") for pid in descendants(stack.process.pid)}
    assert sum("gunicorn" in one for one in shown.values()) == 3
    assert sum("postgres" in one for one in shown.values()) > 1
    found = [
        (kind, command)
        for command in shown.values()
        for kind, secret in used.items()
        if secret in command
    ]
    assert found == []


def begun(stack: Stack) -> list[int]:
    """List what the supervisor has started, when each has become its own program."""
    supervisor = _proc(stack.process.pid, "cmdline")
    found: list[int] = []

    def are_programs() -> bool:
        found[:] = [pid for pid in descendants(stack.process.pid) if pid != stack.process.pid]
        # A fork has the command and the environment of its parent until it is replaced.
        return supervisor not in {_proc(pid, "cmdline") for pid in found}

    until(are_programs)
    return found


def test_environments__of_processes__hold_what_each_needs_and_no_more(
    stack: Stack, used: dict[str, str]
) -> None:
    servers = {"password of Postgres", "password of Valkey"}
    for pid in begun(stack):
        command, environ = _proc(pid, "cmdline"), _proc(pid, "environ")
        held = {kind for kind, secret in used.items() if secret in environ}
        ours = "gateway.wsgi" in command or "-m workers" in command
        assert held == (servers if ours else set()), command
        mode = Path(f"/proc/{pid}/environ").stat().st_mode & 0o777
        assert mode == 0o400, command


def test_files__of_the_data_folder__are_for_their_owner_alone(stack: Stack) -> None:
    assert stack.data_dir.stat().st_mode & 0o077 == 0
    for name in ("credentials.json", "postgres/password"):
        assert (stack.data_dir / name).stat().st_mode & 0o077 == 0, name


def test_answers__of_every_kind__tell_no_secret(stack: Stack, used: dict[str, str]) -> None:
    right = {"Authorization": f"Bearer {used['key made']}"}
    told = [
        stack.call(method, path, b"{", {**headers, "Cookie": WRONG})
        for headers in (right, {"Authorization": f"Bearer {WRONG}"}, {"Authorization": WRONG}, {})
        for method, path in _CALLS
    ]
    for secret in (PASSWORD, WRONG):
        told += [stack.post(b"{", auth=(USERNAME, secret)), stack.post(b"{", auth=(secret, secret))]
    assert {200, 400, 401, 404, 405} <= {answer.status for answer in told}
    found = [
        (kind, answer)
        for answer in told
        for kind, secret in used.items()
        if secret in answer.body.decode() + str(answer.headers)
    ]
    assert found == []


_CALLS: Final = (
    *(("GET", path) for path in ("/healthz", "/readyz", "/metrics", "/docs", "/openapi.json")),
    *(("GET", f"/v1/{path}") for path in ("status", "cohorts", "deliveries", "cohorts/x", "x")),
    ("POST", "/v1/membership/check"),
    ("PUT", "/v1/cohorts"),
    ("DELETE", "/v1/cohorts/x"),
    ("GET", "/webhooks/mixpanel/default"),
)


def test_log__of_everything_so_far__tells_no_secret_and_no_person(
    stack: Stack, used: dict[str, str]
) -> None:
    before, _, rest = stack.said().partition("Cohort Gateway is ready.")
    said = before + rest.partition("Ctrl-C stops everything.")[2]  # the greeting is for the owner
    assert "request.answered" in said
    assert PERSON not in said
    assert not [kind for kind, secret in used.items() if secret in said]


def _web(stack: Stack) -> int:
    return next(
        pid for pid in descendants(stack.process.pid) if "gateway.wsgi" in _proc(pid, "cmdline")
    )


def _environ(pid: int) -> dict[str, str]:
    return dict(line.split("=", 1) for line in _proc(pid, "environ", "\n").splitlines() if line)


def _proc(pid: int, name: str, between: str = " ") -> str:
    """Read a file of a process; empty if it has ended."""
    with contextlib.suppress(OSError):
        return os.fsdecode(Path(f"/proc/{pid}/{name}").read_bytes()).replace("\0", between)
    return ""
