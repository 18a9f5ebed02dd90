"""Why a person is a member of a cohort, or is not."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Final

from gateway import errors
from gateway.core.behaviour import parse
from gateway.core.people.source import KIND
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
class Standing:
    """How a person stands to a cohort: the rule with what it found, if it has one, and the touch.

    `name` is that of the cohort.
    """

    name: str
    definition: Definition | None
    found: dict[Node, Finding] | None
    touch: Touch | None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Explained(Standing):
    """What is known in all: the standing, and what happened."""

    changes: Sequence[Change]


def stand(
    pool: Pool, runner: Runner, cohort_id: int, member_id: str, *, now: datetime.datetime
) -> Standing:
    """Look how a person stands to a cohort, without what happened.

    Raises errors.NotFound for no cohort, or for no person where there is a rule.
    """
    with pool.read() as conn:
        origin = touches.origin(conn, cohort_id, member_id)
    if origin is None:
        raise errors.NotFound(lookup.NO_COHORT)
    if origin.kind != KIND or origin.definition is None:
        return Standing(name=origin.name, definition=None, found=None, touch=origin.touch)
    definition = parse.definition(origin.definition)
    found = runner.explain_kept(definition, origin.source_id, member_id, now=now)
    return Standing(name=origin.name, definition=definition, found=found, touch=origin.touch)


def explain(
    pool: Pool, runner: Runner, cohort_id: int, member_id: str, *, now: datetime.datetime
) -> Explained:
    """Explain a membership. Raises errors.NotFound for no cohort, or a person not known in it."""
    standing = stand(pool, runner, cohort_id, member_id, now=now)
    with pool.read() as conn:
        changes = touches.changes(conn, cohort_id, member_id, limit=CHANGES)
    if standing.definition is None and standing.touch is None and not changes:
        raise errors.NotFound("this cohort has never had a member of this id")
    return Explained(**vars(standing), changes=changes)
