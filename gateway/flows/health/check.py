"""Checking whether an installation is set up so that the promise of a 200 is kept."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import redis

from gateway import errors, jobs, reporter, tracing
from gateway.core.health import cluster_rules, server_rules
from gateway.core.health.server_rules import POSTGRES, REDIS, Finding, Level
from gateway.flows.health import installation, monitoring
from gateway.flows.sources import refusals
from gateway.settings import TraceExporter
from gateway.store import tables
from gateway.store.db import citus, engine, schema_version
from gateway.store.health import privileges, server

if TYPE_CHECKING:
    import datetime
    import pathlib

    from gateway.settings import Settings
    from gateway.store.db.engine import Pool

# Connections: each web thread may hold one for accepting and one for reading, each web process
# three for monitors, each worker and the scheduler two for applying and one for their heartbeat,
# the scheduler one for each of its chores, and there is always a command.
PER_THREAD: Final = 2
PER_WORKER: Final = 3
CHORES: Final = 6
COMMAND: Final = 1

REDIS_SECONDS: Final = 5.0
_GIBIBYTE: Final = 1024**3
_POOLED: Final = Finding(
    level=Level.OK,
    subject=POSTGRES,
    text="a pooler is in front of it and drops our time limits: each transaction sets them anew",
)
_TOO_NEW: Final = Finding(
    level=Level.ERROR,
    subject=POSTGRES,
    text="the newer schema has no more of what this version reads",
    remedy="run the version that migrated it, or restore the backup from before that",
)
_UNANSWERED_BY_NODES: Final = Finding(
    level=Level.ERROR,
    subject=cluster_rules.CITUS,
    text="what waits to be applied cannot be told: not every node answers",
    remedy="see that all nodes run, and check again",
)
LEAST_FREE_BYTES: Final = 2 * _GIBIBYTE
_LOCAL_HOSTS: Final = (None, "", "localhost", "127.0.0.1", "::1")


def postgres(
    pool: Pool, settings: Settings, *, now: datetime.datetime, fleet: Fleet | None = None
) -> list[Finding]:
    """Judge the server, the schema, and what is in it if that is this version's.

    Raises errors.Unavailable when it cannot be asked.
    """
    try:
        return _postgres(pool, settings, now=now, fleet=fleet)
    except errors.Denied:
        with pool.read() as conn:
            grants = privileges.to_serve(conn)
        if not grants:
            raise
        return [_lacking(grants)]


def _lacking(grants: Sequence[str]) -> Finding:
    return Finding(
        level=Level.ERROR,
        subject=POSTGRES,
        text="our role lacks rights that it needs",
        remedy=f"run as an administrator of this database: {' '.join(grants)}",
    )


def _postgres(
    pool: Pool, settings: Settings, *, now: datetime.datetime, fleet: Fleet | None
) -> list[Finding]:
    with pool.read() as conn:
        facts = server.facts(conn)
        revision = schema_version.current(conn)
        pooled = engine.is_pooled(conn)
        is_spread = citus.is_installed(conn)
        lacking = privileges.to_migrate(conn) if revision in schema_version.outdated() else ()
    wanted = connections_wanted(settings, fleet or Fleet(workers=settings.workers))
    found = [
        *server_rules.postgres(facts, connections_wanted=wanted, now=now),
        _schema(revision),
        *([_POOLED] if pooled else []),
    ]
    if revision in schema_version.outdated():
        return [*found, *([_lacking(lacking)] if lacking else [])]
    if is_spread:
        found += _nodes(pool)
    try:
        return [*found, *installation.installation(pool, settings, now=now)]
    except errors.Unavailable:
        if not is_spread:
            raise
        return [*found, _UNANSWERED_BY_NODES]
    except errors.Broken:
        if revision == schema_version.head():
            raise
        return [*found, _TOO_NEW]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Fleet:
    """How many gunicorns and workers there are on all machines together."""

    workers: int
    web_servers: int = 1


def connections_wanted(settings: Settings, fleet: Fleet) -> int:
    """Count the connections that the pools of a whole fleet with these settings may open."""
    process = settings.web_threads * PER_THREAD + monitoring.CONNECTIONS + refusals.CONNECTIONS
    web = fleet.web_servers * settings.web_processes * process
    return web + (fleet.workers + 1) * PER_WORKER + CHORES + COMMAND


def doorbell(url: str) -> list[Finding]:
    """Judge the Redis at this address, also when it does not answer."""
    client = jobs.connect(url, timeout_seconds=REDIS_SECONDS)
    try:
        info = client.info()
    except redis.RedisError as error:
        return [_unanswered(error)]
    finally:
        client.close()
    assert isinstance(info, Mapping), "this client is no asynchronous one"  # noqa: S101
    return server_rules.redis(_redis_facts(info, url))


def disk(data_dir: pathlib.Path, *, least_free_bytes: int = LEAST_FREE_BYTES) -> list[Finding]:
    """Judge the room that is left for the embedded servers; nothing if there is no such folder."""
    if not data_dir.is_dir():
        return []
    free_bytes = shutil.disk_usage(data_dir).free
    text = f"{free_bytes / _GIBIBYTE:.1f} GiB are free for {data_dir}"
    if free_bytes >= least_free_bytes:
        return [Finding(level=Level.OK, subject="disk", text=text)]
    return [
        Finding(
            level=Level.WARNING,
            subject="disk",
            text=f"{text}: a full disk answers every page with 503",
            remedy="make room, or move the folder and set GATEWAY_DATA_DIR",
        )
    ]


def _nodes(pool: Pool) -> list[Finding]:
    """Judge the servers that the database is spread over."""
    try:
        with pool.read() as conn:
            facts = citus.facts(conn)
    except errors.GatewayError as error:
        return [
            Finding(
                level=Level.ERROR,
                subject=cluster_rules.CITUS,
                text=f"its nodes cannot be asked: {error}",
                remedy="see that all nodes run, and that our role may run_command_on_workers",
            )
        ]
    return list(cluster_rules.findings(facts, tables.wanted()))


def _schema(revision: str | None) -> Finding:
    head = schema_version.head()
    if revision == head:
        text = f"the schema is at revision {revision}"
        return Finding(level=Level.OK, subject=POSTGRES, text=text)
    if revision not in schema_version.outdated():
        return Finding(
            level=Level.WARNING,
            subject=POSTGRES,
            text=f"the schema is at revision {revision}, a newer version's; this one needs {head}",
            remedy="going back one version is fine, and the schema can stay; if you went back"
            " further, run a later version, or restore the backup from before its migration",
        )
    return Finding(
        level=Level.ERROR,
        subject=POSTGRES,
        text=f"the schema is at revision {revision or 'none'}, this version needs {head}",
        remedy="run `python -m gateway migrate` of the version that is to run",
    )


def _unanswered(error: redis.RedisError) -> Finding:
    if isinstance(error, redis.AuthenticationError):
        text, remedy = "it refuses our password", "correct the user and password in REDIS_URL"
    elif isinstance(error, redis.ConnectionError | redis.TimeoutError):
        text = "it cannot be reached: pages are still accepted, and the sweeper applies them slower"
        remedy = f"start it, or correct REDIS_URL ({error})"
    elif isinstance(error, redis.exceptions.NoPermissionError):
        text, remedy = f"it does not tell about itself ({error})", "allow our user INFO"
    else:
        text = f"it refuses what REDIS_URL asks for ({error})"
        remedy = "correct the user or the number of the database there"
    return Finding(level=Level.ERROR, subject=REDIS, text=text, remedy=remedy)


def _redis_facts(info: Mapping[str, Any], url: str) -> server_rules.RedisFacts:
    parts = urlsplit(url)
    return server_rules.RedisFacts(
        product=str(info.get("server_name", "redis")).capitalize(),
        version=str(info.get("valkey_version", info["redis_version"])),
        compatible_version=str(info["redis_version"]),
        role=str(info.get("role", "master")),
        policy=str(info.get("maxmemory_policy", "noeviction")),
        used_memory=int(info.get("used_memory", 0)),
        max_memory=int(info.get("maxmemory", 0)),
        clustered=bool(info.get("cluster_enabled", 0)),
        save_failed=info.get("rdb_last_bgsave_status", "ok") != "ok",
        open_to_anybody=not parts.password and "password=" not in parts.query,
        local=parts.scheme == "unix" or parts.hostname in _LOCAL_HOSTS,
    )


def settings_problems(error: errors.BadSettings) -> list[Finding]:
    """Return a finding for each line of what is wrong with the settings."""
    _, *problems = str(error).splitlines()
    return [
        Finding(
            level=Level.ERROR,
            subject="settings",
            text=problem.strip(),
            remedy="set it to what is accepted, or remove it",
        )
        for problem in problems
    ]


def settings_warnings(settings: Settings) -> list[Finding]:
    """Return what there is to say about settings that can be used."""
    if not settings.warnings:
        return [Finding(level=Level.OK, subject="settings", text="every name is known")]
    return [
        Finding(level=Level.WARNING, subject="settings", text=text, remedy="correct or remove it")
        for text in settings.warnings
    ]


def error_hook(name: str | None) -> list[Finding]:
    """Judge the function that errors are handed to, by loading it as a process would."""
    if name is None:
        return []
    try:
        reporter.make(name).close()
    except errors.BadSettings as error:
        remedy = "put its module there, install what it imports, or correct or remove the setting"
        return [dataclasses.replace(problem, remedy=remedy) for problem in settings_problems(error)]
    return [Finding(level=Level.OK, subject="settings", text=f"errors are handed to {name}")]


def traces(exporter: TraceExporter) -> list[Finding]:
    """Judge whether traces that are asked for can be made."""
    if exporter is TraceExporter.NONE:
        return []
    missing = tracing.missing()
    if missing is not None:
        return [
            Finding(
                level=Level.WARNING,
                subject="settings",
                text=f"OTEL_TRACES_EXPORTER: {exporter} is set, but {missing} is not installed:"
                " nothing is traced",
                remedy="install requirements-otel.txt, or remove the setting",
            )
        ]
    return [Finding(level=Level.OK, subject="settings", text=f"traces go to {exporter}")]
