"""Names of columns: how they are compared, and which field of a member each one fills."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Final

from gateway.sources import member_writer

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping


class Field(enum.StrEnum):
    """What a column may be mapped to."""

    MEMBER_ID = "member_id"
    DISTINCT_ID = "distinct_id"
    EMAIL = "email"
    FIRST_NAME = "first_name"
    LAST_NAME = "last_name"
    PHONE = "phone"
    PROPERTIES = "properties"


PROFILE: Final = (
    Field.DISTINCT_ID,
    Field.EMAIL,
    Field.FIRST_NAME,
    Field.LAST_NAME,
    Field.PHONE,
)

ENTERED_AT: Final = "entered_at"

_NOT_COMPARED: Final = str.maketrans("", "", "_-$")


def comparable(name: str) -> str:
    """Write a name as it is compared: without case, blanks, `_`, `-` and `$`."""
    return "".join(name.casefold().translate(_NOT_COMPARED).split()) or name


# The member id is in the first of these that a file has (interface 6, "Columns").
ID_NAMES: Final = tuple(
    map(
        comparable,
        (
            "member_id",
            "user_id",
            "customer_id",
            "mixpanel_distinct_id",
            "distinct_id",
            "external_id",
            "id",
            "email",
        ),
    )
)

# Which field a name fills, and which place it has among the names of that field: the first one that
# a row has a value for is taken (interface 1.2).
FILLS: Final[Mapping[str, tuple[Field, int]]] = {
    comparable(name): (field, place)
    for field, names in zip(
        PROFILE,
        (
            member_writer.IDENTITY,
            member_writer.EMAIL,
            member_writer.FIRST_NAME,
            member_writer.LAST_NAME,
            member_writer.PHONE,
        ),
        strict=True,
    )
    # `$email` and `email` compare alike; the place of the first one counts, so it is written last.
    for place, name in reversed(list(enumerate(names)))
}

_OF_MEMBER: Final = frozenset(map(comparable, (*Field, ENTERED_AT)))
_LEAST_OF_MEMBER: Final = frozenset(map(comparable, (Field.MEMBER_ID, Field.PROPERTIES)))


def are_of_member(compared: Collection[str]) -> bool:
    """Tell whether these are the columns of Member, of which some may be missing or added."""
    given = frozenset(compared)
    return given >= _LEAST_OF_MEMBER and (given <= _OF_MEMBER or given >= _OF_MEMBER)
