"""SQL as PostgreSQL's own grammar reads it: which tables a statement has, and what ties them."""

from __future__ import annotations

import dataclasses
import re
from typing import TYPE_CHECKING, Any, TypeAlias, cast

import pglast

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pglast.ast import Node

Tree: TypeAlias = dict[str, Any]
# A column of one occurrence of a table, or the number of a parameter.
Term: TypeAlias = "tuple[int, str] | int"

KEY = "cohort_id"
QUERIES = {"SelectStmt", "InsertStmt", "UpdateStmt", "DeleteStmt"}
_BIND = re.compile(r"(?<![:\w]):(\w+)")


def parse(sql: str) -> list[Tree]:
    """Read a text with named parameters; a tree for each of its statements."""
    names: dict[str, int] = {}

    def number(match: re.Match[str]) -> str:
        return f"${names.setdefault(match[1], len(names) + 1)}"

    parsed = pglast.parse_sql(_BIND.sub(number, sql))
    return [cast("Node", raw.stmt)(skip_none=True) for raw in parsed]


def walk(tree: Any) -> Iterator[Tree]:  # noqa: ANN401 - whatever a field holds
    """Yield every node of a tree from the top."""
    if isinstance(tree, dict):
        if "@" in tree:
            yield tree
        for value in tree.values():
            yield from walk(value)
    elif isinstance(tree, list | tuple):
        for value in tree:
            yield from walk(value)


def nodes(tree: Any, *kinds: str) -> list[Tree]:  # noqa: ANN401 - as above
    """List the nodes of some kinds."""
    return [node for node in walk(tree) if node["@"] in kinds]


def tables(tree: Any) -> set[str]:  # noqa: ANN401 - as above
    """Name the tables in a tree."""
    return {node["relname"] for node in nodes(tree, "RangeVar")}


def functions(tree: Any) -> set[str]:  # noqa: ANN401 - as above
    """Name the functions that are called in a tree, and those that SQL writes without a call."""
    named = {node["funcname"][-1]["sval"] for node in nodes(tree, "FuncCall")}
    return named | {node["op"]["name"] for node in nodes(tree, "SQLValueFunction")}


@dataclasses.dataclass
class Scope:
    """What the names of one query mean: to each alias its occurrence and table."""

    outer: Scope | None
    found: dict[str, int] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass
class Ties:
    """The occurrences of tables in a statement, and which columns and parameters are equal."""

    occurrences: list[str] = dataclasses.field(default_factory=list)
    parents: dict[Term, Term] = dataclasses.field(default_factory=dict)

    def root(self, term: Term) -> Term:
        """Stand-in for all that is equal to a term."""
        while term in self.parents:
            term = self.parents[term]
        return term

    def tie(self, one: Term, two: Term) -> None:
        """Take two terms to be equal."""
        one, two = self.root(one), self.root(two)
        if one != two:
            # A parameter stays the stand-in.
            old, new = (two, one) if isinstance(one, int) else (one, two)
            self.parents[old] = new

    def parameter(self, occurrence: int) -> int | None:
        """Return the parameter that says of which cohort an occurrence's rows are."""
        root = self.root((occurrence, KEY))
        return root if isinstance(root, int) else None

    def loose(self, spread: set[str]) -> set[str]:
        """Name the tables of which rows of more than one cohort may be wanted."""
        return {
            name
            for occurrence, name in enumerate(self.occurrences)
            if name in spread and self.parameter(occurrence) is None
        }

    def term(self, expression: Tree, scope: Scope) -> Term | None:
        """Return what a side of a comparison is; None if it is neither column nor parameter."""
        if expression["@"] == "ParamRef":
            return int(expression["number"])
        if expression["@"] != "ColumnRef" or expression["fields"][-1]["@"] != "String":
            return None
        *alias, column = (field["sval"] for field in expression["fields"])
        at: Scope | None = scope
        while at is not None:
            if not alias and at.found:
                return next(iter(at.found.values())), column
            if alias and alias[0] in at.found:
                return at.found[alias[0]], column
            at = at.outer
        return None


