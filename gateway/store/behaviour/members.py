"""The people that meet a rule, as members: all of them, or how they differ from a cohort."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import ARRAY, Text, and_, cast, exists, func, literal, not_, or_, select

from gateway.store.behaviour.compile import EVENTS, MEMBERSHIPS, PEOPLE, Compiled

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlalchemy import CTE, Connection

    from gateway.core.behaviour.edges import Edge
    from gateway.core.behaviour.rule import Definition
    from gateway.store.behaviour.compile import Asked

# People that are read at once, and so the members of a page.
AT_ONCE: Final = 10_000


def listing(
    conn: Connection, definition: Definition, asked: Asked
) -> Iterator[Sequence[tuple[str, str]]]:
    """Read (id, traits as JSON) of all people that meet a rule, some at a time."""
    held = _held(definition, asked)
    wanted = _with_traits(held, asked)
    streamed = conn.execution_options(stream_results=True, yield_per=AT_ONCE).execute(wanted)
    for part in streamed.partitions():
        yield [(row.person_id, row.traits) for row in part]


def coming(
    conn: Connection, definition: Definition, asked: Asked, cohort_id: int, *, since: int
) -> list[tuple[str, str]]:
    """Read (id, traits) of people that meet a rule and are no members yet, or changed since."""
    held = _held(definition, asked)
    member = MEMBERSHIPS.c
    inside = exists(
        select(literal(1))
        .select_from(MEMBERSHIPS)
        .where(
            member.cohort_id == cohort_id,
            member.entered_at.is_not(None),
            member.member_id == held.c.person_id,
        )
    )
    wanted = _with_traits(held, asked).where(or_(not_(inside), PEOPLE.c.changed > since))
    return [(row.person_id, row.traits) for row in conn.execute(wanted)]


def going(conn: Connection, definition: Definition, asked: Asked, cohort_id: int) -> list[str]:
    """List the members of a cohort that do not meet a rule."""
    held = _held(definition, asked)
    member = MEMBERSHIPS.c
    found = exists(select(literal(1)).select_from(held).where(held.c.person_id == member.member_id))
    wanted = select(member.member_id).where(
        member.cohort_id == cohort_id, member.entered_at.is_not(None), not_(found)
    )
    if asked.person_ids is not None:
        some = cast(literal(list(asked.person_ids), ARRAY(Text)), ARRAY(Text))
        wanted = wanted.where(member.member_id == func.any(some))
    return list(conn.execute(wanted.order_by(member.member_id)).scalars())


def held(conn: Connection, definition: Definition, asked: Asked) -> set[str]:
    """List the people that meet a rule, by id."""
    return set(conn.execute(select(_held(definition, asked).c.person_id)).scalars())


def on_edges(conn: Connection, source_id: int, edges: Sequence[Edge], *, limit: int) -> list[str]:
    """List people with events that the edges of windows have gone over."""
    if not edges:
        return []
    ranges = [
        and_(
            EVENTS.c.name == func.any(cast(literal(list(one.names), ARRAY(Text)), ARRAY(Text))),
            EVENTS.c.time >= one.start,
            EVENTS.c.time < one.end,
        )
        for one in edges
    ]
    wanted = select(EVENTS.c.person_id).where(EVENTS.c.source_id == source_id, or_(*ranges))
    return list(conn.execute(wanted.distinct().limit(limit)).scalars())


def _held(definition: Definition, asked: Asked) -> CTE:
    compiled = Compiled(definition, asked)
    return compiled.statement(everybody=False).where(compiled.holds(definition.root)).cte("held")


def _with_traits(held: CTE, asked: Asked) -> Any:  # noqa: ANN401 - a statement
    return (
        select(held.c.person_id, cast(PEOPLE.c.traits, Text).label("traits"))
        .select_from(held.join(PEOPLE, PEOPLE.c.person_id == held.c.person_id))
        .where(PEOPLE.c.source_id == asked.source_id)
        .order_by(held.c.person_id)
    )
