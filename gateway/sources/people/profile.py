"""Traits as the profile of a member: the names of interface 1.2 fill fields, others stay."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from gateway.core.cohorts import member_rows
from gateway.sources import json_body
from gateway.sources.member_writer import EMAIL, FIRST_NAME, LAST_NAME, PHONE
from gateway.sources.people import objects

if TYPE_CHECKING:
    from collections.abc import Sequence

_DISTINCT_ID: Final = ("distinct_id",)
_FIELDS: Final[tuple[Sequence[str], ...]] = (_DISTINCT_ID, EMAIL, FIRST_NAME, LAST_NAME, PHONE)
_NOTHING: Final = "\t" + "\t".join([member_rows.NULL] * (len(member_rows.COLUMNS) - 1)) + "\n"


def line(person_id: str, traits: str) -> str:
    """Write a person with traits, which are JSON, as a line of a roster."""
    rest = json_body.parse_exactly(traits.encode())
    assert isinstance(rest, dict), "traits are kept as an object"  # noqa: S101
    fields = [_filled(rest, spellings) for spellings in _FIELDS]
    properties = member_rows.escape(objects.text(rest, "traits"))
    return "\t".join([member_rows.escape(person_id), *fields, properties]) + "\n"


def bare(person_id: str) -> str:
    """Write a person by the id alone."""
    return member_rows.escape(person_id) + _NOTHING


def _filled(rest: dict[str, object], spellings: Sequence[str]) -> str:
    """Take the field that some spellings name: the first that is text or an integer wins."""
    found = member_rows.NULL
    for name in spellings:
        value = rest.get(name)
        if isinstance(value, str) or (isinstance(value, int) and not isinstance(value, bool)):
            del rest[name]
            found = member_rows.escape(str(value)) if found == member_rows.NULL else found
    return found
