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
from gateway.core.health.finding import Finding, error, ok, warning
from gateway.core.health.server_rules import POSTGRES, REDIS
from gateway.flows.health import installation
from gateway.settings import TraceExporter
from gateway.store import tables
from gateway.store.db import citus, engine, schema_version
from gateway.store.health import privileges, server

if TYPE_CHECKING:
    import datetime
    import pathlib

    from gateway.settings import Settings
    from gateway.store.db.engine import Pool

REDIS_SECONDS: Final = 5.0
_GIBIBYTE: Final = 1024**3
_POOLED: Final = ok(
    POSTGRES,
    "a pooler is in front of it and drops our time limits: each transaction sets them anew",
)
_TOO_NEW: Final = error(
    POSTGRES,
    "the newer schema has no more of what this version reads",
    "run the version that migrated it, or restore the backup from before that",
)
_UNANSWERED_BY_NODES: Final = error(
    cluster_rules.CITUS,
    "what waits to be applied cannot be told: not every node answers",
    "see that all nodes run, and check again",
)
LEAST_FREE_BYTES: Final = 2 * _GIBIBYTE
_LOCAL_HOSTS: Final = (None, "", "localhost", "127.0.0.1", "::1")


def postgres(pool: Pool, settings: Settings, *, now: datetime.datetime) -> list[Finding]:
    """Judge the server, the schema, and what is in it if that is this version's.

    Raises errors.Unavailable when it cannot be asked.
    """
    try:
        return _postgres(pool, settings, now=now)
    except errors.Denied:
        with pool.read() as conn:
            grants = privileges.to_serve(conn)
        if not grants:
            raise
        return [_lacking(grants)]


def _lacking(grants: Sequence[str]) -> Finding:
    return error(
        POSTGRES,
        "our role lacks rights that it needs",
        f"run as an administrator of this database: {' '.join(grants)}",
    )


def _postgres(pool: Pool, settings: Settings, *, now: datetime.datetime) -> list[Finding]:
    with pool.read() as conn:
        facts = server.facts(conn)
        revision = schema_version.current(conn)
        pooled = engine.is_pooled(conn)
        is_spread = citus.is_installed(conn)
        lacking = privileges.to_migrate(conn) if revision in schema_version.outdated() else ()
    found = [
        *server_rules.postgres(facts, now=now),
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
    except errors.InternalError:
        if revision == schema_version.head():
            raise
        return [*found, _TOO_NEW]


def wake_ups(url: str) -> list[Finding]:
    """Judge the Redis at this address, also when it does not answer."""
    client = jobs.connect(url, timeout_seconds=REDIS_SECONDS)
    try:
        info = client.info()
    except redis.RedisError as why:
        return [_unanswered(why)]
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
        return [ok("disk", text)]
    return [
        warning(
            "disk",
            f"{text}: a full disk answers every page with 503",
            "make room, or move the folder and set GATEWAY_DATA_DIR",
        )
    ]


def _nodes(pool: Pool) -> list[Finding]:
    try:
        with pool.read() as conn:
            facts = citus.facts(conn)
    except errors.GatewayError as why:
        return [
            error(
                cluster_rules.CITUS,
                f"its nodes cannot be asked: {why}",
                "see that all nodes run, and that our role may run_command_on_workers",
            )
        ]
    return list(cluster_rules.findings(facts, tables.wanted()))


def _schema(revision: str | None) -> Finding:
    head = schema_version.head()
    if revision == head:
        text = f"the schema is at revision {revision}"
        return ok(POSTGRES, text)
    if revision not in schema_version.outdated():
        return warning(
            POSTGRES,
            f"the schema is at revision {revision}, a newer version's; this one needs {head}",
            "going back one version is fine, and the schema can stay; if you went back"
            " further, run a later version, or restore the backup from before its migration",
        )
    return error(
        POSTGRES,
        f"the schema is at revision {revision or 'none'}, this version needs {head}",
        "run `python -m gateway migrate` of the version that is to run",
    )


def _unanswered(why: redis.RedisError) -> Finding:
    if isinstance(why, redis.AuthenticationError):
        text, remedy = "it refuses our password", "correct the user and password in REDIS_URL"
    elif isinstance(why, redis.ConnectionError | redis.TimeoutError):
        text = "it cannot be reached: pages are still accepted, and the sweeper applies them slower"
        remedy = f"start it, or correct REDIS_URL ({why})"
    elif isinstance(why, redis.exceptions.NoPermissionError):
        text, remedy = f"it does not tell about itself ({why})", "allow our user INFO"
    else:
        text = f"it refuses what REDIS_URL asks for ({why})"
        remedy = "correct the user or the number of the database there"
    return error(REDIS, text, remedy)


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


def settings_problems(bad: errors.BadSettings) -> list[Finding]:
    """Return a finding for each line of what is wrong with the settings."""
    _, *problems = str(bad).splitlines()
    return [
        error(
            "settings",
            problem.strip(),
            "set it to what is accepted, or remove it",
        )
        for problem in problems
    ]


def settings_warnings(settings: Settings) -> list[Finding]:
    """Return what there is to say about settings that can be used."""
    if not settings.warnings:
        return [ok("settings", "every name is known")]
    return [warning("settings", text, "correct or remove it") for text in settings.warnings]


def error_hook(name: str | None) -> list[Finding]:
    """Judge the function that errors are handed to, by loading it as a process would."""
    if name is None:
        return []
    try:
        reporter.make(name).close()
    except errors.BadSettings as bad:
        remedy = "put its module there, install what it imports, or correct or remove the setting"
        return [dataclasses.replace(problem, remedy=remedy) for problem in settings_problems(bad)]
    return [ok("settings", f"errors are handed to {name}")]


def traces(exporter: TraceExporter) -> list[Finding]:
    """Judge whether traces that are asked for can be made."""
    if exporter is TraceExporter.NONE:
        return []
    missing = tracing.missing()
    if missing is not None:
        return [
            warning(
                "settings",
                f"OTEL_TRACES_EXPORTER: {exporter} is set, but {missing} is not installed:"
                " nothing is traced",
                "install requirements-otel.txt, or remove the setting",
            )
        ]
    return [ok("settings", f"traces go to {exporter}")]
