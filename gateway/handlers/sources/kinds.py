"""The query API's kinds of sources: what can be made here, and which settings each takes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from gateway.core import fields
from gateway.core.access.scopes import Scope
from gateway.handlers.http import deps, operations, responses, topics
from gateway.handlers.http.operations import Operation
from gateway.handlers.sources import response_schemas

if TYPE_CHECKING:
    from flask import Response

    from gateway.sources.kinds import Kind


def list_source_kinds() -> Response:
    """List the kinds of sources."""
    kinds = [_shown(kind) for kind in deps.current().setup.kinds.values()]
    return responses.value(response_schemas.KindsAnswer, {"kinds": kinds})


def _shown(kind: Kind) -> dict[str, object]:
    return {
        "kind": kind.name,
        "title": kind.title,
        "config": fields.json_schema(kind.config),
        "secrets": fields.json_schema(kind.secrets),
        "available": kind.reason is None,
        "reason": kind.reason,
    }


OPERATIONS: Final = (
    Operation(
        name="list_source_kinds",
        method="GET",
        rule="/v1/source-kinds",
        view=list_source_kinds,
        scope=Scope.READ,
        topic=topics.SOURCES,
        summary="List the kinds of sources",
        description="`config` and `secrets` are JSON Schemas (2020-12) of what a source of that"
        " kind is made with. A form can be drawn from them.",
        answer=responses.of(response_schemas.KindsAnswer, "All kinds."),
    ),
)

blueprint = operations.blueprint("source_kinds", OPERATIONS)
