"""Whether what servers say about themselves makes them safe for this gateway, and what to do."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Final

from gateway.core.health.finding import error, ok, warning

if TYPE_CHECKING:
    import datetime
    from collections.abc import Iterator

    from gateway.core.health.finding import Finding

POSTGRES: Final = "postgres"
REDIS: Final = "redis"

OLDEST_POSTGRES: Final = 150_000  # server_version_num; 15 is the oldest that is tested
OLDEST_REDIS: Final = (5, 0)  # what RQ asks for
MAX_CLOCK_SKEW_SECONDS: Final = 5.0
FULL: Final = 0.9


@dataclasses.dataclass(frozen=True, kw_only=True)
class PostgresFacts:
    """What a Postgres says of itself to our role."""

    version: str
    version_number: int
    fsync: str
    full_page_writes: str
    synchronous_commit: str
    synchronous_standbys: str
    standbys: int
    encoding: str
    in_recovery: bool
    read_only: bool
    autovacuum: bool
    may_make_temporary_tables: bool
    unlogged_tables: tuple[str, ...]
    clock: datetime.datetime


@dataclasses.dataclass(frozen=True, kw_only=True)
class RedisFacts:
    """What a Redis or Valkey says of itself; 0 bytes of `max_memory` is no limit."""

    product: str
    version: str
    compatible_version: str
    role: str
    policy: str
    used_memory: int
    max_memory: int
    clustered: bool
    save_failed: bool
    open_to_anybody: bool
    local: bool


def postgres(facts: PostgresFacts, *, now: datetime.datetime) -> list[Finding]:
    """Judge a Postgres that is to keep acknowledged pages, at a moment of our own clock."""
    findings = [
        *_durability(facts),
        *_failover(facts),
        *_ability(facts),
        *_housekeeping(facts),
        *_clock(facts, now),
    ]
    return [ok(POSTGRES, f"PostgreSQL {facts.version} answers"), *findings]


def redis(facts: RedisFacts) -> list[Finding]:
    """Judge a Redis that is to ring for work; nothing kept in it matters."""
    return [
        ok(REDIS, f"{facts.product} {facts.version} answers"),
        *_wake_ups(facts),
        *_redis_memory(facts),
    ]


def _durability(facts: PostgresFacts) -> Iterator[Finding]:
    broken = "acknowledged pages would be lost, or the database broken, in a power failure"
    for name, value in (("fsync", facts.fsync), ("full_page_writes", facts.full_page_writes)):
        if value == "on":
            yield ok(POSTGRES, f"{name} is on")
        else:
            yield error(
                POSTGRES,
                f"{name} is {value}: {broken}",
                f"set {name} = on in postgresql.conf (or ALTER SYSTEM) and reload",
            )
    if facts.synchronous_commit == "off":
        yield error(
            POSTGRES,
            "synchronous_commit is off for our role: a crash loses pages that were acknowledged",
            "ALTER ROLE … RESET synchronous_commit (and ALTER DATABASE, postgresql.conf)",
        )
    else:
        yield ok(POSTGRES, f"synchronous_commit is {facts.synchronous_commit}")
    if facts.unlogged_tables:
        yield error(
            POSTGRES,
            f"a crash empties unlogged tables: {', '.join(facts.unlogged_tables)}",
            "ALTER TABLE … SET LOGGED for each of them",
        )


def _failover(facts: PostgresFacts) -> Iterator[Finding]:
    """A commit that no standby has seen is gone when that standby takes over."""
    if facts.synchronous_standbys and facts.synchronous_commit == "local":
        yield warning(
            POSTGRES,
            "synchronous_commit is local for our role: a failover loses pages that were"
            " acknowledged, although synchronous_standby_names is set",
            "ALTER ROLE … RESET synchronous_commit, so that a commit waits for a standby",
        )
    if facts.standbys and not facts.synchronous_standbys:
        yield warning(
            POSTGRES,
            f"{facts.standbys} standbys or other receivers stream from it and no commit waits for"
            " them: if one takes over, it may lack pages that were acknowledged",
            "set synchronous_standby_names, or have Mixpanel run a full sync after each failover;"
            " nothing if none of them ever takes over",
        )


def _ability(facts: PostgresFacts) -> Iterator[Finding]:
    if facts.version_number < OLDEST_POSTGRES:
        yield error(POSTGRES, "it is older than PostgreSQL 15", "upgrade it; 15 is the oldest")
    if facts.encoding == "UTF8":
        yield ok(POSTGRES, "the encoding is UTF8")
    else:
        yield error(
            POSTGRES,
            f"the encoding is {facts.encoding}: not every id can be stored",
            "create the database anew with ENCODING 'UTF8' TEMPLATE template0",
        )
    if facts.in_recovery or facts.read_only:
        what = "a standby in recovery" if facts.in_recovery else "read-only for us"
        remedy = (
            "let DATABASE_URL name the primary"
            if facts.in_recovery
            else "ALTER ROLE or DATABASE … RESET default_transaction_read_only"
        )
        yield error(POSTGRES, f"it is {what}: no page can be accepted", remedy)
    else:
        yield ok(POSTGRES, "it takes writes")
    if not facts.may_make_temporary_tables:
        yield error(
            POSTGRES,
            "our role may not make temporary tables: no page can be applied",
            "GRANT TEMPORARY ON DATABASE … TO our role",
        )


def _housekeeping(facts: PostgresFacts) -> Iterator[Finding]:
    if facts.autovacuum:
        yield ok(POSTGRES, "autovacuum is on")
    else:
        yield warning(
            POSTGRES,
            "autovacuum (or track_counts, which it needs) is off: tables grow and plans go astray",
            "set autovacuum = on and track_counts = on",
        )


def _clock(facts: PostgresFacts, now: datetime.datetime) -> Iterator[Finding]:
    skew_seconds = (facts.clock - now).total_seconds()
    if abs(skew_seconds) > MAX_CLOCK_SKEW_SECONDS:
        yield warning(
            POSTGRES,
            f"its clock and this machine's are {abs(skew_seconds):.0f} s apart",
            "let both follow NTP",
        )


def _wake_ups(facts: RedisFacts) -> Iterator[Finding]:
    if _version(facts.compatible_version) < OLDEST_REDIS:
        yield error(REDIS, "it is older than Redis 5", "upgrade it, or use Valkey")
    if facts.role != "master":
        yield error(
            REDIS,
            f"it is a {facts.role}, which takes no writes: nothing can be rung for",
            "let REDIS_URL name the primary",
        )
    if facts.clustered:
        yield error(REDIS, "it is a cluster, which RQ cannot use", "use a single server")
    if facts.save_failed:
        yield warning(
            REDIS,
            "its last save to disk failed, so it may refuse writes",
            "CONFIG SET save '' (nothing in it has to be kept), or mend its disk",
        )
    if facts.open_to_anybody and not facts.local:
        yield warning(
            REDIS,
            "it asks for no password: any client that reaches it can enqueue jobs for the workers",
            "set requirepass (or an ACL) and put the password into REDIS_URL",
        )


def _redis_memory(facts: RedisFacts) -> Iterator[Finding]:
    if facts.policy == "noeviction":
        yield ok(REDIS, "maxmemory-policy is noeviction")
    else:
        yield warning(
            REDIS,
            f"maxmemory-policy is {facts.policy}: when full it forgets jobs in silence, and pages"
            " wait for the sweeper",
            "CONFIG SET maxmemory-policy noeviction",
        )
    if facts.max_memory and facts.used_memory > FULL * facts.max_memory:
        yield warning(
            REDIS,
            f"{facts.used_memory:,} of {facts.max_memory:,} bytes are in use",
            "raise maxmemory, or give the gateway a server of its own",
        )


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(".")[:2] if part.isdecimal())
