"""Definitions of cohorts that a query gives: the SQL, and which column of its result is what."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, Final

from gateway import errors
from gateway.core import texts
from gateway.database_errors import QueryRefused
from gateway.errors import Fault
from gateway.sources.sql import queries

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from gateway.sources.sql.queries import Query

PROFILE: Final = ("email", "first_name", "last_name", "phone")
EVERY: Final = "*"
MAX_PROPERTIES: Final = 1000
MAX_NAME_CHARACTERS: Final = 255
_KNOWN: Final = ("query", "member_id", *PROFILE, "properties")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Definition:
    """A query that was checked, and the columns of its result by what they fill.

    `profile` has those of `PROFILE` that are filled. `properties` None are all other columns.
    """

    query: Query
    member_id: str
    profile: Mapping[str, str] = dataclasses.field(default_factory=dict)
    properties: tuple[str, ...] | None = ()


def read(given: Mapping[str, Any], dialect: str, *, path: str = "definition") -> Definition:
    """Check a definition as JSON brought it.

    Raises errors.Invalid with all that is wrong, and database_errors.QueryRefused for what is wrong
    with the query.
    """
    wrong = list(_faults(given, path))
    if wrong:
        raise errors.Invalid(wrong)
    properties = given.get("properties") or ()
    return Definition(
        query=queries.require(given["query"], dialect, path=f"{path}.query"),
        member_id=given["member_id"],
        profile={name: given[name] for name in PROFILE if given.get(name) is not None},
        properties=None if properties == EVERY else tuple(properties),
    )


def faults(given: Mapping[str, Any], dialect: str) -> list[Fault]:
    """Tell what is wrong with a definition. Raises as `read` does for its query."""
    try:
        read(given, dialect)
    except QueryRefused:
        raise
    except errors.Invalid as error:
        return list(error.faults)
    return []


def _faults(given: Mapping[str, Any], path: str) -> Iterator[Fault]:
    for name in given:
        if name not in _KNOWN:
            yield Fault(f"{path}.{texts.cut(name, MAX_NAME_CHARACTERS)}", "there is no such field")
    if type(given.get("query")) is not str:
        yield Fault(f"{path}.query", "must be text: one SELECT")
    if given.get("member_id") is None:
        yield Fault(f"{path}.member_id", "is missing: the column of the result with the member id")
    for name in ("member_id", *PROFILE):
        if given.get(name) is not None and not _is_name(given[name]):
            yield Fault(f"{path}.{name}", _NAME)
    yield from _property_faults(given.get("properties"), f"{path}.properties")


def _property_faults(given: object, path: str) -> Iterator[Fault]:
    if given is None or given == EVERY:
        return
    if type(given) is not list or len(given) > MAX_PROPERTIES:
        yield Fault(path, f'must be "*" or a list of at most {MAX_PROPERTIES} columns')
        return
    for place, one in enumerate(given):
        if not _is_name(one):
            yield Fault(f"{path}.{place}", _NAME)


def _is_name(value: object) -> bool:
    return type(value) is str and 0 < len(value) <= MAX_NAME_CHARACTERS and texts.is_storable(value)


_NAME: Final = f"must be the name of a column: text of 1 to {MAX_NAME_CHARACTERS} characters"
