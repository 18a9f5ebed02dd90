"""What is read of Citus, from a schema that has its views and functions by their names."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text

from gateway import errors
from gateway.core.health.finding import Level
from gateway.flows.health import check
from gateway.flows.health.readiness import Readiness
from gateway.settings import Settings
from gateway.store.db import citus
from gateway.store.db.engine import Pool
from gateway.store.health import server
from tests import statements

if TYPE_CHECKING:
    import datetime
    from collections.abc import Iterator

    from tests.model.desk import Desk

# The coordinator, one node that answers, and one that does not.
STAND_IN = (
    "CREATE SCHEMA stand_in",
    "CREATE VIEW stand_in.pg_extension AS SELECT CAST('citus' AS name) AS extname",
    """
    CREATE VIEW stand_in.pg_dist_node AS
    SELECT * FROM (VALUES
        (0, 'first', 5432, 'primary', true, false),
        (1, 'node-1', 5432, 'primary', true, true),
        (2, 'node-2', 5433, 'primary', true, true),
        (3, 'spare', 5432, 'secondary', true, true))
        AS n (groupid, nodename, nodeport, noderole, isactive, shouldhaveshards)
    """,
    """
    CREATE VIEW stand_in.citus_tables AS
    SELECT CAST(oid AS regclass) AS table_name,
           CASE WHEN relname = 'sources' THEN 'reference' ELSE 'distributed' END
               AS citus_table_type,
           CASE WHEN relname = 'sources' THEN '<none>' ELSE 'cohort_id' END AS distribution_column
    FROM pg_class
    WHERE relnamespace = CAST('public' AS regnamespace)
      AND relname IN ('sources', 'memberships', 'changes')
    """,
    """
    CREATE FUNCTION stand_in.run_command_on_workers(command text)
    RETURNS TABLE (nodename text, nodeport int, success bool, result text) LANGUAGE plpgsql AS $$
    BEGIN
        nodename := 'node-1'; nodeport := 5432; success := true;
        EXECUTE command INTO result;
        RETURN NEXT;
        nodename := 'node-2'; nodeport := 5433; success := false;
        result := 'failed to connect to node-2:5433';
        RETURN NEXT;
    END $$
    """,
    """
    CREATE FUNCTION stand_in.citus_total_relation_size(
        logicalrelid regclass, fail_on_error boolean DEFAULT true)
    RETURNS bigint LANGUAGE sql AS $$ SELECT CAST(1 << 30 AS bigint) WHERE NOT fail_on_error $$
    """,
)


@pytest.fixture
def spread(pool: Pool) -> Iterator[Pool]:
    """Lend a pool whose connections find Citus' names."""
    url = pool.engine.url.render_as_string(hide_password=False)
    name = pool.engine.url.database
    with pool.begin() as conn:
        for statement in STAND_IN:
            conn.exec_driver_sql(statement)
        conn.exec_driver_sql(
            f'ALTER DATABASE "{name}" SET search_path = stand_in, pg_catalog, public'
        )
    made = Pool(url, name="test", size=2, limit_seconds=10)
    try:
        yield made
    finally:
        made.close()
        with pool.begin() as conn:
            conn.exec_driver_sql(f'ALTER DATABASE "{name}" RESET search_path')
            conn.execute(text("DROP SCHEMA stand_in CASCADE"))


def test_facts__of_nodes_and_tables__are_read(spread: Pool) -> None:
    with spread.read() as conn:
        assert citus.is_installed(conn)
        facts = citus.facts(conn)
    nodes = [(node.host, node.coordinator, node.server is not None) for node in facts.nodes]
    assert nodes == [("first", True, False), ("node-1", False, True), ("node-2", False, False)]
    assert facts.nodes[1].server is not None
    assert dataclasses.asdict(facts.nodes[1].server)["encoding"] == "UTF8"
    assert facts.tables["sources"] == "reference"
    assert facts.columns == {"memberships": "cohort_id", "changes": "cohort_id"}
    assert not facts.hands_limits_on