def ties(statement: Tree) -> Ties:
    """Find out what is equal to what in a statement, however deep."""
    made = Ties()
    _query(statement, None, made)
    return made


def _query(query: Tree, outer: Scope | None, made: Ties) -> Scope:
    scope = Scope(outer)
    if query.get("op", {}).get("name", "SETOP_NONE") != "SETOP_NONE":
        _query(query["larg"], outer, made)
        _query(query["rarg"], outer, made)
        return scope
    for cte in query.get("withClause", {}).get("ctes", ()):
        _query(cte["ctequery"], outer, made)
    if "relation" in query:
        _source(query["relation"], scope, made)
    for source in (*query.get("fromClause", ()), *query.get("usingClause", ())):
        _source(source, scope, made)
    _equal(query.get("whereClause"), scope, made)
    if query["@"] == "InsertStmt":
        _inserted(query, scope, made)
    for name in ("targetList", "whereClause", "havingClause", "onConflictClause", "returningList"):
        _below(query.get(name), scope, made)
    return scope


def _source(source: Tree, scope: Scope, made: Ties) -> None:
    alias = source.get("alias", {}).get("aliasname")
    if source["@"] == "JoinExpr":
        _source(source["larg"], scope, made)
        _source(source["rarg"], scope, made)
        _equal(source.get("quals"), scope, made)
        _below(source.get("quals"), scope, made)
    elif source["@"] == "RangeSubselect":
        within = _query(source["subquery"], scope, made)
        made.occurrences.append("")
        scope.found[alias] = len(made.occurrences) - 1
        _passed_on(source["subquery"], within, scope.found[alias], made)
    else:
        made.occurrences.append(source.get("relname", ""))
        scope.found[alias or source.get("relname", "")] = len(made.occurrences) - 1


def _passed_on(query: Tree, within: Scope, occurrence: int, made: Ties) -> None:
    """A derived table's columns are those of the tables below, as far as they are only passed."""
    for target in query.get("targetList", ()):
        term = made.term(target.get("val", {"@": ""}), within)
        if isinstance(term, tuple):
            made.tie((occurrence, target.get("name", term[1])), term)


def _equal(condition: Tree | None, scope: Scope, made: Ties) -> None:
    """Tie what a condition says is equal, whatever else has to be true."""
    if condition is None:
        return
    if condition["@"] == "BoolExpr" and condition["boolop"]["name"] == "AND_EXPR":
        for part in condition["args"]:
            _equal(part, scope, made)
    elif is_equation(condition):
        one, two = (made.term(condition[side], scope) for side in ("lexpr", "rexpr"))
        if one is not None and two is not None:
            made.tie(one, two)


def is_equation(node: Tree) -> bool:
    """Tell whether a node is a plain `=`; `= ANY` is none."""
    if node["@"] != "A_Expr" or node["kind"]["name"] != "AEXPR_OP":
        return False
    return str(node["name"][-1]["sval"]) == "="


def _inserted(query: Tree, scope: Scope, made: Ties) -> None:
    """Tie the columns that are written to what is written there."""
    target = next(iter(scope.found.values()))
    source = query["selectStmt"]
    columns = [column["name"] for column in query.get("cols", ())]
    if "valuesLists" in source:
        values, within = source["valuesLists"][0], scope
    else:
        within = _query(source, scope.outer, made)
        values = [one["val"] for one in source.get("targetList", ())]
    for column, value in zip(columns, values, strict=False):
        term = made.term(value, within)
        if term is not None:
            made.tie((target, column), term)


def _below(tree: Any, scope: Scope, made: Ties) -> None:  # noqa: ANN401 - as above
    """Go into the sub-selects of an expression, each in a scope of its own."""
    if isinstance(tree, list | tuple):
        for value in tree:
            _below(value, scope, made)
    elif isinstance(tree, dict):
        if tree.get("@") in QUERIES:
            _query(tree, scope, made)
            return
        for value in tree.values():
            _below(value, scope, made)
