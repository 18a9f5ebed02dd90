"""What Citus refuses, and what it does wrong, in a statement on tables that are spread by cohort.

Citus cannot be installed where the tests run, so these rules stand for it. Each comes from a
statement that worked on plain PostgreSQL and failed on Citus 13.2; `test_spread.py` keeps those.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from gateway.store import tables
from tests.store import sqltree
from tests.store.sqltree import KEY, Ties, Tree

if TYPE_CHECKING:
    from collections.abc import Callable

SPREAD = set(tables.wanted().spread)
# They differ from call to call, so the nodes of a distributed table could disagree.
MUTABLE = {
    *("now", "clock_timestamp", "statement_timestamp", "transaction_timestamp", "timeofday"),
    *("random", "gen_random_uuid", "nextval", "currval"),
    *("SVFOP_CURRENT_TIMESTAMP", "SVFOP_CURRENT_TIME", "SVFOP_CURRENT_DATE"),
    *("SVFOP_LOCALTIME", "SVFOP_LOCALTIMESTAMP"),
}
WRITES = ("InsertStmt", "UpdateStmt", "DeleteStmt")
# What reaches the other nodes, if it does, as the whole text that it stands in.
UTILITY = {"VariableSetStmt", "VacuumStmt", "LockStmt"}

Rule: TypeAlias = "Callable[[Tree, Ties], bool]"


def faults(sql: str, *, pipelined: bool = False) -> list[str]:
    """Name the rules that a text breaks; one that is pipelined travels with others."""
    trees = sqltree.parse(sql)
    kinds = {tree["@"] for tree in trees}
    found = [
        name for tree in trees for name, breaks in RULES.items() if breaks(tree, sqltree.ties(tree))
    ]
    # Several SET in one text reach the nodes several times over, which does no harm.
    if kinds & UTILITY and (pipelined or len(kinds) > 1):
        found.append("utility statement in company")
    return found


def loose(sql: str) -> set[str]:
    """Name the tables that a text reads or writes on every node."""
    return {table for tree in sqltree.parse(sql) for table in sqltree.ties(tree).loose(SPREAD)}


def _selects_among_targets(tree: Tree, ties: Ties) -> bool:
    """0A000 cannot push down subquery on the target list."""
    return bool(ties.loose(SPREAD)) and any(
        SPREAD & sqltree.tables(sqltree.nodes(query.get("targetList"), "SubLink"))
        for query in sqltree.nodes(tree, "SelectStmt")
    )


def _selects_in_having(tree: Tree, ties: Ties) -> bool:
    """0A000 Subqueries in HAVING cannot refer to outer query."""
    return bool(ties.loose(SPREAD)) and any(
        sqltree.nodes(query.get("havingClause"), "SubLink")
        for query in sqltree.nodes(tree, "SelectStmt")
    )


def _joins_past_the_cohort(tree: Tree, ties: Ties) -> bool:
    """0A000 complex joins are only supported when all distributed tables are co-located."""
    return bool(ties.loose(SPREAD)) and any(
        join["jointype"]["name"] != "JOIN_INNER"
        and _is_spread(join["larg"])
        and bool(SPREAD & sqltree.tables(join["rarg"]))
        and not _names_the_cohort_on_both_sides(join)
        for join in sqltree.nodes(tree, "JoinExpr")
    )


def _is_spread(source: Tree) -> bool:
    """Tell whether a side of a join stays on the nodes; what a small table leads is fetched."""
    if source["@"] != "JoinExpr":
        return bool(SPREAD & sqltree.tables(source))
    inner = source["jointype"]["name"] == "JOIN_INNER"
    return _is_spread(source["larg"]) or (inner and _is_spread(source["rarg"]))


def _names_the_cohort_on_both_sides(join: Tree) -> bool:
    parts = [join["quals"]]
    if parts[0].get("boolop", {}).get("name") == "AND_EXPR":
        parts = parts[0]["args"]
    sides = ("lexpr", "rexpr")
    return any(
        sqltree.is_equation(part) and all(_column(part[side]) == KEY for side in sides)
        for part in parts
    )


def _column(expression: Tree) -> str:
    fields = expression.get("fields", ())
    return str(fields[-1].get("sval", "")) if fields else ""


def _locks_several_cohorts(tree: Tree, ties: Ties) -> bool:
    """0A000 could not run distributed query with FOR UPDATE/SHARE."""
    locking = [q for q in sqltree.nodes(tree, "SelectStmt") if "lockingClause" in q]
    return any(SPREAD & sqltree.tables(query) for query in locking) and bool(ties.loose(SPREAD))


def _compares_with_null(tree: Tree, _: Ties) -> bool:
    """0A000, because the planner folds the join away and leaves one that it may not be."""
    return any(
        side.get("isnull")
        for node in sqltree.nodes(tree, "A_Expr")
        if sqltree.is_equation(node)
        for side in sqltree.nodes([node.get("lexpr"), node.get("rexpr")], "A_Const")
    )


def _limits_by_a_function(tree: Tree, _: Ties) -> bool:
    """No error; what `set_config` sets stays on the coordinator, and locks are waited for below."""
    return any(
        call["funcname"][-1]["sval"] == "set_config"
        and call["args"][0]["val"]["sval"].endswith("_timeout")
        for call in sqltree.nodes(tree, "FuncCall")
    )


def _calls_what_changes(tree: Tree, _: Ties) -> bool:
    """0A000 functions used in UPDATE queries on distributed tables must not be VOLATILE."""
    return any(
        bool(MUTABLE & sqltree.functions(_changed(write))) for write in sqltree.nodes(tree, *WRITES)
    )


def _changed(write: Tree) -> object:
    """What must be the same everywhere: all of a spread table's write, of others the conflict."""
    return write if write["relation"]["relname"] in SPREAD else write.get("onConflictClause")


