"""Why a person is a member of a cohort, or is not."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Final

from gateway import errors
from gateway.core.behaviour import parse
from gateway.core.people.source import KIND
from gateway.flows.behaviour.run import Wanted
from gateway.flows.cohorts import lookup
from gateway.store.behaviour import touches

if TYPE_CHECKING:
    import datetime
    from collections.abc import Sequence

    from gateway.core.behaviour.rule import Definition, Node
    from gateway.flows.behaviour.run import Finding, Runner
    from gateway.store.behaviour.touches import Change, Touch
    from gateway.store.db.engine import Pool

CHANGES: Final = 10


@dataclasses.dataclass(frozen=True, kw_only=True)
class Explained:
    """What is known: the rule with what it found, if the cohort has one, and what happened."""

    definition: Definition | None
    found: dict[Node, Finding] | None
    touch: Touch | None
    changes: Sequence[Change]


def explain(
    pool: Pool, runner: Runner, cohort_id: int, member_id: str, *, now: datetime.datetime
) -> Explained:
    """Explain a membership. Raises errors.NotFound for no cohort, or a person not known in it."""
    with pool.read() as conn:
        origin = touches.origin(conn, cohort_id)
        if origin is None:
            raise errors.NotFound(lookup.NO_COHORT)
        touch = touches.touch(conn, cohort_id, member_id)
        changes = touches.changes(conn, cohort_id, member_id, limit=CHANGES)
    if origin.kind != KIND or origin.definition is None:
        if touch is None and not changes:
            raise errors.NotFound("this cohort has never had a member of this id")
        return Explained(definition=None, found=None, touch=touch, changes=changes)
    definition = parse.definition(origin.definition)
    wanted = Wanted(source=origin.source, definition=definition)
    found = runner.explain_kept(wanted, member_id, now=now)
    return Explained(definition=definition, found=found, touch=touch, changes=changes)
