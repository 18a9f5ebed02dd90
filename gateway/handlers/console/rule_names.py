"""Cohorts that rules name, as people know them: by name, with the id that tells them apart."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from gateway.core.behaviour import rule
from gateway.flows.cohorts import browse
from gateway.handlers.console import rule_drafts

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from gateway.core.behaviour.rule import Node
    from gateway.flows.cohorts.read_routing import ReadRouter
    from gateway.handlers.console.rule_drafts import Draft

_ID: Final = re.compile(r"[1-9][0-9]{0,17}", re.ASCII)


def shown(cohort_id: int, name: str) -> str:
    """Write a cohort as a field of the builder has it; `rule_drafts.cohort` reads the id of it."""
    return f"{name}{rule_drafts.BEFORE_ID}{cohort_id}"


def of(readers: ReadRouter, node: Node) -> Mapping[int, str]:
    """Name the cohorts that a rule looks into, for sentences."""
    found = browse.names(readers, rule.cohorts_named(node))
    return {cohort_id: f"“{name}”" for cohort_id, name in found.items()}


def of_draft(readers: ReadRouter, draft: Draft) -> Mapping[str, str]:
    """Write the cohorts of a draft as fields have them, by the texts of their ids."""
    ids = {int(one) for one in _ids(draft) if _ID.fullmatch(one)}
    return {str(one): shown(one, name) for one, name in browse.names(readers, ids).items()}


def _ids(draft: Draft) -> Iterator[str]:
    yield draft.texts.get("cohort", "")
    for child in draft.children:
        yield from _ids(child)
