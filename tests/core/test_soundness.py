"""Which servers are safe, and that each fault is named with its remedy."""

from __future__ import annotations

import dataclasses
import datetime

import pytest

from gateway.core.health import server_rules
from gateway.core.health.finding import Finding, Level
from gateway.core.health.server_rules import PostgresFacts, RedisFacts

NOW = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)

GOOD_POSTGRES = PostgresFacts(
    version="18.1",
    version_number=180_001,
    fsync="on",
    full_page_writes="on",
    synchronous_commit="on",
    synchronous_standbys="",
    standbys=0,
    encoding="UTF8",
    in_recovery=False,
    read_only=False,
    autovacuum=True,
    may_make_temporary_tables=True,
    unlogged_tables=(),
    clock=NOW,
)

GOOD_REDIS = RedisFacts(
    product="Valkey",
    version="9.1.2",
    compatible_version="7.2.4",
    role="master",
    policy="noeviction",
    used_memory=1,
    max_memory=0,
    clustered=False,
    save_failed=False,
    open_to_anybody=False,
    local=False,
)


def judged(**changes: object) -> list[Finding]:
    """Judge a good Postgres with some facts changed; only what is not ok."""
    facts = dataclasses.replace(GOOD_POSTGRES, **changes)  # type: ignore[arg-type]
    found = server_rules.postgres(facts, now=NOW)
    return [one for one in found if one.level is not Level.OK]


def judged_redis(**changes: object) -> list[Finding]:
    """Judge a good Redis with some facts changed; only what is not ok."""
    facts = dataclasses.replace(GOOD_REDIS, **changes)  # type: ignore[arg-type]
    return [one for one in server_rules.redis(facts) if one.level is not Level.OK]


def test_postgres__as_it_should_be__has_no_finding_that_asks_for_anything() -> None:
    assert judged() == []
    assert judged(synchronous_commit="remote_apply") == []
    assert judged(synchronous_standbys="ANY 1 (*)", standbys=2) == []
    assert judged(synchronous_commit="local") == []


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"fsync": "off"}, "fsync"),
        ({"full_page_writes": "off"}, "full_page_writes"),
        ({"synchronous_commit": "off"}, "synchronous_commit"),
        ({"unlogged_tables": ("deliveries",)}, "deliveries"),
        ({"version_number": 140_019}, "15"),
        ({"encoding": "SQL_ASCII"}, "SQL_ASCII"),
        ({"in_recovery": True, "read_only": True}, "standby"),
        ({"read_only": True}, "read-only"),
        ({"may_make_temporary_tables": False}, "temporary"),
    ],
)
def test_postgres__that_breaks_the_promise__is_an_error_with_a_remedy(
    changes: dict[str, object], word: str
) -> None:
    (finding,) = judged(**changes)
    assert finding.level is Level.ERROR
    assert word in finding.text
    assert finding.remedy


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"autovacuum": False}, "autovacuum"),
        ({"standbys": 2}, "2 standbys"),
        ({"synchronous_standbys": "*", "synchronous_commit": "local"}, "local"),
        ({"clock": NOW - datetime.timedelta(seconds=8)}, "8 s apart"),
    ],
)
def test_postgres__that_will_trouble_us__is_a_warning_with_a_remedy(
    changes: dict[str, object], word: str
) -> None:
    (finding,) = judged(**changes)
    assert finding.level is Level.WARNING
    assert word in finding.text
    assert finding.remedy


def test_redis__as_it_should_be__has_no_finding_that_asks_for_anything() -> None:
    assert judged_redis() == []
    assert judged_redis(open_to_anybody=True, local=True) == []


@pytest.mark.parametrize(
    ("changes", "level", "word"),
    [
        ({"compatible_version": "4.0.14"}, Level.ERROR, "Redis 5"),
        ({"role": "slave"}, Level.ERROR, "slave"),
        ({"clustered": True}, Level.ERROR, "cluster"),
        ({"policy": "allkeys-lru"}, Level.WARNING, "allkeys-lru"),
        ({"used_memory": 95, "max_memory": 100}, Level.WARNING, "95 of 100"),
        ({"save_failed": True}, Level.WARNING, "save"),
        ({"open_to_anybody": True}, Level.WARNING, "password"),
    ],
)
def test_redis__that_cannot_be_relied_on__is_named_with_a_remedy(
    changes: dict[str, object], level: Level, word: str
) -> None:
    (finding,) = judged_redis(**changes)
    assert finding.level is level
    assert word in finding.text
    assert finding.remedy
