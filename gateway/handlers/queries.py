"""What requests may say: schemas, and the frozen values that they load into."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, ClassVar, Final

import orjson
from marshmallow import EXCLUDE, Schema, ValidationError, fields, post_load, validate

from gateway.core import texts
from gateway.flows import parts
from gateway.handlers import ids, schemas
from gateway.handlers.fields import MAX_BIGINT, Exact, Moment, Number, Texts

if TYPE_CHECKING:
    import datetime
    from collections.abc import Mapping

MAX_LIMIT: Final = 1000
DEFAULT_LIMIT: Final = 100
MAX_CHECKED_COHORTS: Final = 100
MAX_CHECKED_MEMBERS: Final = 1000
# The largest check, each character of its ids escaped, with some room for spaces.
MAX_CHECK_BYTES: Final = 7 * 1024 * 1024


@dataclasses.dataclass(frozen=True, kw_only=True)
class Fresh:
    """The seq that the cohort's changes must have come to."""

    min_seq: int = 0


@dataclasses.dataclass(frozen=True, kw_only=True)
class Paging:
    """How much of a list, and from where."""

    limit: int
    cursor: str | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class PagingOfCohort(Paging, Fresh):
    """How much of a list of one cohort, and from where."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class ChangesAsked(Fresh):
    """Which changes to list."""

    after: int
    limit: int


@dataclasses.dataclass(frozen=True, kw_only=True)
class DeliveriesAsked(Paging):
    """Which deliveries to list."""

    state: str | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class SourcesAsked(Paging):
    """Which sources to list."""

    kind: str | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class RefusalsAsked(Paging):
    """Which refusals to list."""

    source: str | None = None
    since: datetime.datetime | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Where:
    """In which source and project."""

    source: str | None = None
    project_id: str | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class JoinedAsked(Where):
    """How much of the list of somebody's cohorts, and from where."""

    limit: int | None = None
    cursor: str | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class CohortsAsked(Paging, Where):
    """Which cohorts to list."""

    external_id: str | None = None
    name: str | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class CheckAsked:
    """Which people to look for in which cohorts."""

    cohort_ids: tuple[str, ...]
    member_ids: tuple[str, ...]


class _Asked(Schema):
    """Loads into a frozen value; what it does not know of a body is ignored."""

    value: ClassVar[type[object]]

    class Meta:
        """Marshmallow's options."""

        unknown = EXCLUDE

    @post_load
    def _make(self, loaded: Mapping[str, Any], **_: object) -> object:
        return self.value(**loaded)


def _filter(description: str, example: str) -> Exact:
    return Exact(metadata={"pattern": ids.WITHOUT_NUL, **schemas.says(description, example)})


def _limit() -> Number:
    return Number(
        least=1,
        most=MAX_LIMIT,
        load_default=DEFAULT_LIMIT,
        metadata={"description": "How many to answer at most."},
    )


def _cursor() -> fields.String:
    return fields.String(
        metadata=schemas.says("The `next_cursor` of the last answer; empty or none to begin.", "")
    )


class FreshQuery(_Asked):
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


class PagingQuery(_Asked):
    """Query parameters of a list."""

    value: ClassVar[type[object]] = Paging
    limit = _limit()
    cursor = _cursor()


class PagingOfCohortQuery(PagingQuery, FreshQuery):
    """Query parameters of a list of one cohort."""

    value: ClassVar[type[object]] = PagingOfCohort


class WhereQuery(_Asked):
    """Query parameters that narrow to a source and project."""

    value: ClassVar[type[object]] = Where
    source = _filter("Only this source, by its slug.", "default")
    project_id = _filter("Only this Mixpanel project.", "2195193")


class JoinedQuery(WhereQuery):
    """Query parameters of the list of somebody's cohorts."""

    value: ClassVar[type[object]] = JoinedAsked
    limit = Number(
        least=1,
        most=MAX_LIMIT,
        metadata={"description": "How many to answer at most; without it all that fit."},
    )
    cursor = _cursor()


class SourcesQuery(PagingQuery):
    """Query parameters of the list of sources."""

    value: ClassVar[type[object]] = SourcesAsked
    kind = _filter("Only sources of this kind.", "mixpanel")


class RefusalsQuery(PagingQuery):
    """Query parameters of the list of refusals."""

    value: ClassVar[type[object]] = RefusalsAsked
    source = _filter("Only this source, by its slug.", "default")
    since = Moment(metadata={"description": "Only such as happened at this moment or later."})


class CohortsQuery(PagingQuery, WhereQuery):
    """Query parameters of the list of cohorts."""

    value: ClassVar[type[object]] = CohortsAsked
    external_id = _filter("Only the cohort with this id at its source.", "1478097")
    name = _filter("Only cohorts with exactly this name.", "Trial users")


class ChangesQuery(FreshQuery):
    """Query parameters of the list of changes."""

    value: ClassVar[type[object]] = ChangesAsked
    after = Number(
        least=0,
        most=MAX_BIGINT,
        load_default=0,
        metadata={"description": "The seq after which to begin; 0 begins at the first."},
    )
    limit = _limit()


class DeliveriesQuery(PagingQuery):
    """Query parameters of the list of deliveries."""

    value: ClassVar[type[object]] = DeliveriesAsked
    state = fields.String(
        validate=validate.OneOf(["pending", "blocked"]),
        metadata={"description": "Only deliveries in this state; without it, both."},
    )


class CheckBody(_Asked):
    """The body of a membership check."""

    value: ClassVar[type[object]] = CheckAsked
    cohort_ids = Texts(
        most=MAX_CHECKED_COHORTS,
        required=True,
        metadata=schemas.says("The `id` of each cohort.", ["17", "18"]),
    )
    member_ids = Texts(
        most=MAX_CHECKED_MEMBERS,
        required=True,
        metadata=schemas.says("The ids of people at the source.", ["u-1842", "u-77"]),
    )

    @post_load
    def _make(self, loaded: Mapping[str, Any], **_: object) -> CheckAsked:
        # A text that no id can be is nobody's.
        possible = tuple(one for one in loaded["member_ids"] if not texts.why_unusable(one))
        cohort_ids = tuple(loaded["cohort_ids"])
        _require_room(set(cohort_ids), set(possible))
        return CheckAsked(cohort_ids=cohort_ids, member_ids=possible)


def _require_room(cohort_ids: set[str], member_ids: set[str]) -> None:
    """Refuse what could not be answered if everybody were in every cohort."""
    cohorts, people = (len(orjson.dumps(list(ids))) for ids in (cohort_ids, member_ids))
    if 2 * cohorts + len(cohort_ids) * people > parts.MAX_ROWS_BYTES:
        message = (
            f"{len(cohort_ids)} cohorts times {people} bytes of ids may be more than an answer's"
            f" {parts.MAX_ANSWER_BYTES} bytes; ask for fewer at once"
        )
        raise ValidationError(message, "member_ids")