def _selects_among_values(tree: Tree, _: Ties) -> bool:
    """0A000 subqueries are not supported within INSERT … VALUES."""
    return any(
        sqltree.nodes(write["selectStmt"].get("valuesLists"), "SubLink")
        for write in sqltree.nodes(tree, "InsertStmt")
        if write["relation"]["relname"] in SPREAD
    )


def _takes_the_cohort_from_outside(tree: Tree, _: Ties) -> bool:
    """0A000, or all rows through the coordinator: which shard they are of has to be in them."""
    return any(
        target["val"]["@"] == "ParamRef"
        for write in sqltree.nodes(tree, "InsertStmt")
        if write["relation"]["relname"] in SPREAD
        for column, target in zip(
            write["cols"], write["selectStmt"].get("targetList", ()), strict=False
        )
        if column["name"] == KEY
    )


def _joins_in_an_update(tree: Tree, _: Ties) -> bool:
    """Several times slower than INSERT … ON CONFLICT, and refused with what is not co-located."""
    return any(
        "fromClause" in write
        for write in sqltree.nodes(tree, "UpdateStmt")
        if write["relation"]["relname"] in SPREAD
    )


def _writes_twice(tree: Tree, _: Ties) -> bool:
    """What reads what its own WITH has written: 1 row on plain PostgreSQL, 3 on Citus."""
    return bool(SPREAD & sqltree.tables(tree)) and len(sqltree.nodes(tree, *WRITES)) > 1


def _leaves_the_nodes_in_a_lateral(tree: Tree, ties: Ties) -> bool:
    """0A000 unless the sub-select names the cohort of a spread table before it."""
    if not ties.loose(SPREAD):
        return False
    return any(
        SPREAD & sqltree.tables(source["subquery"])
        and not any(
            sqltree.is_equation(part)
            and _column(part["lexpr"]) == KEY
            and _column(part["rexpr"]) == KEY
            for part in sqltree.nodes(source["subquery"], "A_Expr")
        )
        for source in sqltree.nodes(tree, "RangeSubselect")
        if source.get("lateral")
    )


RULES: dict[str, Rule] = {
    "sub-select among the targets": _selects_among_targets,
    "sub-select in HAVING": _selects_in_having,
    "outer join past the cohort": _joins_past_the_cohort,
    "lock on several cohorts": _locks_several_cohorts,
    "comparison with NULL": _compares_with_null,
    "limit by set_config": _limits_by_a_function,
    "mutable function": _calls_what_changes,
    "sub-select among values": _selects_among_values,
    "cohort from a parameter": _takes_the_cohort_from_outside,
    "join in an update": _joins_in_an_update,
    "two writes": _writes_twice,
    "lateral past the cohort": _leaves_the_nodes_in_a_lateral,
}
