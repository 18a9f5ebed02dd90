"""Explanations of rules as JSON."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

import orjson

from gateway.core.behaviour import rule
from gateway.core.behaviour.rule import Did, InCohort, Node, Trait
from gateway.sources.people import objects

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gateway.core.behaviour.rule import Cmp, Cond
    from gateway.flows.behaviour.run import Finding

_KINDS: Final[Mapping[type[object], str]] = {
    rule.All: "all",
    rule.Any: "any",
    rule.Not: "not",
    Did: "did",
    Trait: "trait",
    InCohort: "in_cohort",
}


def explained(node: Node, found: Mapping[Node, Finding]) -> dict[str, Any]:
    """Describe a node, what was found for it, and the nodes below it."""
    finding = found[node]
    told: dict[str, Any] = {
        "path": node.place,
        "kind": _KINDS[type(node)],
        "holds": finding.holds,
    }
    if isinstance(node, Did):
        return told | _did(node, finding)
    if isinstance(node, Trait):
        value = None if finding.value is None else orjson.Fragment(finding.value)
        return told | {"value": value, "compared": _cond(node.cond)}
    if isinstance(node, InCohort):
        return told | {"cohort_id": str(node.cohort_id)}
    return told | {"children": [explained(one, found) for one in rule.children(node)]}


def _did(node: Did, finding: Finding) -> dict[str, Any]:
    compared = {name: _cmp(one) for name, one in node.compared.items()}
    return {
        "counted": {name: _number(value) for name, value in finding.counted.items()},
        "compared": compared or {"count": {"op": "gte", "value": 1}},
        "events": [
            {"event": one.event, "time": one.time, "properties": orjson.Fragment(one.properties)}
            for one in finding.events
        ],
    }


def _cmp(cmp: Cmp) -> dict[str, Any]:
    values = [_number(one) for one in cmp.values]
    return {"op": cmp.op.value, "value": values if len(values) > 1 else values[0]}


def _cond(cond: Cond) -> dict[str, Any]:
    told: dict[str, Any] = {"property": list(cond.path), "op": cond.op.value}
    if cond.time is not None:
        return told | {"value": cond.time}
    if cond.within is not None:
        return told | {"value": f"{int(cond.within.total_seconds())}s"}
    values = [_scalar(one) for one in cond.values]
    several = cond.op.positive in (rule.Op.IN, rule.Op.BETWEEN)
    if several or values:
        told["value"] = values if several else values[0]
    return told | ({"case": True} if cond.case else {})


def _scalar(value: rule.Scalar) -> Any:  # noqa: ANN401 - JSON
    return _number(value) if isinstance(value, Decimal) else value


def _number(value: Decimal | int) -> orjson.Fragment | int:
    return value if isinstance(value, int) else orjson.Fragment(objects.text(value, "number"))
