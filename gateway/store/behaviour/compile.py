"""Rules as SQL: one statement for a whole tree, whatever the number of people.

Each `did` is a set of people with what is counted of them, grouped once; each `in_cohort` the
members of a cohort. They are joined to the people that can be meant at all, and the tree is one
expression over the joined rows. Where a rule can only hold for people that some of these sets have,
no other is looked at, so that a narrow window costs what is in it.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Date,
    DateTime,
    FromClause,
    Select,
    Text,
    and_,
    cast,
    column,
    distinct,
    func,
    literal,
    not_,
    select,
    table,
    union,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from gateway.core.behaviour import rule, windows
from gateway.core.behaviour.rule import All, Did, InCohort, Not, Trait
from gateway.store.behaviour import values

if TYPE_CHECKING:
    import datetime
    from collections.abc import Callable, Collection, Iterator, Sequence

    from gateway.core.behaviour.rule import Definition, Leaf, Node, Path

PEOPLE: Final = table(
    "people",
    column("source_id", BigInteger),
    column("person_id", Text),
    column("traits", JSONB),
    column("changed", BigInteger),
)
EVENTS: Final = table(
    "events",
    column("source_id", BigInteger),
    column("person_id", Text),
    column("time", DateTime(timezone=True)),
    column("id", BigInteger),
    column("name", Text),
    column("properties", JSONB),
)
MEMBERSHIPS: Final = table(
    "memberships",
    column("cohort_id", BigInteger),
    column("member_id", Text),
    column("entered_at", DateTime(timezone=True)),
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Asked:
    """What a rule is asked of: the people of a source, or only some of them, seen from a moment."""

    source_id: int
    as_of: datetime.datetime
    person_ids: Sequence[str] | None = None
    # Names of events with paths of properties that have an index.
    indexed: Collection[tuple[str, Path]] = frozenset()


class Compiled:
    """A rule as parts of a statement.

    `people` has a row for each person that the rule can hold for, with the id as `person_id`;
    `holds(node)` tells over such a row whether a node does.
    """

    def __init__(self, definition: Definition, asked: Asked) -> None:
        self._definition = definition
        self._asked = asked
        self._sets: dict[Node, FromClause] = {}
        for number, node in enumerate(rule.walk(definition.root)):
            if isinstance(node, Did):
                self._sets[node] = self._events_of(node).cte(f"did_{number}")
            elif isinstance(node, InCohort):
                self._sets[node] = self._members_of(node.cohort_id).cte(f"cohort_{number}")
        self._wide: FromClause = self._all()

    def statement(self, *, everybody: bool) -> Select[Any]:
        """Select the rows of people; `everybody` also has those that the rule cannot hold for."""
        support = None if everybody else self._support(self._definition.root)
        rows, ids, joined = self._base(support)
        for node, found in self._sets.items():
            if node not in joined:
                rows = rows.outerjoin(found, found.c.person_id == ids)
        return select(ids.label("person_id")).select_from(rows)

    def _base(
        self, support: Sequence[Node] | None
    ) -> tuple[FromClause, ColumnElement[Any], Sequence[Node]]:
        """Return the rows to begin with, their ids, and the nodes that they are of."""
        if support is None:
            return self._wide, self._wide.c.person_id, ()
        if len(support) == 1:
            first: FromClause = self._sets[support[0]]
        else:
            first = union(*[select(self._sets[one].c.person_id) for one in support]).subquery()
        ids = first.c.person_id
        if self._needs_people():
            first = first.join(self._wide, self._wide.c.person_id == ids)
        return first, ids, support if len(support) == 1 else ()

    @property
    def traits(self) -> ColumnElement[Any]:
        """The traits of the person of a row, where everybody is looked at."""
        return self._wide.c.traits

    def holds(self, node: Node) -> ColumnElement[bool]:
        """Tell whether a node holds for the person of a row."""
        return combined(node, self.leaf)

    def leaf(self, node: Leaf) -> ColumnElement[bool]:
        """Tell whether a node that has none below it holds for the person of a row."""
        if isinstance(node, Did):
            return self._did(node)
        if isinstance(node, Trait):
            traits = self._wide.c.traits
            return values.meets(traits, node.cond, as_of=self._asked.as_of)
        return self._sets[node].c.person_id.is_not(None)

    def counted(self, node: Did) -> dict[str, ColumnElement[Any]]:
        """Return what is counted of a node for the person of a row, 0 where there is nothing."""
        found = self._sets[node]
        return {
            name: func.coalesce(found.c[name], 0)
            for name in ("count", "sum", "days")
            if name in found.c
        }

    def matching(self, node: Did) -> Select[Any]:
        """Select the events that a node counts."""
        window = windows.of(
            node.when, as_of=self._asked.as_of, time_zone=self._definition.time_zone
        )
        chosen = select(EVENTS).where(
            EVENTS.c.source_id == self._asked.source_id,
            EVENTS.c.name == func.any(cast(literal(list(node.names), ARRAY(Text)), ARRAY(Text)))
            if len(node.names) > 1
            else EVENTS.c.name == node.names[0],
            EVENTS.c.time < window.end,
            *[
                values.meets(EVENTS.c.properties, one, as_of=self._asked.as_of)
                for one in node.where
            ],
            *self._by_index(node),
        )
        if window.start is not None:
            chosen = chosen.where(EVENTS.c.time >= window.start)
        return self._of_some(chosen, EVENTS.c.person_id)

    def _by_index(self, node: Did) -> Iterator[ColumnElement[bool]]:
        """Say what indexes can find of what a node counts; a node of several names has none."""
        for one in node.where if len(node.names) == 1 else ():
            if (node.names[0], one.path) in self._asked.indexed:
                found = values.may_meet(EVENTS.c.properties, one)
                if found is not None:
                    yield found

    def _did(self, node: Did) -> ColumnElement[bool]:
        if not node.compared:
            return self._sets[node].c.person_id.is_not(None)
        counted = self.counted(node)
        return and_(*[values.compare(counted[name], cmp) for name, cmp in node.compared.items()])

    def _events_of(self, node: Did) -> Select[Any]:
        """Group the events that a node counts by person."""
        person_id = EVENTS.c.person_id
        wanted: list[ColumnElement[Any]] = [func.count().label("count")]
        if node.sum is not None:
            number = values.number_at(EVENTS.c.properties, node.sum.path)
            wanted.append(func.sum(number).label("sum"))
        if node.days is not None:
            local = func.timezone(cast(literal(self._definition.time_zone), Text), EVENTS.c.time)
            wanted.append(func.count(distinct(cast(local, Date))).label("days"))
        matching = self.matching(node)
        return matching.with_only_columns(person_id, *wanted).group_by(person_id)

    def _members_of(self, cohort_id: int) -> Select[Any]:
        chosen = select(MEMBERSHIPS.c.member_id.label("person_id")).where(
            MEMBERSHIPS.c.cohort_id == cohort_id, MEMBERSHIPS.c.entered_at.is_not(None)
        )
        return self._of_some(chosen, MEMBERSHIPS.c.member_id)

    def _all(self) -> FromClause:
        chosen = select(PEOPLE.c.person_id, PEOPLE.c.traits).where(
            PEOPLE.c.source_id == self._asked.source_id
        )
        return self._of_some(chosen, PEOPLE.c.person_id).subquery("everybody")

    def _of_some(self, chosen: Select[Any], person_id: ColumnElement[Any]) -> Select[Any]:
        if self._asked.person_ids is None:
            return chosen
        wanted = cast(literal(list(self._asked.person_ids), ARRAY(Text)), ARRAY(Text))
        return chosen.where(person_id == func.any(wanted))

    def _support(self, node: Node) -> list[Node] | None:
        """Return nodes of which one must hold for this one to hold; None if there are none."""
        if isinstance(node, InCohort) or (isinstance(node, Did) and _is_false_of_nothing(node)):
            return [node]
        if isinstance(node, All):
            found = [self._support(one) for one in node.children]
            return min((one for one in found if one is not None), key=len, default=None)
        if isinstance(node, rule.Any):
            listed: list[Node] = []
            for one in node.children:
                support = self._support(one)
                if support is None:
                    return None
                listed += support
            return listed or None
        return None

    def _needs_people(self) -> bool:
        """Tell whether rows need what only people have: traits, or that they are people at all."""
        return any(isinstance(one, Trait | InCohort) for one in rule.walk(self._definition.root))


def combined(node: Node, leaf: Callable[[Leaf], ColumnElement[bool]]) -> ColumnElement[bool]:
    """Put a node together of what `leaf` says of those below it that have none themselves."""
    if isinstance(node, Not):
        return not_(combined(node.child, leaf))
    if isinstance(node, All | rule.Any):
        parts = [combined(one, leaf) for one in node.children]
        return values.everything(parts) if isinstance(node, All) else values.something(parts)
    return leaf(node)


def _is_false_of_nothing(node: Did) -> bool:
    """Tell whether a node does not hold where nothing is counted."""
    return not node.compared or not all(map(_holds_for_zero, node.compared.values()))


def _holds_for_zero(cmp: rule.Cmp) -> bool:
    low, high = cmp.values[0], cmp.values[-1]
    return {
        rule.Op.EQ: low == 0,
        rule.Op.NE: low != 0,
        rule.Op.GT: low < 0,
        rule.Op.GTE: low <= 0,
        rule.Op.LT: low > 0,
        rule.Op.LTE: low >= 0,
        rule.Op.BETWEEN: low <= 0 <= high,
    }[cmp.op]
