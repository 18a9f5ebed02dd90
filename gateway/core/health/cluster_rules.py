"""Whether a database that Citus spreads over several servers is set up safely, and what to do."""

from __future__ import annotations

import dataclasses
import functools
from typing import TYPE_CHECKING, Final

from gateway.core.health.finding import error, ok, warning

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from gateway.core.health.finding import Finding

CITUS: Final = "citus"
# What Citus calls a table that is whole on every node.
EVERYWHERE: Final = "reference"

_error = functools.partial(error, CITUS)
_warning = functools.partial(warning, CITUS)
_GUIDE: Final = "see docs/scaling.md"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Server:
    """What a node says of itself: the settings that decide whether its commits last, and room."""

    fsync: str
    full_page_writes: str
    synchronous_commit: str
    encoding: str
    max_connections: int


@dataclasses.dataclass(frozen=True, kw_only=True)
class Node:
    """A server as the coordinator knows it; `server` is None where it could not be asked."""

    host: str
    port: int
    coordinator: bool
    active: bool
    holds_shards: bool
    server: Server | None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Facts:
    """What there is to judge: `tables` has the kind of each that is not local, by its name.

    `columns` has the column by which each distributed table is spread.
    """

    nodes: tuple[Node, ...]
    tables: Mapping[str, str]
    columns: Mapping[str, str]
    hands_limits_on: bool
    max_connections: int


@dataclasses.dataclass(frozen=True, kw_only=True)
class Wanted:
    """Which tables are to be spread, by which column, and which are to be whole on every node."""

    spread: frozenset[str]
    column: str
    everywhere: frozenset[str]
    local: frozenset[str]


def findings(facts: Facts, wanted: Wanted) -> Iterator[Finding]:
    workers = [node for node in facts.nodes if not node.coordinator]
    if not workers:
        yield _warning(
            "Citus is installed and knows no node beside this server: nothing is spread",
            f"add the nodes before the tables are spread, or drop the extension; {_GUIDE}",
        )
        return
    yield ok(CITUS, f"the database is spread over {len(workers)} nodes")
    for node in facts.nodes:
        yield from _coordinator(node) if node.coordinator else _node(node, facts.max_connections)
    if not facts.hands_limits_on:
        yield _warning(
            "citus.propagate_set_commands is not local: nodes wait for locks without our limit",
            "ALTER DATABASE … SET citus.propagate_set_commands = 'local'",
        )
    yield from _tables(facts, wanted)


def _coordinator(node: Node) -> Iterator[Finding]:
    if node.host == "localhost":
        yield _error(
            "the coordinator is registered as localhost, which other nodes cannot reach",
            f"call citus_set_coordinator_host('<its address>', {node.port}) there",
        )
    if node.holds_shards:
        yield _warning(
            "the coordinator holds shards beside its own work",
            f"call citus_set_node_property('{node.host}', {node.port}, 'shouldhaveshards', false)"
            " there, then citus_rebalance_start()",
        )


def _node(node: Node, connections: int) -> Iterator[Finding]:
    name = f"the node {node.host}:{node.port}"
    if not node.active:
        yield _error(
            f"{name} is not active",
            f"call citus_activate_node('{node.host}', {node.port}) on the coordinator",
        )
    elif node.server is None:
        yield _error(
            f"{name} cannot be reached: pages of its cohorts are answered 503",
            "start it, or let the coordinator reach it",
        )
    else:
        yield from _server(name, node.server, connections)


def _server(name: str, server: Server, connections: int) -> Iterator[Finding]:
    for setting, value in (
        ("fsync", server.fsync),
        ("full_page_writes", server.full_page_writes),
        ("synchronous_commit", server.synchronous_commit),
    ):
        if value == "off":
            yield _error(
                f"{setting} is off on {name}: a crash there loses pages that were acknowledged",
                f"set {setting} = on there and reload",
            )
    if server.encoding != "UTF8":
        yield _error(
            f"the encoding of {name} is {server.encoding}: not every id can be stored there",
            "create its database anew with ENCODING 'UTF8' TEMPLATE template0",
        )
    if server.max_connections < connections:
        yield _warning(
            f"{name} allows {server.max_connections} connections, and the coordinator"
            f" {connections}: under load some requests will be answered 503",
            "raise max_connections there",
        )


def _tables(facts: Facts, wanted: Wanted) -> Iterator[Finding]:
    spread = {name for name in wanted.spread if facts.columns.get(name) == wanted.column}
    yield from _missing(wanted.spread - spread, f"not spread by {wanted.column}")
    everywhere = {name for name, kind in facts.tables.items() if kind == EVERYWHERE}
    yield from _missing(wanted.everywhere - everywhere, "no reference tables")
    moved = wanted.local & facts.tables.keys()
    if moved:
        yield _error(
            f"these tables have to stay on the coordinator alone: {', '.join(sorted(moved))}",
            "SELECT undistribute_table('…') for each",
        )


def _missing(names: frozenset[str] | set[str], what: str) -> Iterator[Finding]:
    if names:
        yield _error(
            f"these tables are {what}: {', '.join(sorted(names))}",
            "run the lines for them in docs/scaling.md (a new table is local when it is made)",
        )
