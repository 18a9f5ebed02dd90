"""Edits of drafts: what the buttons of the rule builder do to the tree."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Final

from gateway.handlers.console import rule_drafts as drafts
from gateway.handlers.console.rule_drafts import Draft

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence


def edited(draft: Draft, button: str) -> Draft:
    """Return a draft after a button, `<verb>@<place>`; one that is not known changes nothing."""
    verb, _, place = button.partition("@")
    root, *steps = place.split(".")
    act = _ACTS.get(verb)
    if act is None or root != drafts.ROOT or not all(one.isdecimal() for one in steps):
        return draft
    return _at(draft, [int(one) for one in steps], act) or Draft(kind=drafts.ALL)


def _at(draft: Draft, steps: Sequence[int], act: Callable[[Draft], Draft | None]) -> Draft | None:
    """Return a tree with the node at some steps below its root changed, or without it."""
    if not steps:
        return act(draft)
    first, *rest = steps
    changed = [
        _at(child, rest, act) if place == first else child
        for place, child in enumerate(draft.children)
    ]
    return dataclasses.replace(draft, children=tuple(one for one in changed if one is not None))


def _adding(kind: str) -> Callable[[Draft], Draft | None]:
    def add(draft: Draft) -> Draft:
        """Add to a group; another node becomes the first of one."""
        group = draft if draft.kind in drafts.GROUPS else _wrap(draft)
        return dataclasses.replace(group, children=(*group.children, drafts.blank(kind)))

    return add


def _wrap(draft: Draft) -> Draft:
    return Draft(kind=drafts.ALL, children=(draft,))


def _add_name(draft: Draft) -> Draft:
    return dataclasses.replace(draft, names=(*draft.names, ""))


def _add_condition(draft: Draft) -> Draft:
    return dataclasses.replace(draft, conditions=(*draft.conditions, {"op": "eq"}))


def _drop_condition(draft: Draft) -> Draft:
    return dataclasses.replace(draft, conditions=draft.conditions[:-1])


_ACTS: Final[Mapping[str, Callable[[Draft], Draft | None]]] = {
    **{f"add-{kind}": _adding(kind) for kind in (drafts.DID, drafts.TRAIT, drafts.IN_COHORT)},
    "add-group": _adding(drafts.ANY),
    "wrap": _wrap,
    "remove": lambda _: None,
    "name": _add_name,
    "condition": _add_condition,
    "no-condition": _drop_condition,
}
