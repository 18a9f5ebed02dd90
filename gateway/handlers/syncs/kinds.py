"""The query API's kinds of destinations: what can be made here, and what each takes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from gateway.core import fields
from gateway.core.access.scopes import Scope
from gateway.handlers.http import deps, operations, responses, topics
from gateway.handlers.http.operations import Operation
from gateway.handlers.syncs import response_schemas

if TYPE_CHECKING:
    from flask import Response

    from gateway.destinations.kinds import Kind


def list_destination_kinds() -> Response:
    """List the kinds of destinations."""
    kinds = [_shown(kind) for kind in deps.current().sending.kinds.values()]
    return responses.value(response_schemas.DestinationKindsAnswer, {"kinds": kinds})


def _shown(kind: Kind) -> dict[str, object]:
    facts = kind.facts
    return {
        "kind": kind.name,
        "title": kind.title,
        "config": fields.json_schema(kind.config),
        "secrets": fields.json_schema(kind.secrets),
        "options": fields.json_schema(kind.options),
        "identifiers": facts.identifiers,
        "matching": [sorted(one) for one in facts.matching],
        "modes": facts.modes,
        "limits": facts.limits,
        "effects": facts.effects,
        "status": facts.status,
        "available": kind.reason is None,
        "reason": kind.reason,
    }


OPERATIONS: Final = (
    Operation(
        name="list_destination_kinds",
        method="GET",
        rule="/v1/destination-kinds",
        view=list_destination_kinds,
        scope=Scope.READ,
        topic=topics.DESTINATIONS,
        summary="List the kinds of destinations",
        description="`config`, `secrets` and `options` are JSON Schemas (2020-12) of what a"
        " destination of that kind, and a sync job to it, are made with.",
        answer=responses.of(response_schemas.DestinationKindsAnswer, "All kinds."),
    ),
)

blueprint = operations.blueprint("destination_kinds", OPERATIONS)
