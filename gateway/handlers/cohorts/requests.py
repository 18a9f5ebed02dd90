"""What requests about cohorts may say: schemas, and the frozen values that they load into."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, ClassVar, Final

import orjson
from marshmallow import ValidationError, fields, post_load, validate

from gateway.core.cohorts import member_ids
from gateway.flows.cohorts import parts
from gateway.handlers.http import queries, schemas
from gateway.handlers.http.fields import MAX_BIGINT, Number, Texts, Truth

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_CHECKED_COHORTS: Final = 100
MAX_WAIT_SECONDS: Final = 30
MAX_CHECKED_MEMBERS: Final = 1000
# The largest check, each character of its ids escaped, with some room for spaces.
MAX_CHECK_BYTES: Final = 7 * 1024 * 1024


@dataclasses.dataclass(frozen=True, kw_only=True)
class PagingOfCohort(queries.Paging, queries.Fresh):
    """How much of a list of one cohort, and from where."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class ChangesAsked(queries.Fresh):
    """Which changes to list, and how many seconds to wait for some."""

    after: int
    limit: int
    wait: int = 0


@dataclasses.dataclass(frozen=True, kw_only=True)
class FeedAsked:
    """Which changes of all cohorts to list, and how many seconds to wait for some."""

    limit: int
    after: str | None = None
    source: str | None = None
    wait: int = 0


@dataclasses.dataclass(frozen=True, kw_only=True)
class DeliveriesAsked(queries.Paging):
    """Which deliveries to list."""

    state: str | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Where:
    """In which source and project."""

    source: str | None = None
    project_id: str | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class JoinedAsked(Where):
    """How much of the list of a person's cohorts, and from where."""

    limit: int | None = None
    cursor: str | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class CohortsAsked(queries.Paging, Where):
    """Which cohorts to list."""

    external_id: str | None = None
    name: str | None = None
    kind: str | None = None
    search: str | None = None
    deleted: bool = False


@dataclasses.dataclass(frozen=True, kw_only=True)
class CheckAsked:
    """Which people to look for in which cohorts."""

    cohort_ids: tuple[str, ...]
    member_ids: tuple[str, ...]


def _wait() -> Number:
    return Number(
        least=0,
        most=MAX_WAIT_SECONDS,
        load_default=0,
        metadata={
            "description": "Answer when there is a change after `after`, or after so many seconds."
            " With too many requests that wait, it answers at once."
        },
    )


class PagingOfCohortQuery(queries.PagingQuery, queries.FreshQuery):
    """Query parameters of a list of one cohort."""

    value: ClassVar[type[object]] = PagingOfCohort


class WhereQuery(queries.Asked):
    """Query parameters that narrow to a source and project."""

    value: ClassVar[type[object]] = Where
    source = queries.exact("Only this source, by its slug.", "default")
    project_id = queries.exact("Only this Mixpanel project.", "2195193")


class JoinedQuery(WhereQuery):
    """Query parameters of the list of a person's cohorts."""

    value: ClassVar[type[object]] = JoinedAsked
    limit = Number(
        least=1,
        most=queries.MAX_LIMIT,
        metadata={"description": "How many to answer at most; without it all that fit."},
    )
    cursor = queries.cursor()


class CohortsQuery(queries.PagingQuery, WhereQuery):
    """Query parameters of the list of cohorts."""

    value: ClassVar[type[object]] = CohortsAsked
    external_id = queries.exact("Only the cohort with this id at its source.", "1478097")
    name = queries.exact("Only cohorts with exactly this name.", "Trial users")
    kind = queries.exact("Only cohorts of sources of this kind.", "mixpanel")
    search = queries.exact("Only cohorts with this in their name; A to Z are as a to z.", "trial")
    deleted = Truth(
        metadata={"description": "Deleted cohorts instead, as far as they can be restored."}
    )


class ChangesQuery(queries.FreshQuery):
    """Query parameters of the list of changes."""

    value: ClassVar[type[object]] = ChangesAsked
    after = Number(
        least=0,
        most=MAX_BIGINT,
        load_default=0,
        metadata={"description": "The seq after which to begin; 0 begins at the first."},
    )
    limit = queries.limit()
    wait = _wait()


class FeedQuery(queries.Asked):
    """Query parameters of the feed over all cohorts."""

    value: ClassVar[type[object]] = FeedAsked
    after = fields.String(
        metadata=schemas.says("The `next_after` of the last answer; empty or none to begin.", "")
    )
    source = queries.exact("Only cohorts of this source, by its slug.", "default")
    limit = queries.limit()
    wait = _wait()


class DeliveriesQuery(queries.PagingQuery):
    """Query parameters of the list of deliveries."""

    value: ClassVar[type[object]] = DeliveriesAsked
    state = fields.String(
        validate=validate.OneOf(["pending", "blocked"]),
        metadata={"description": "Only deliveries in this state; without it, both."},
    )


class CheckBody(queries.Asked):
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
        # A text that cannot be an id has no cohorts.
        possible = tuple(one for one in loaded["member_ids"] if not member_ids.why_unusable(one))
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
