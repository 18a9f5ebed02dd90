"""The rule builder: a rule is drawn as a form, run, explained and saved."""

from __future__ import annotations

import dataclasses
import re
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from flask import request

from gateway import errors
from gateway.core.access.scopes import Scope
from gateway.core.behaviour import parse
from gateway.core.behaviour.faults import Faults
from gateway.core.people import predefined
from gateway.errors import Fault
from gateway.flows.behaviour.run import Wanted
from gateway.flows.cohorts import browse, lookup
from gateway.flows.cohorts.lookup import Filter
from gateway.flows.people import lookup as people
from gateway.flows.sources import cohorts as flow
from gateway.handlers.console import (
    forms,
    ids,
    pages,
    rule_drafts,
    rule_edits,
    rule_names,
    rule_texts,
    rule_words,
    session,
)
from gateway.handlers.console.pages import Act, Page
from gateway.handlers.console.people import source as chosen_source
from gateway.handlers.http import deps
from gateway.handlers.http import forms as schemas
from gateway.sources import json_body
from gateway.sources.people import objects

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from flask import Response

    from gateway.core.behaviour.rule import Definition
    from gateway.flows.behaviour.run import Ran
    from gateway.flows.people.lookup import Property
    from gateway.handlers.console.forms import Form
    from gateway.handlers.console.rule_drafts import Draft
    from gateway.handlers.console.rule_words import Reason

MAX_FIELDS: Final = 5000
MAX_BYTES: Final = 1024 * 1024
# Of a rule with more fields the form has one, of JSON.
DRAWN_FIELDS: Final = MAX_FIELDS - 100
OFFERED_COHORTS: Final = 200
_EVENT: Final = re.compile(r"r(\.[0-9]+)*\.event\.[0-9]+")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Shown:
    """A node as the form shows it: the beginning of its fields' names, and what was found."""

    name: str
    draft: Draft
    faults: Sequence[Fault]
    count: int | None
    children: Sequence[Shown]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Outcome:
    """What pressing a button has brought: a refusal, a run, or why a person is in or out."""

    error: errors.Refused | None = None
    ran: Ran | None = None
    reason: Reason | None = None

    @property
    def faults(self) -> Sequence[Fault]:
        """What is wrong with parts of the rule, by their places in it."""
        found = self.error.faults if isinstance(self.error, errors.Invalid) else ()
        return [Fault(one.path.removeprefix("definition."), one.message) for one in found]

    @property
    def counts(self) -> Mapping[str, int]:
        """How many people each node of a rule that was run holds for."""
        if self.ran is None or self.ran.found.nodes is None:
            return {}
        pairs = zip(self.ran.nodes, self.ran.found.nodes, strict=True)
        return {node.place: count for node, count in pairs}


NOTHING: Final = Outcome()


def show() -> Response:
    """Show the rule of a cohort, or the beginning of one."""
    given, asked = deps.current(), forms.asked("cohort")
    form = {"source": chosen_source(), "time_zone": parse.UTC}
    if not asked:
        people.require_source(given.reading, form["source"])
        blank = rule_drafts.Draft(
            kind=rule_drafts.ALL, children=(rule_drafts.blank(rule_drafts.DID),)
        )
        return _render(form, blank)
    cohort = lookup.cohort(given.readers, ids.cohort(asked), now=given.now())
    definition = parse.definition(cohort.definition)
    form |= {"cohort": asked, "source": cohort.source, "name": cohort.name}
    form["time_zone"] = definition.time_zone
    return _render(form, rule_drafts.of_rule(definition.root))


def change(form: Form) -> Response:
    """Show the form with a part more, or less."""
    return _render(form, rule_edits.edited(_draft(form), form.get("do", "")))


def draw(form: Form) -> Response:
    """Show the rule that was written as JSON."""
    written = {name: text for name, text in form.items() if not name.startswith("r.")}
    definition = _definition(written)
    shown = {**written, "time_zone": definition.time_zone}
    return _render(shown, rule_drafts.of_rule(definition.root))


