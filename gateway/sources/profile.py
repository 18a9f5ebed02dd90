"""A member as Mixpanel sends it, turned into a line of the page's roster."""

from __future__ import annotations

from collections import Counter
from typing import Any

from gateway.core import roster, texts
from gateway.core.page import Skip
from gateway.sources import document

# Which of several spellings fills a field: the first listed one that is a text (interface 1.2).
IDENTITY = ("mixpanel_distinct_id", "$distinct_id", "distinct_id")
EMAIL = ("email", "$email")
FIRST_NAME = ("first_name", "$first_name")
LAST_NAME = ("last_name", "$last_name")
PHONE = ("phone_number", "phone", "$phone")
_FIELDS = (EMAIL, FIRST_NAME, LAST_NAME, PHONE)
_KNOWN = frozenset(name for names in (IDENTITY, *_FIELDS) for name in names)


def write_roster(
    members: list[Any], *, identity: tuple[str, ...], clean: bool
) -> tuple[dict[str, str], Counter[str]]:
    """Normalise a page's members.

    Returns their lines by member id (of a repeated id the last one) and the number of entries
    skipped by reason. `clean` promises that the page was sent without a single backslash: then no
    text in it can need an escape, be unstorable, or have a control character.
    """
    lines: dict[str, str] = {}
    skipped: Counter[str] = Counter()
    field = _clean_field if clean else _field
    for member in members:
        member_id = _member_id(member, identity)
        if isinstance(member_id, Skip):
            skipped[member_id.value] += 1
            continue
        distinct_id = _distinct_id(member)
        parts = [field(member_id), field(distinct_id)]
        parts += [field(_first_text(member, names)) for names in _FIELDS]
        rest = {name: member[name] for name in member if name not in _KNOWN}
        parts.append(_properties(rest, clean=clean))
        lines[member_id] = "\t".join(parts)
    return lines, skipped


def _member_id(member: Any, identity: tuple[str, ...]) -> str | Skip:  # noqa: ANN401
    """Read the first usable identity, or say what is wrong with the first one sent."""
    if type(member) is not dict:
        return Skip.NOT_AN_OBJECT
    problem: Skip | None = None
    for name in identity:
        value = member.get(name)
        if value is None:
            continue
        found = _usable(value)
        if not isinstance(found, Skip):
            return found
        problem = problem or found
    return problem or Skip.MISSING_ID


def _usable(value: Any) -> str | Skip:  # noqa: ANN401
    text = _id_text(value)
    if text is None:
        return Skip.WRONG_TYPE
    return texts.why_unusable(text) or text


def _id_text(value: Any) -> str | None:  # noqa: ANN401
    if type(value) is str:
        return value
    if type(value) is int:  # not bool, which is an int to isinstance
        return str(value)
    return None


def _distinct_id(member: dict[str, Any]) -> str | None:
    for name in IDENTITY:
        text = _id_text(member.get(name))
        if text is not None:
            return text
    return None


def _first_text(member: dict[str, Any], names: tuple[str, ...]) -> str | None:
    for name in names:
        value = member.get(name)
        if type(value) is str:
            return value
    return None


def _clean_field(value: str | None) -> str:
    return roster.NULL if value is None else value


def _field(value: str | None) -> str:
    return roster.NULL if value is None else roster.escape(texts.storable(value))


def _properties(rest: dict[str, Any], *, clean: bool) -> str:
    if not rest:
        return "{}"
    written = document.storable_json(rest, clean=clean)
    return written if clean else roster.escape(written)
