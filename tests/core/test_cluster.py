"""What is said of a database that Citus spreads over several servers."""

from __future__ import annotations

import dataclasses

import pytest

from gateway.core.health import cluster_rules
from gateway.core.health.cluster_rules import Facts, Node, Server, Wanted
from gateway.core.health.finding import Level

GOOD = Server(
    fsync="on",
    full_page_writes="on",
    synchronous_commit="on",
    encoding="UTF8",
    max_connections=100,
)
WORKER = Node(
    host="node-1", port=5432, coordinator=False, active=True, holds_shards=True, server=GOOD
)
COORDINATOR = dataclasses.replace(
    WORKER, host="first", coordinator=True, holds_shards=False, server=None
)
WANTED = Wanted(
    spread=frozenset({"changes", "skips"}),
    column="cohort_id",
    everywhere=frozenset({"sources"}),
    local=frozenset({"chores"}),
)
FACTS = Facts(
    nodes=(COORDINATOR, WORKER),
    tables={"changes": "distributed", "skips": "distributed", "sources": "reference"},
    columns={"changes": "cohort_id", "skips": "cohort_id"},
    hands_limits_on=True,
    max_connections=100,
)


def said(facts: Facts) -> list[tuple[Level, str]]:
    return [(one.level, one.text) for one in cluster_rules.findings(facts, WANTED)]


def test_cluster__set_up_as_the_guide_says__is_good() -> None:
    assert said(FACTS) == [(Level.OK, "the database is spread over 1 nodes")]


def test_cluster__without_nodes__is_warned_of_alone() -> None:
    ((level, text),) = said(dataclasses.replace(FACTS, nodes=(COORDINATOR,), tables={}))
    assert level is Level.WARNING
    assert "nothing is spread" in text


@pytest.mark.parametrize(
    ("change", "level", "word"),
    [
        ({"host": "localhost"}, Level.ERROR, "localhost"),
        ({"holds_shards": True}, Level.WARNING, "holds shards"),
    ],
)
def test_coordinator__set_up_in_the_wrong_order__is_named(
    change: dict[str, object], level: Level, word: str
) -> None:
    changed = dataclasses.replace(COORDINATOR, **change)  # type: ignore[arg-type]
    _, (found, text) = said(dataclasses.replace(FACTS, nodes=(changed, WORKER)))
    assert (found, word in text) == (level, True)


@pytest.mark.parametrize(
    ("change", "word"),
    [({"active": False}, "node-1:5432 is not active"), ({"server": None}, "cannot be reached")],
)
def test_node__that_takes_no_part__is_an_error(change: dict[str, object], word: str) -> None:
    changed = dataclasses.replace(WORKER, **change)  # type: ignore[arg-type]
    _, (level, text) = said(dataclasses.replace(FACTS, nodes=(COORDINATOR, changed)))
    assert (level, word in text) == (Level.ERROR, True)


@pytest.mark.parametrize(
    ("change", "level", "word"),
    [
        ({"fsync": "off"}, Level.ERROR, "fsync is off on the node node-1:5432"),
        ({"full_page_writes": "off"}, Level.ERROR, "full_page_writes"),
        ({"synchronous_commit": "off"}, Level.ERROR, "synchronous_commit"),
        ({"encoding": "SQL_ASCII"}, Level.ERROR, "SQL_ASCII"),
        ({"max_connections": 50}, Level.WARNING, "allows 50 connections"),
    ],
)
def test_node__with_unsafe_settings__is_named(
    change: dict[str, object], level: Level, word: str
) -> None:
    server = dataclasses.replace(GOOD, **change)  # type: ignore[arg-type]
    node = dataclasses.replace(WORKER, server=server)
    _, (found, text) = said(dataclasses.replace(FACTS, nodes=(COORDINATOR, node)))
    assert (found, word in text) == (level, True)


@pytest.mark.parametrize(
    ("tables", "columns", "words"),
    [
        ({"changes": "distributed", "sources": "reference"}, {"changes": "cohort_id"}, "skips"),
        (
            FACTS.tables,
            {"changes": "cohort_id", "skips": "reason"},
            "not spread by cohort_id: skips",
        ),
        (
            {"changes": "distributed", "skips": "distributed"},
            FACTS.columns,
            "reference tables: sou",
        ),
        ({**FACTS.tables, "chores": "reference"}, FACTS.columns, "alone: chores"),
    ],
)
def test_table__that_is_kept_in_another_way__is_an_error(
    tables: dict[str, str], columns: dict[str, str], words: str
) -> None:
    _, (level, text) = said(dataclasses.replace(FACTS, tables=tables, columns=columns))
    assert (level, words in text) == (Level.ERROR, True)


def test_limits__that_stay_on_the_coordinator__are_warned_of() -> None:
    _, (level, text) = said(dataclasses.replace(FACTS, hands_limits_on=False))
    assert (level, "propagate_set_commands" in text) == (Level.WARNING, True)
