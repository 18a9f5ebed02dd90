"""Shorter forms in which parts of a declaration may be written, spelled out before all else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

_WITH_VALUES: Final = frozenset({"header", "query", "body"})


def spelled_out(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return a declaration of the right form in its long form, without parts that are null."""
    given = {name: value for name, value in config.items() if value is not None}
    if "auth" in given:
        given["auth"] = _auth(given["auth"])
    if isinstance(given.get("settings"), dict):
        given["settings"] = [
            {"key": key, "default": value} for key, value in given["settings"].items()
        ]
    if isinstance(given.get("identifier"), str):
        given["identifier"] = {"any_of": [given["identifier"]]}
    if "audience" in given:
        given["audience"] = _audience(given["audience"])
    if "errors" in given:
        given["errors"] = [{**one, "when": _when(one["when"])} for one in given["errors"]]
    return given


def _auth(given: str | Mapping[str, Any]) -> dict[str, Any]:
    """Spell out `"bearer"`, `{"header": {name: value}}` and the like."""
    if isinstance(given, str):
        return {"type": given}
    if "type" in given:
        return dict(given)
    for name, value in given.items():
        if name in _WITH_VALUES:
            return {"type": name, "values": value}
        if isinstance(value, str):
            return {"type": name, "token": value}
        return {"type": name, **value}
    return {"type": "none"}


def _audience(given: Mapping[str, Any]) -> dict[str, Any]:
    """Take a path alone for that of a link to the next page."""
    find = given.get("find", {})
    if not isinstance(find.get("next"), str):
        return dict(given)
    return {**given, "find": {**find, "next": {"style": "link", "path": find["next"]}}}


def _when(when: int | Mapping[str, Any]) -> dict[str, Any]:
    """Take a number for a status, and `code` for what is expected at the path."""
    if isinstance(when, int):
        return {"status": when}
    known = {name: value for name, value in when.items() if name != "code"}
    return {"equals": when["code"], **known} if "code" in when else known
