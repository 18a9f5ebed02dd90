"""The API of rules: run one that is being written, and explain it for a person."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import orjson

from gateway.core.access.scopes import Scope
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
)

blueprint = operations.blueprint("rules", OPERATIONS)
