"""Identifiers of members, written by the rules of a declaration."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from gateway.destinations import options as job_options
from gateway.destinations.http import values
from gateway.destinations.normalise import hashing, phones

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from gateway.destinations.http.declaration import Rule

_HASHES: Final[Mapping[str, Callable[[str], str]]] = {
    "none": str,
    "sha256": hashing.sha256,
    "md5": hashing.md5,
}


def written(rule: Rule, value: object, options: Mapping[str, object]) -> str:
    """Normalise and hash a value by a rule and a job's options; empty if that cannot be done."""
    if isinstance(value, bool):
        return ""
    plain = values.text(value) or ""
    if rule.hash == "sha256" and rule.name in job_options.hashed(options):
        return hashing.given_sha256(plain)
    for step in rule.normalise:
        plain = _step(step, plain, job_options.region(options))
    if rule.max_len is not None and len(plain) > rule.max_len:
        return ""
    if rule.pattern is not None and not re.fullmatch(rule.pattern, plain):
        return ""
    return _HASHES[rule.hash](plain)


def _step(step: str, plain: str, region: str | None) -> str:
    match step:
        case "trim":
            return plain.strip()
        case "lower":
            return plain.lower()
        case "e164":
            found = phones.digits(plain, region)
            return f"+{found}" if found else ""
        case _:
            return phones.digits(plain, region)


def texts_of(sent: Mapping[str, object]) -> frozenset[str]:
    """Return the identifiers by which an answer may tell of a member; also in lower case."""
    plain = [one for one in map(values.text, sent.values()) if one]
    return frozenset([*plain, *(one.lower() for one in plain)])
