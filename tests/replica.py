"""A streaming replica of an embedded PostgreSQL, made by `pg_basebackup`."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import sqlalchemy
from sqlalchemy import text

from gateway.local import embedded
from gateway.local.embedded import cluster as embedded_cluster
from gateway.store.db import replication
from gateway.store.db.engine import Pool
from tests import cluster

ALLOW = "host replication gateway 127.0.0.1/32 scram-sha-256\n"


@contextlib.contextmanager
def primary(folder: Path) -> Iterator[Pool]:
    """Run a server that has no other databases, whose changes a replica would have to replay."""
    with cluster.database(folder, "alone") as url:
        pool = Pool(url, name="test", size=16, limit_seconds=60)
        yield pool
        pool.close()


@contextlib.contextmanager
def following(primary: Pool, folder: Path) -> Iterator[embedded.Server]:
    """Run a replica of the server that a pool is connected to, with its data in `folder`.

    The URL is that of the pool's database.
    """
    home = folder / "postgres"
    home.mkdir(parents=True)
    url = primary.engine.url
    _let_it_follow(primary)
    _copy(url, home / "pgdata")
    (home / "password").write_text(str(url.password))
    with embedded.postgres(folder, durability=embedded.Durability.NONE) as server:
        own = sqlalchemy.make_url(server.url).set(database=url.database)
        yield dataclasses.replace(server, url=own.render_as_string(hide_password=False))
    shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def paused(primary: Pool, replica: Pool) -> Iterator[None]:
    """Let a replica replay nothing, from what the primary has now, until the end of the block."""
    await_replay(primary, replica)
    with replica.read() as conn:
        conn.execute(text("SELECT pg_wal_replay_pause()"))
    try:
        yield
    finally:
        with replica.read() as conn:
            conn.execute(text("SELECT pg_wal_replay_resume()"))


def await_replay(primary: Pool, replica: Pool) -> None:
    """Wait until a replica shows what the primary shows now."""
    flush(primary)
    with primary.read() as conn:
        goal = replication.position(conn)
    for _ in range(3000):
        with replica.read() as conn:
            if replication.position(conn).shows(goal):
                return
            conn.execute(text("SELECT pg_sleep(0.01)"))
    raise AssertionError("the replica does not follow")


def flush(primary: Pool) -> None:
    """Put on disk what was committed, which servers of tests leave for later."""
    with primary.begin() as conn:
        replication.flush(conn)


def _let_it_follow(primary: Pool) -> None:
    with primary.read() as conn:
        rules = Path(conn.execute(text("SHOW hba_file")).scalar_one())
        if ALLOW not in rules.read_text():
            with rules.open("a") as file:
                file.write(ALLOW)
        conn.execute(text("SELECT pg_reload_conf()"))


def _copy(url: sqlalchemy.URL, place: Path) -> None:
    command = [
        str(embedded_cluster.binary("pg_basebackup")),
        *("--host", str(url.host), "--port", str(url.port), "--username", str(url.username)),
        *("--pgdata", str(place), "--checkpoint=fast", "--no-sync", "--write-recovery-conf"),
    ]
    environ = {"PATH": os.defpath, "PGPASSWORD": str(url.password), "LC_ALL": "C"}
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
