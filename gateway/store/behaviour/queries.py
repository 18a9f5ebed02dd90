"""Asking rules: how many people meet one, which, and why."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import (
    CTE,
    BigInteger,
    Text,
    cast,
    exists,
    func,
    literal,
    literal_column,
    select,
    text,
    union_all,
)

from gateway.core.behaviour import rule
from gateway.core.behaviour.rule import Did, InCohort, Trait
from gateway.store.behaviour import values
from gateway.store.behaviour.compile import EVENTS, MEMBERSHIPS, PEOPLE, Compiled, combined

if TYPE_CHECKING:
    import datetime
    from collections.abc import Collection, Sequence
    from decimal import Decimal

    from sqlalchemy import Connection

    from gateway.core.behaviour.rule import Definition, Node
    from gateway.store.behaviour.compile import Asked

SAMPLE: Final = 50
EVENTS_SHOWN: Final = 5

LEAVES: Final = (Did, Trait, InCohort)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Found:
    """How many people meet a rule, of how many, some of them, and how many each node holds for.

    Against a cohort: how many are no members of it yet, and how many members would not be found.
    """

    count: int
    of: int
    sample: Sequence[str]
    nodes: Sequence[int] | None
    would_enter: int | None
    would_exit: int | None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Happened:
    """An event that a node counts; `properties` is JSON."""

    time: datetime.datetime
    event: str
    properties: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class Finding:
    """What was found for a node and one person: `value` is the JSON that a trait has, if any."""

    holds: bool
    counted: dict[str, Decimal | int]
    value: str | None
    events: Sequence[Happened]


def set_up(conn: Connection) -> None:
    """Have what follows planned for reading much: compiling it would take longer than it runs."""
    conn.execute(_NO_JIT)


def run(
    conn: Connection,
    definition: Definition,
    asked: Asked,
    *,
    with_nodes: bool,
    compare: int | None,
) -> Found:
    """Count the people that meet a rule, and name the first of them."""
    compiled = Compiled(definition, asked)
    nodes = list(rule.walk(definition.root)) if with_nodes else []
    held, counts = _held(compiled, definition.root, nodes)
    first = select(held.c.person_id).order_by(held.c.person_id).limit(SAMPLE).subquery("first")
    people = select(func.count()).select_from(PEOPLE)
    wanted = [
        select(func.count()).select_from(held).scalar_subquery().label("count"),
        people.where(PEOPLE.c.source_id == asked.source_id).scalar_subquery().label("of"),
        select(func.array_agg(first.c.person_id)).scalar_subquery().label("sample"),
        *counts,
    ]
    if compare is not None:
        wanted += _difference(held, compare)
    row = conn.execute(select(*wanted)).one()._mapping
    return Found(
        count=row["count"],
        of=row["of"],
        sample=sorted(row["sample"] or ()),
        nodes=[row[f"node_{n}"] for n in range(len(nodes))] if with_nodes else None,
        would_enter=row.get("would_enter"),
        would_exit=row.get("would_exit"),
    )


def explain(conn: Connection, definition: Definition, asked: Asked) -> dict[Node, Finding] | None:
    """Say what each node found for the one person that is asked about; None for no person."""
    compiled = Compiled(definition, asked)
    nodes = list(rule.walk(definition.root))
    wanted: list[Any] = []
    for number, node in enumerate(nodes):
        if isinstance(node, LEAVES):
            wanted.append(compiled.leaf(node).label(f"holds_{number}"))
        if isinstance(node, Did):
            counted = compiled.counted(node)
            wanted += [one.label(f"{name}_{number}") for name, one in counted.items()]
        if isinstance(node, rule.Trait):
            value = values.at(compiled.traits, node.cond.path)
            wanted.append(cast(value, Text).label(f"value_{number}"))
    row = conn.execute(compiled.statement(everybody=True).add_columns(*wanted)).one_or_none()
    if row is None:
        return None
    events = _events(conn, compiled, nodes)
    known = {
        node: row._mapping[f"holds_{number}"]
        for number, node in enumerate(nodes)
        if isinstance(node, LEAVES)
    }
    return {
        node: _finding(row._mapping, number, rule.holds(node, known), events.get(number, []))
        for number, node in enumerate(nodes)
    }


def traits(conn: Connection, source_id: int, person_ids: Sequence[str]) -> list[tuple[str, str]]:
    """List (id, traits as JSON) of some people, by id."""
    parameters = {"source_id": source_id, "person_ids": list(person_ids)}
    return [(row.person_id, row.traits) for row in conn.execute(_TRAITS, parameters)]


def cohorts_there(conn: Connection, cohort_ids: Collection[int]) -> set[int]:
    """Tell which of some cohorts exist and are not deleted."""
    return set(conn.execute(_COHORTS, {"ids": list(cohort_ids)}).scalars())


def source(conn: Connection, slug: str) -> tuple[int, str] | None:
    """Find a source; returns its id and kind."""
    row = conn.execute(_SOURCE, {"slug": slug}).one_or_none()
    return None if row is None else (row.id, row.kind)


def require_zone(conn: Connection, time_zone: str) -> None:
    """Have Postgres look a time zone up, which fails if it has none of this name."""
    conn.execute(_ZONE, {"zone": time_zone})


def _held(compiled: Compiled, root: Node, nodes: Sequence[Node]) -> tuple[CTE, list[Any]]:
    """Name the people that meet a rule, and count those that each node holds for."""
    if not nodes:
        return compiled.statement(everybody=False).where(compiled.holds(root)).cte("held"), []
    seen = _seen(compiled, nodes)
    held = select(seen.c.person_id).where(seen.c.holds_0).cte("held")
    counts = [
        select(func.count())
        .select_from(seen)
        .where(seen.c[f"holds_{n}"])
        .scalar_subquery()
        .label(f"node_{n}")
        for n in range(len(nodes))
    ]
    return held, counts


def _seen(compiled: Compiled, nodes: Sequence[Node]) -> CTE:
    """Tell of everybody which nodes hold, each leaf asked once, wherever it is in the tree."""
    leaves = {node: f"leaf_{n}" for n, node in enumerate(nodes) if isinstance(node, LEAVES)}
    labels = [compiled.leaf(node).label(name) for node, name in leaves.items()]
    asked = compiled.statement(everybody=True).add_columns(*labels)
    known = asked.cte("leaves").prefix_with("MATERIALIZED")
    columns = [
        combined(node, lambda one: known.c[leaves[one]]).label(f"holds_{n}")
        for n, node in enumerate(nodes)
    ]
    return select(known.c.person_id, *columns).cte("seen")


def _difference(held: CTE, cohort_id: int) -> list[Any]:
    member = MEMBERSHIPS.c
    is_member = (member.cohort_id == cohort_id, member.entered_at.is_not(None))
    inside = exists(
        select(literal(1))
        .select_from(MEMBERSHIPS)
        .where(*is_member, member.member_id == held.c.person_id)
    )
    found = exists(select(literal(1)).select_from(held).where(held.c.person_id == member.member_id))
    enter = select(func.count()).select_from(held).where(~inside)
    leave = select(func.count()).select_from(MEMBERSHIPS).where(*is_member, ~found)
    return [
        enter.scalar_subquery().label("would_enter"),
        leave.scalar_subquery().label("would_exit"),
    ]


def _events(
    conn: Connection, compiled: Compiled, nodes: Sequence[Node]
) -> dict[int, list[Happened]]:
    """Read the newest events that each node counts, in one statement for all nodes."""
    parts = []
    for number, node in enumerate(nodes):
        if isinstance(node, Did):
            newest = (
                compiled.matching(node)
                .order_by(EVENTS.c.time.desc(), EVENTS.c.id.desc())
                .limit(EVENTS_SHOWN)
                .subquery(f"newest_{number}")
            )
            parts.append(
                select(
                    cast(literal(number), BigInteger).label("node"),
                    newest.c.time,
                    newest.c.id,
                    newest.c.name,
                    cast(newest.c.properties, Text).label("properties"),
                )
            )
    found: dict[int, list[Happened]] = {}
    if parts:
        order: list[Any] = [
            literal_column("node"),
            literal_column("time").desc(),
            literal_column("id").desc(),
        ]
        for row in conn.execute(union_all(*parts).order_by(*order)):
            one = Happened(time=row.time, event=row.name, properties=row.properties)
            found.setdefault(row.node, []).append(one)
    return found


def _finding(
    row: Any,  # noqa: ANN401 - a row
    number: int,
    holds: bool,  # noqa: FBT001 - what was found
    events: Sequence[Happened],
) -> Finding:
    names = ("count", "sum", "days")
    return Finding(
        holds=holds,
        counted={name: row[f"{name}_{number}"] for name in names if f"{name}_{number}" in row},
        value=row.get(f"value_{number}"),
        events=events,
    )


# Not SET LOCAL: Citus hands that on to its nodes together with the rest of the text it stands in.
_NO_JIT = text("SELECT set_config('jit', 'off', true)")

_TRAITS = text("""
    SELECT person_id, CAST(traits AS text) AS traits FROM people
    WHERE source_id = :source_id AND person_id = ANY(:person_ids) ORDER BY person_id
""")

_COHORTS = text("SELECT id FROM cohorts WHERE id = ANY(:ids) AND deleted_at IS NULL")

_SOURCE = text("SELECT id, kind FROM sources WHERE slug = :slug AND removed_at IS NULL")

_ZONE = text("SELECT timezone(CAST(:zone AS text), statement_timestamp())")