def run(form: Form) -> Response:
    given = deps.current()
    definition = _definition(form)
    ran = given.rules.run(
        Wanted(source=form.get("source", ""), definition=definition),
        with_nodes=True,
        compare=ids.cohort(form["cohort"]) if form.get("cohort") else None,
        now=given.now(),
    )
    return _render(form, rule_drafts.of_rule(definition.root), Outcome(ran=ran))


def explain(form: Form) -> Response:
    """Say why a person meets the rule as it stands in the form, or does not."""
    given = deps.current()
    definition = _definition(form)
    wanted = Wanted(source=form.get("source", ""), definition=definition)
    found = given.rules.explain(wanted, form.get("person_id", "").strip(), now=given.now())
    named = rule_names.of(given.readers, definition.root)
    reason = rule_words.reason(definition.root, found, named)
    return _render(form, rule_drafts.of_rule(definition.root), Outcome(reason=reason))


def save(form: Form) -> Response:
    """Make a cohort of the rule, or give it to the cohort that it came from."""
    given, actor = deps.current(), session.visitor().actor
    definition = _kept(form)
    if form.get("cohort"):
        number = ids.cohort(form["cohort"])
        changes = flow.Changes(definition=definition)
        flow.change(given.reading, number, changes, given.setup, now=given.now(), actor=actor)
        given.readers.settle()
        return pages.go("cohorts", number, done="ruled")
    wanted = flow.Wanted(source=form.get("source", ""), name=_name(form), definition=definition)
    made = flow.create(
        given.reading,
        wanted,
        given.setup,
        max_cohorts=given.settings.max_cohorts,
        now=given.now(),
        actor=actor,
    )
    given.readers.settle()
    return pages.go("cohorts", made.id, done="created")


def again(form: Form, error: errors.Refused) -> Response:
    try:
        draft = _draft(form)
    except errors.Refused:  # it is JSON that cannot be drawn
        draft = rule_drafts.Draft(kind=rule_drafts.ALL)
    return _render(form, draft, Outcome(error=error))


def offer_events() -> Response:
    given = deps.current()
    found = people.names(given.reading, chosen_source(), now=given.now())
    return _offers((one.name, f"{one.events:,}" if one.events else "") for one in found)


def offer_properties() -> Response:
    return _offers((one.name, ", ".join(one.types)) for one in _properties())


def offer_values() -> Response:
    """Offer the values that many share of the property that stands in a condition."""
    wanted = forms.asked(f"{forms.asked('at')}.property")
    values = [one.values for one in _properties() if one.name == wanted]
    listed = [one for value in values for one in _listed(value)]
    return _offers((rule_texts.scalar(one), "") for one in listed)


def offer_cohorts() -> Response:
    given = deps.current()
    found = browse.cohorts(
        given.readers, Filter(), search="", after=0, limit=OFFERED_COHORTS, now=given.now()
    )
    return _offers((rule_names.shown(one.id, one.name), one.source) for one in found.items)


def _offers(found: Iterable[tuple[str, str]]) -> Response:
    return pages.render("rules/offers.html", found=list(found))


def _properties() -> Sequence[Property]:
    """List the properties of the events that stand in a node; without any, the traits."""
    given = deps.current()
    fields = [name for name in request.args if _EVENT.fullmatch(name)]
    names = [rule_texts.read_name(forms.asked(name)) for name in fields if forms.asked(name)]
    if fields:
        return people.offered(given.reading, chosen_source(), names)
    return people.traits(given.reading, chosen_source())


def _listed(values: str) -> list[Any]:
    """Read frequent values as rules have them, each number a Decimal."""
    read = json_body.parse_exactly(values.encode())
    assert isinstance(read, list), "they are kept as a list"  # noqa: S101
    return [Decimal(one) if type(one) is int else one for one in read]


def _draft(form: Form) -> Draft:
    """Read the draft of a form, or of the JSON in it. Raises as `_definition` does."""
    drawn = rule_drafts.read(form)
    return rule_drafts.of_rule(_definition(form).root) if drawn is None else drawn