def test_room__of_a_spread_database__counts_all_nodes(pool: Pool, spread: Pool) -> None:
    with pool.read() as conn:
        alone = server.room(conn).database_bytes
    with spread.read() as conn:
        assert server.room(conn).database_bytes - alone >= 2 << 30


def test_plain_database__is_asked_nothing_of_citus(pool: Pool) -> None:
    with pool.read() as conn:
        assert not citus.is_installed(conn)


def test_check__of_a_spread_database__names_nodes_and_tables(desk: Desk, spread: Pool) -> None:
    found = check.postgres(spread, Settings(), now=desk.clock())
    said = [one.text for one in found if one.subject == "citus"]
    assert "the node node-2:5433 cannot be reached: pages of its cohorts are answered 503" in said
    (tables,) = [one for one in said if one.startswith("these tables are not spread")]
    assert "deliveries" in tables
    assert "memberships" not in tables


def test_check__whose_nodes_cannot_be_asked__says_so_and_goes_on(desk: Desk, spread: Pool) -> None:
    with spread.begin() as conn:
        conn.execute(text("DROP FUNCTION stand_in.run_command_on_workers"))
    found = check.postgres(spread, Settings(), now=desk.clock())
    (one,) = [one for one in found if one.subject == "citus"]
    assert (one.level, "cannot be asked" in one.text) == (Level.ERROR, True)
    assert [one for one in found if one.subject == "access"]


def test_check__while_a_node_does_not_answer__tells_what_it_can(desk: Desk, spread: Pool) -> None:
    found = _without_answers(spread, desk.clock())
    assert found[-1] == "what waits to be applied cannot be told: not every node answers"
    assert [one for one in found if "node-2" in one]


def test_readiness__while_one_node_answers__goes_by_it_and_without_any_is_unavailable(
    spread: Pool,
) -> None:
    Readiness(spread).require_nodes()
    with spread.begin() as conn:
        conn.execute(_NO_ANSWER)
    with pytest.raises(errors.Unavailable, match="nodes"):
        Readiness(spread).require_nodes()


def test_readiness__while_nodes_cannot_be_asked__knows_nothing_against_it(spread: Pool) -> None:
    with spread.begin() as conn:
        conn.execute(text("DROP FUNCTION stand_in.run_command_on_workers"))
    Readiness(spread).require_nodes()


def test_readiness__of_a_plain_database__asks_for_nodes_only_once(pool: Pool) -> None:
    readiness = Readiness(pool)
    readiness.require_nodes()
    asked: list[str] = []
    with statements.noted(pool.engine, asked.append):
        readiness.require_nodes()
    assert asked == []


def test_check__of_a_plain_database_that_does_not_answer__is_unavailable(
    desk: Desk, spread: Pool
) -> None:
    with spread.begin() as conn:
        conn.execute(text("DROP VIEW stand_in.pg_extension"))
    with pytest.raises(errors.Unavailable):
        _without_answers(spread, desk.clock())


def _without_answers(spread: Pool, now: datetime.datetime) -> list[str]:
    """Check while what is spread cannot be read, as when a node is down."""
    with spread.begin() as conn:
        conn.execute(_FAILING)
        conn.execute(_UNREADABLE)
    return [one.text for one in check.postgres(spread, Settings(), now=now)]


_NO_ANSWER = text("""
    CREATE OR REPLACE FUNCTION stand_in.run_command_on_workers(command text)
    RETURNS TABLE (nodename text, nodeport int, success bool, result text) LANGUAGE sql AS
    $$ SELECT nodename, nodeport, false, 'failed to connect' FROM pg_dist_node WHERE groupid > 0 $$
""")

_FAILING = text("""
    CREATE FUNCTION stand_in.fail() RETURNS bigint LANGUAGE plpgsql IMMUTABLE AS
    $$ BEGIN RAISE 'node is down' USING ERRCODE = 'connection_failure'; END $$
""")

_UNREADABLE = text("""
    CREATE VIEW stand_in.intake_state AS
    SELECT i.cohort_id, fail() AS last_delivery, i.run_from
    FROM (VALUES (CAST(1 AS bigint), CAST(1 AS bigint))) AS i (cohort_id, run_from)
""")
