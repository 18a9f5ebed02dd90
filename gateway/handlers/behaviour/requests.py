"""What the calls of rules take: read by hand, so that every number keeps its digits."""

from __future__ import annotations

import dataclasses
from typing import ClassVar, Final

from marshmallow import Schema, fields

from gateway import errors
from gateway.core.behaviour import conditions, parse
from gateway.core.behaviour.faults import Faults, Wrong
from gateway.core.people import items
from gateway.core.people.source import BUILT_IN
from gateway.flows.behaviour.run import Wanted
from gateway.flows.cohorts import lookup
from gateway.handlers.http import schemas
from gateway.handlers.http.fields import Json, Truth
from gateway.handlers.http.queries import Asked
from gateway.sources.people import bodies

MAX_BYTES: Final = 1024 * 1024

_ASKED: Final = ("source", "rule", "time_zone", "as_of")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Run:
    """A rule to be run, and the cohort to compare with."""

    wanted: Wanted
    compare: int | None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Explain:
    """A rule to be explained for a person."""

    wanted: Wanted
    person_id: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class Detail:
    """How much is told of a run."""

    nodes: bool = False


class DetailQuery(Asked):
    """Query parameters of a run."""

    value: ClassVar[type[object]] = Detail
    nodes = Truth(
        load_default=False,
        metadata=schemas.says("Whether to count the people that each node of the rule holds for."),
    )


class RuleBody(Schema):
    """A rule over the people of a source."""

    source = fields.String(metadata=schemas.says("By default `people`.", "people"))
    rule = fields.Dict(
        keys=fields.String(),
        values=Json(allow_none=True),
        required=True,
        metadata=schemas.says(
            "The rule; docs/people.md describes all of them.",
            {
                "did": {
                    "event": "purchase",
                    "where": [
                        {"property": "brand", "op": "eq", "value": "something"},
                        {"property": "price", "op": "gt", "value": 1000},
                    ],
                    "when": {"within": "30d"},
                }
            },
        ),
    )
    time_zone = fields.String(metadata=schemas.says("IANA; by default UTC.", "UTC"))
    as_of = fields.String(
        metadata={
            "type": ["string", "number", "null"],
            **schemas.says("The moment it is seen from, not in the future; by default now."),
        }
    )


class RunBody(RuleBody):
    """A rule to be run."""

    compare = fields.String(
        metadata=schemas.says("A cohort: how many would enter it, and exit from it.")
    )


class ExplainBody(RuleBody):
    """A rule to be explained for a person."""

    person_id = fields.String(required=True, metadata=schemas.like("u-1842"))


def cohort(text: str) -> int:
    """Read the id of a cohort in a path. Raises errors.NotFound if the text cannot be one."""
    try:
        return conditions.cohort_id(text, "cohort_id")
    except Wrong:
        raise errors.NotFound(lookup.NO_COHORT) from None


def run(raw: bytes) -> Run:
    """Read a run. Raises errors.Malformed if it is no object, errors.Invalid with every fault."""
    sent, faults = bodies.an_object(raw), Faults()
    faults.an_object(sent, "body", (*_ASKED, "compare"))
    named = sent.get("compare")
    compare = faults.attempt(
        lambda: None if named is None else conditions.cohort_id(named, "compare")
    )
    return Run(wanted=_wanted(sent, faults), compare=compare)


def explain(raw: bytes) -> Explain:
    """Read what is to be explained. Raises as `run` does."""
    sent, faults = bodies.an_object(raw), Faults()
    faults.an_object(sent, "body", (*_ASKED, "person_id"))
    person_id = faults.attempt(lambda: _person(sent.get("person_id")))
    return Explain(wanted=_wanted(sent, faults), person_id=person_id or "")


def _wanted(sent: dict[str, object], faults: Faults) -> Wanted:
    """Read what both have in common, and tell the faults of all."""
    as_of = sent.get("as_of")
    moment = faults.attempt(lambda: None if as_of is None else conditions.time(as_of, "as_of"))
    definition = parse.read(sent, faults)
    return Wanted(source=bodies.source_of(sent) or BUILT_IN, definition=definition, as_of=moment)


def _person(value: object) -> str:
    try:
        return items.person_id(value)
    except items.Rejection as problem:
        raise Wrong("person_id", str(problem).removeprefix("person_id: ")) from None
