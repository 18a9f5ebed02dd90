"""The API of rules: run one that is being written, and explain it for a person."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, Final

import orjson

from gateway.core.access.scopes import Scope
from gateway.flows.behaviour import membership
from gateway.handlers.behaviour import requests, response_schemas, trees
from gateway.handlers.http import deps, operations, responses, topics
from gateway.handlers.http.operations import Operation

if TYPE_CHECKING:
    from flask import Response

    from gateway.flows.behaviour.run import Ran


def run_rule(raw: bytes, query: requests.Detail) -> Response:
    """Count the people that meet a rule."""
    given, asked = deps.current(), requests.run(raw)
    ran = given.rules.run(
        asked.wanted, with_nodes=query.nodes, compare=asked.compare, now=given.now()
    )
    return responses.plain(_ran(ran))


def explain_rule(raw: bytes) -> Response:
    """Say why a rule holds for a person, or does not."""
    given, asked = deps.current(), requests.explain(raw)
    now = given.now()
    found = given.rules.explain(asked.wanted, asked.person_id, now=now)
    root = asked.wanted.definition.root
    return responses.plain(
        {
            "person_id": asked.person_id,
            "holds": found[root].holds,
            "as_of": asked.wanted.as_of or now,
            "rule": trees.explained(root, found),
        }
    )


def explain_member(cohort_id: str, member_id: str) -> Response:
    """Say why a person is a member of a cohort, or is not."""
    given, number = deps.current(), requests.cohort(cohort_id)
    now = given.now()
    found = membership.explain(given.reading, given.rules, number, member_id, now=now)
    told: dict[str, Any] = {
        "member_id": member_id,
        "is_member": found.touch is not None and found.touch.is_member,
        "session_id": None if found.touch is None else found.touch.session_id,
        "changes": [dataclasses.asdict(one) for one in found.changes],
    }
    if found.definition is not None and found.found is not None:
        root = found.definition.root
        told |= {"holds": found.found[root].holds, "as_of": now}
        told["rule"] = trees.explained(root, found.found)
    return responses.plain(told)


def _ran(ran: Ran) -> dict[str, Any]:
    found = ran.found
    told: dict[str, Any] = {
        "count": found.count,
        "of": found.of,
        "sample": [
            {"person_id": person_id, "traits": orjson.Fragment(traits)}
            for person_id, traits in ran.sample
        ],
        "as_of": ran.as_of,
        "milliseconds": round(ran.milliseconds, 1),
    }
    if found.would_enter is not None:
        told |= {"would_enter": found.would_enter, "would_exit": found.would_exit}
    if found.nodes is not None:
        pairs = zip(ran.nodes, found.nodes, strict=True)
        told["nodes"] = [{"path": node.place, "count": count} for node, count in pairs]
    return told


OPERATIONS: Final = (
    Operation(
        name="run_rule",
        method="POST",
        rule="/v1/rules/run",
        view=run_rule,
        scope=Scope.READ,
        topic=topics.RULES,
        summary="Count the people that meet a rule, and show some of them",
        description="Nothing is kept. With `compare`, how many would enter a cohort, and exit from"
        " it. It ends within 30 seconds (503 `timed_out`), and only so many run at once.",
        query=requests.DetailQuery,
        reads={responses.JSON: requests.RunBody},
        max_body_bytes=requests.MAX_BYTES,
        answer=responses.of(response_schemas.RanAnswer, "What was found."),
        refusals=(404, 409, 413, 422),
    ),
    Operation(
        name="explain_rule",
        method="POST",
        rule="/v1/rules/explain",
        view=explain_rule,
        scope=Scope.READ,
        topic=topics.RULES,
        summary="Say why a rule holds for a person, or does not",
        description="The rule as a tree, each node with `holds`, what was counted and compared, and"
        " up to 5 of the events.",
        reads={responses.JSON: requests.ExplainBody},
        max_body_bytes=requests.MAX_BYTES,
        answer=responses.of(response_schemas.ExplainedAnswer, "The tree."),
        refusals=(404, 409, 413, 422),
    ),
    Operation(
        name="explain_member",
        method="GET",
        rule="/v1/cohorts/<raw:cohort_id>/members/<raw:member_id>/explain",
        view=explain_member,
        scope=Scope.READ,
        topic=topics.RULES,
        summary="Say why a person is a member of a cohort, or is not",
        description="The session or load that last touched the member, and the last 10 changes; of"
        " kind `people` also the rule as a tree, as `/v1/rules/explain` has it.",
        answer=responses.of(response_schemas.MemberExplainedAnswer, "What is known."),
        refusals=(404, 503),
    ),
)

blueprint = operations.blueprint("rules", OPERATIONS)
