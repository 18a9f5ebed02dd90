"""Bases of addresses with settings in them, which cannot lead to another host than was meant."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from gateway.core import fields
from gateway.destinations.http import templates

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from gateway.destinations.http.declaration import Setting

_PART: Final = re.compile(r"[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*(?::[0-9]{1,5})?", re.ASCII)
_PLACES: Final = re.compile(r"\{\{settings\.([A-Za-z0-9_]{1,64})\}\}")
_URL: Final = re.compile(fields.URL.removesuffix("$") + r"\Z")


def faults(text: str, settings: Mapping[str, Setting]) -> Iterator[str]:
    """Tell what is wrong with a base of addresses."""
    if not _URL.search(_PLACES.sub("a", text)) or "?" in text:
        yield "must be an address like https://api.example.com, with {{settings.…}} for settings"
        return
    host = text.partition("://")[2].partition("/")[0]
    for name in _PLACES.findall(text):
        setting = settings.get(name)
        if setting is None:
            yield f"there is no setting {name}"
        elif setting.secret:
            yield "cannot have a secret"
        elif name in _PLACES.findall(host) and not (setting.pattern or setting.choices):
            yield f"the setting {name} needs a pattern or choices to stand in a host"


def token_faults(text: str, settings: Mapping[str, Setting]) -> Iterator[str]:
    """Tell what is wrong with the address of tokens, which may be a path at the endpoint."""
    if not text.startswith("/"):
        yield from faults(text, settings)
        return
    try:
        templates.path(text)
    except ValueError as error:
        yield str(error)
    if templates.path_names(text):
        yield "cannot have a placeholder"


def base(text: str, values: Mapping[str, object]) -> str:
    """Fill a base of addresses, without a slash at its end. Raises templates.Unfit."""

    def value(found: re.Match[str]) -> str:
        filled = str(values.get(found[1]) or "")
        if not _PART.fullmatch(filled):
            raise templates.Unfit(found[1])
        return filled

    return _PLACES.sub(value, text).rstrip("/")


def token_url(text: str, values: Mapping[str, object], *, base_url: str, endpoint: str) -> str:
    """Fill the address of tokens; with an endpoint of the operator, tokens come from there too."""
    if text.startswith("/"):
        return base_url + text
    filled = base(text, values)
    return endpoint + urlsplit(filled).path if endpoint else filled
