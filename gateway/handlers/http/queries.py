"""What the requests of all calls share: schemas, and the frozen values that they load into."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, ClassVar, Final

from marshmallow import EXCLUDE, Schema, fields, post_load

from gateway.handlers.http import schemas
from gateway.handlers.http.fields import MAX_BIGINT, WITHOUT_NUL, Exact, Number

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_LIMIT: Final = 1000
DEFAULT_LIMIT: Final = 100


@dataclasses.dataclass(frozen=True, kw_only=True)
class Fresh:
    """The seq that the cohort's changes must have come to."""

    min_seq: int = 0


@dataclasses.dataclass(frozen=True, kw_only=True)
class Paging:
    """How much of a list, and from where."""

    limit: int
    cursor: str | None = None


class Asked(Schema):
    """Loads into a frozen value; what it does not know of a body is ignored."""

    value: ClassVar[type[object]]

    class Meta:
        unknown = EXCLUDE

    @post_load
    def _make(self, loaded: Mapping[str, Any], **_: object) -> object:
        return self.value(**loaded)


def exact(description: str, example: str) -> Exact:
    """Declare a filter by a text that must be equal."""
    return Exact(metadata={"pattern": WITHOUT_NUL, **schemas.says(description, example)})


def limit() -> Number:
    """Declare how long a part of a list may be."""
    return Number(
        least=1,
        most=MAX_LIMIT,
        load_default=DEFAULT_LIMIT,
        metadata={"description": "How many to answer at most."},
    )


def cursor() -> fields.String:
    return fields.String(
        metadata=schemas.says("The `next_cursor` of the last answer; empty or none to begin.", "")
    )


class FreshQuery(Asked):
    """Query parameters of whatever is asked about one cohort."""

    value: ClassVar[type[object]] = Fresh
    min_seq = Number(
        least=0,
        most=MAX_BIGINT,
        load_default=0,
        metadata={
            "description": "The `seq` of a change that must have been made by then, such as the"
            " newest that you have seen; 503 if it has not."
        },
    )


class PagingQuery(Asked):
    """Query parameters of a list."""

    value: ClassVar[type[object]] = Paging
    limit = limit()
    cursor = cursor()
