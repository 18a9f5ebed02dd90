"""Why a person is a member of a cohort, or is not; and the rule of a cohort in words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from gateway import errors
from gateway.core.behaviour import parse
from gateway.flows.behaviour import membership
from gateway.flows.cohorts import lookup
from gateway.handlers.console import forms, ids, pages, rule_names, rule_words
from gateway.handlers.console.pages import Page
from gateway.handlers.http import deps

if TYPE_CHECKING:
    from flask import Response


def show_rule(cohort_id: str) -> Response:
    given = deps.current()
    cohort = lookup.cohort(given.readers, ids.cohort(cohort_id), now=given.now())
    if "rule" not in (cohort.definition or {}):
        raise errors.NotFound("the members of this cohort come from no rule")
    definition = parse.definition(cohort.definition)
    return pages.render(
        "rules/rule.html",
        cohort=cohort,
        line=rule_words.outline(definition.root, rule_names.of(given.readers, definition.root)),
        time_zone=definition.time_zone,
    )


def show_why(cohort_id: str) -> Response:
    given, number = deps.current(), ids.cohort(cohort_id)
    member_id = forms.asked("id", most=1024)
    found = membership.stand(given.reading, given.rules, number, member_id, now=given.now())
    reason = None  # of a cohort without a rule
    if found.definition is not None and found.found is not None:
        named = rule_names.of(given.readers, found.definition.root)
        reason = rule_words.reason(found.definition.root, found.found, named)
    return pages.render(
        "rules/why.html",
        number=number,
        member_id=member_id,
        is_member=found.touch is not None and found.touch.is_member,
        found=found,
        reason=reason,
    )


_ONE: Final = "/cohorts/<raw:cohort_id>"

PAGES: Final = (
    Page(name="rule", rule=f"{_ONE}/rule", view=show_rule),
    Page(name="why", rule=f"{_ONE}/why", view=show_why),
)

blueprint = pages.blueprint("why", PAGES)
