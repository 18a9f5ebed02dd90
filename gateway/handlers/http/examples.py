"""Examples of what JSON Schemas describe, put together from those that their fields declare."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

_BY_FORMAT: Final[Mapping[str, str]] = {
    "date-time": "2026-01-31T09:30:00.000000Z",
    "date": "2026-01-31",
}
_BY_TYPE: Final[Mapping[str, Any]] = {
    "string": "text",
    "number": 1.5,
    "boolean": False,
    "null": None,
}
_REFERENCE: Final = "#/components/schemas/"


def filled(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return an OpenAPI document with an example wherever a call has none of its own."""
    made = copy.deepcopy(dict(document))
    schemas = made["components"]["schemas"]
    for methods in made["paths"].values():
        for operation in methods.values():
            _fill(operation, schemas)
    return made


def of(schema: Mapping[str, Any], schemas: Mapping[str, Any]) -> Any:  # noqa: ANN401 - JSON
    """Return an example of a schema; `schemas` are those that references name."""
    if "examples" in schema:
        return schema["examples"][0]
    if "$ref" in schema:
        return of(schemas[schema["$ref"].removeprefix(_REFERENCE)], schemas)
    for several in ("allOf", "anyOf", "oneOf"):
        if several in schema:
            return of(schema[several][0], schemas)
    if "enum" in schema:
        return schema["enum"][0]
    return schema["default"] if "default" in schema else _typed(schema, schemas)


def _typed(schema: Mapping[str, Any], schemas: Mapping[str, Any]) -> Any:  # noqa: ANN401 - JSON
    kind = schema["type"] if isinstance(schema["type"], str) else schema["type"][0]
    if kind == "object":
        properties = schema.get("properties", {})
        return {name: of(one, schemas) for name, one in properties.items()}
    if kind == "array":
        return [of(schema["items"], schemas)]
    if kind == "integer":
        return schema.get("minimum", 1)
    return _BY_FORMAT.get(schema.get("format", ""), _BY_TYPE[kind])


def _fill(operation: dict[str, Any], schemas: Mapping[str, Any]) -> None:
    for parameter in operation.get("parameters", ()):
        parameter.setdefault("example", of(parameter["schema"], schemas))
    bodies = [operation["requestBody"]] if "requestBody" in operation else []
    for body in (*bodies, *operation["responses"].values()):
        for form in body.get("content", {}).values():
            if "examples" not in form:
                form.setdefault("example", of(form["schema"], schemas))