def _definition(form: Form) -> Definition:
    """Read the rule of a form. Raises errors.Malformed or errors.Invalid."""
    sent, faults = _sent(form), Faults()
    faults.an_object(sent, "definition", ("rule", "time_zone"))
    return parse.read(sent, faults)


def _sent(form: Form) -> dict[str, object]:
    """Read a rule, drawn or written as JSON, as the API would be sent it."""
    zone = form.get("time_zone", "").strip() or parse.UTC
    drawn = rule_drafts.read(form)
    if drawn is not None:
        return {"rule": rule_drafts.to_json(drawn), "time_zone": zone}
    written = json_body.parse_exactly(form.get("json", "").encode())
    is_whole = isinstance(written, dict) and "rule" in written
    return {"time_zone": zone, **written} if is_whole else {"rule": written, "time_zone": zone}  # type: ignore[dict-item]


def _kept(form: Form) -> dict[str, Any]:
    """Return the definition of a form as the API keeps one. Raises as `_definition` does."""
    _definition(form)
    sent = _sent(form)
    if sent["time_zone"] == parse.UTC:
        del sent["time_zone"]
    parsed = json_body.parse(objects.text(sent, "rule").encode())
    assert isinstance(parsed.value, dict), "it was an object"  # noqa: S101
    return parsed.value


def _name(form: Form) -> str:
    name = form.get("name", "").strip()
    if not name:
        raise errors.Invalid([Fault("name", "is empty; name the cohort")])
    return name[: schemas.MAX_TEXT_CHARACTERS]


def _render(form: Form, draft: Draft, outcome: Outcome = NOTHING) -> Response:
    sent = {"rule": rule_drafts.to_json(draft)}
    zone = form.get("time_zone") or parse.UTC
    is_drawn = rule_drafts.fields(draft) <= DRAWN_FIELDS
    refused_json = outcome.error is not None and "json" in form and "r.kind" not in form
    return pages.render(
        "rules/builder.html",
        form=form,
        node=_shown(draft, rule_drafts.ROOT, "rule", outcome) if is_drawn else None,
        json=form["json"]
        if refused_json
        else rule_texts.pretty(sent | ({} if zone == parse.UTC else {"time_zone": zone})),
        outcome=outcome,
        events=predefined.EVENTS,
        drafts=rule_drafts,
        cohorts=rule_names.of_draft(deps.current().readers, draft),
        says=rule_words,
    )


def _shown(draft: Draft, name: str, place: str, outcome: Outcome) -> Shown:
    inner = f"{place}{'.not' * draft.nots}.{draft.kind}"
    is_group = draft.kind in rule_drafts.GROUPS
    return Shown(
        name=name,
        draft=draft,
        faults=[
            one
            for one in outcome.faults
            if one.path in (place, inner) or (one.path.startswith(f"{place}.") and not is_group)
        ],
        count=outcome.counts.get(place),
        children=[
            _shown(child, f"{name}.{number}", f"{inner}.{number}", outcome)
            for number, child in enumerate(draft.children)
        ],
    )


def _act(name: str, rule: str, view: Callable[..., Response], scope: Scope = Scope.READ) -> Act:
    return Act(
        name=name,
        rule=rule,
        view=view,
        scope=scope,
        again=again,
        max_fields=MAX_FIELDS,
        max_bytes=MAX_BYTES,
    )


_OFFERS: Final = "/rules/offers"

PAGES: Final = (
    Page(name="rules", rule="/rules", view=show),
    _act("change", "/rules", change),
    _act("draw", "/rules/json", draw),
    _act("run", "/rules/run", run),
    _act("explain", "/rules/explain", explain),
    _act("save", "/rules/save", save, Scope.ADMIN),
    Page(name="events", rule=f"{_OFFERS}/events", view=offer_events),
    Page(name="properties", rule=f"{_OFFERS}/properties", view=offer_properties),
    Page(name="values", rule=f"{_OFFERS}/values", view=offer_values),
    Page(name="cohorts", rule=f"{_OFFERS}/cohorts", view=offer_cohorts),
)

blueprint = pages.blueprint("rules", PAGES)
