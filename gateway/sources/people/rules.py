"""Rules as the definitions of cohorts: what is wrong with one, and which cohorts it looks into."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway import errors
from gateway.core.behaviour import parse, rule

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

PLACE = "definition"


def faults(definition: Mapping[str, object]) -> Sequence[errors.Fault]:
    """Tell what is wrong with a definition, with paths from `definition` on."""
    try:
        parse.definition(definition, PLACE)
    except errors.Invalid as wrong:
        return wrong.faults
    return ()


def cohorts_named(definition: Mapping[str, object]) -> Mapping[str, int]:
    """Return the cohorts that a definition looks into, by the path that names each."""
    root = parse.definition(definition, PLACE).root
    return {
        f"{one.place}.in_cohort": one.cohort_id
        for one in rule.walk(root)
        if isinstance(one, rule.InCohort)
    }
