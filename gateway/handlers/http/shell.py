"""Calls as lines for a shell, which the page of the docs shows."""

from __future__ import annotations

import json
import shlex
import urllib.parse
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_BEARER: Final = '-H "Authorization: Bearer $GATEWAY_API_KEY"'
_BASIC: Final = '-u "$GATEWAY_WEBHOOK_USERNAME:$GATEWAY_WEBHOOK_PASSWORD"'
_CONTINUED: Final = " \\\n  "


def curl(url: str, path: str, method: str, operation: Mapping[str, Any]) -> str:
    """Write a call of an OpenAPI document, with its examples, for curl."""
    target = shlex.quote(f"{url}{_filled(path, operation)}")
    default = "post" if "requestBody" in operation else "get"
    parts = ["curl" if method == default else f"curl -X {method.upper()}"]
    parts += _login(operation)
    for media_type, form in operation.get("requestBody", {}).get("content", {}).items():
        sent = json.dumps(example(form), ensure_ascii=False)
        parts += [f"-H 'Content-Type: {media_type}'", f"-d {shlex.quote(sent)}"]
    between = _CONTINUED if "requestBody" in operation else " "
    return between.join([*parts, target])


def example(form: Mapping[str, Any]) -> Any:  # noqa: ANN401 - JSON
    """Return the example of a body, the first of several."""
    several: Iterator[Mapping[str, Any]] = iter(form.get("examples", {}).values())
    first = next(several, None)
    return form["example"] if first is None else first["value"]


def written(form: Mapping[str, Any]) -> str:
    """Write the example of a body for reading."""
    shown = example(form)
    return shown if isinstance(shown, str) else json.dumps(shown, indent=2, ensure_ascii=False)


def _filled(path: str, operation: Mapping[str, Any]) -> str:
    for parameter in operation.get("parameters", ()):
        value = urllib.parse.quote(str(parameter["example"]), safe="")
        path = path.replace(f"{{{parameter['name']}}}", value)
    return path


def _login(operation: Mapping[str, Any]) -> list[str]:
    """Read how a call signs in: not at all, by what it says, or by a key as most do."""
    security = operation.get("security")
    if security is None:
        return [_BEARER]
    return [_BASIC] if security else []
