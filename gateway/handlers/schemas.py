"""What requests may say and answers look like; the OpenAPI document is made of these."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, ClassVar, Final

from marshmallow import EXCLUDE, Schema, fields, post_load, validate

from gateway.core import page, texts
from gateway.handlers import ids
from gateway.handlers.fields import MAX_BIGINT, Exact, Number, Time

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_LIMIT: Final = 1000
DEFAULT_LIMIT: Final = 100
MAX_CHECKED_COHORTS: Final = 100
MAX_CHECKED_MEMBERS: Final = 1000


@dataclasses.dataclass(frozen=True, kw_only=True)
class Paging:
    """How much of a list, and from where."""

    limit: int
    cursor: str | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class ChangesAsked:
    """Which changes to list."""

    after: int
    limit: int


@dataclasses.dataclass(frozen=True, kw_only=True)
class DeliveriesAsked(Paging):
    """Which deliveries to list."""

    state: str | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Where:
    """In which source and project."""

    source: str | None = None
    project_id: str | None = None


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
    """Loads into a frozen value; what it does not know is ignored."""

    value: ClassVar[type[object]]

    class Meta:
        """Marshmallow's options."""

        unknown = EXCLUDE

    @post_load
    def _make(self, loaded: Mapping[str, Any], **_: object) -> object:
        return self.value(**loaded)


def _filter(description: str) -> Exact:
    return Exact(metadata={"description": description, "pattern": ids.WITHOUT_NUL})


def _limit() -> Number:
    return Number(
        least=1,
        most=MAX_LIMIT,
        load_default=DEFAULT_LIMIT,
        metadata={"description": "How many to answer at most."},
    )


class PagingQuery(_Asked):
    """Query parameters of a list."""

    value: ClassVar[type[object]] = Paging
    limit = _limit()
    cursor = fields.String(
        metadata={"description": "The `next_cursor` of the last answer; left out to begin."}
    )


class WhereQuery(_Asked):
    """Query parameters that narrow to a source and project."""

    value: ClassVar[type[object]] = Where
    source = _filter("Only this source, by its slug.")
    project_id = _filter("Only this Mixpanel project.")


class CohortsQuery(PagingQuery, WhereQuery):
    """Query parameters of the list of cohorts."""

    value: ClassVar[type[object]] = CohortsAsked
    external_id = _filter("Only the cohort with this id at its source.")
    name = _filter("Only cohorts with exactly this name.")


class ChangesQuery(_Asked):
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
    cohort_ids = fields.List(
        fields.String(), required=True, validate=validate.Length(max=MAX_CHECKED_COHORTS)
    )
    member_ids = fields.List(
        fields.String(), required=True, validate=validate.Length(max=MAX_CHECKED_MEMBERS)
    )

    @post_load
    def _make(self, loaded: Mapping[str, Any], **_: object) -> CheckAsked:
        # A text that no id can be is nobody's.
        possible = tuple(one for one in loaded["member_ids"] if texts.is_storable(one))
        return CheckAsked(cohort_ids=tuple(loaded["cohort_ids"]), member_ids=possible)


class _Shown(Schema):
    """What an answer holds at least; later versions may add to it."""

    class Meta:
        """Marshmallow's options."""

        unknown = EXCLUDE


class RefreshAnswer(_Shown):
    """A full refresh under way."""

    session_id = fields.String(required=True, allow_none=True)
    pages_received = fields.Integer(required=True)
    total_pages = fields.Integer(required=True)


class LabelAnswer(_Shown):
    """What tells a cohort from others."""

    id = fields.String(required=True)
    source = fields.String(required=True)
    project_id = fields.String(required=True)
    external_id = fields.String(required=True)
    name = fields.String(required=True)


class CohortAnswer(LabelAnswer):
    """A cohort."""

    description = fields.String(required=True, allow_none=True)
    member_count = fields.Integer(required=True)
    created_at = Time(required=True)
    updated_at = Time(required=True)
    last_synced_at = Time(required=True, allow_none=True)
    stale = fields.Boolean(required=True)
    refresh = fields.Nested(RefreshAnswer, required=True, allow_none=True)
    last_seq = fields.Integer(required=True)


class CohortsAnswer(_Shown):
    """A part of the list of cohorts."""

    cohorts = fields.List(fields.Nested(CohortAnswer), required=True)
    next_cursor = fields.String(required=True, allow_none=True)


class MemberAnswer(_Shown):
    """A member of a cohort."""

    member_id = fields.String(required=True)
    distinct_id = fields.String(required=True, allow_none=True)
    email = fields.String(required=True, allow_none=True)
    first_name = fields.String(required=True, allow_none=True)
    last_name = fields.String(required=True, allow_none=True)
    phone = fields.String(required=True, allow_none=True)
    properties = fields.Dict(required=True)
    entered_at = Time(required=True)


class MembersAnswer(_Shown):
    """A part of the list of members."""

    members = fields.List(fields.Nested(MemberAnswer), required=True)
    next_cursor = fields.String(required=True, allow_none=True)


class ChangeAnswer(_Shown):
    """Somebody's step into a cohort or out of it."""

    seq = fields.Integer(required=True)
    change = fields.String(required=True, validate=validate.OneOf(["entered", "exited"]))
    member_id = fields.String(required=True, allow_none=True)
    at = Time(required=True)
    session_id = fields.String(required=True, allow_none=True)


class ChangesAnswer(_Shown):
    """A part of the list of changes."""

    changes = fields.List(fields.Nested(ChangeAnswer), required=True)
    next_after = fields.Integer(required=True)


class SyncAnswer(_Shown):
    """What came of one session and action."""

    session_id = fields.String(required=True, allow_none=True)
    action = fields.String(required=True, validate=validate.OneOf([*page.Action]))
    state = fields.String(
        required=True,
        validate=validate.OneOf(["receiving", "applied", "superseded", "blocked"]),
    )
    pages_received = fields.Integer(required=True)
    total_pages = fields.Integer(required=True)
    members_received = fields.Integer(required=True)
    entered = fields.Integer(required=True)
    exited = fields.Integer(required=True)
    skipped = fields.Dict(keys=fields.String(), values=fields.Integer(), required=True)
    duplicates = fields.Integer(required=True)
    started_at = Time(required=True)
    completed_at = Time(required=True, allow_none=True)


class SyncsAnswer(_Shown):
    """A part of the list of syncs."""

    syncs = fields.List(fields.Nested(SyncAnswer), required=True)
    next_cursor = fields.String(required=True, allow_none=True)


class JoinedAnswer(LabelAnswer):
    """A cohort that somebody is in."""

    entered_at = Time(required=True)


class MemberCohortsAnswer(_Shown):
    """The cohorts that somebody is in."""

    member_id = fields.String(required=True)
    cohorts = fields.List(fields.Nested(JoinedAnswer), required=True)


class CheckAnswer(_Shown):
    """Who of the people asked for is in which of the cohorts asked for."""

    memberships = fields.Dict(
        keys=fields.String(), values=fields.List(fields.String()), required=True
    )


class DeliveryAnswer(_Shown):
    """A page that waits or is blocked; `code` and `reason` say why it failed last."""

    id = fields.Function(lambda one: ids.of_delivery(one.cohort_id, one.number), required=True)
    cohort_id = fields.String(required=True)
    session_id = fields.String(required=True, allow_none=True)
    action = fields.String(required=True, validate=validate.OneOf([*page.Action]))
    page = fields.Integer(required=True)
    total_pages = fields.Integer(required=True)
    members = fields.Integer(required=True)
    state = fields.String(required=True, validate=validate.OneOf(["pending", "blocked"]))
    received_at = Time(required=True)
    attempts = fields.Integer(required=True)
    code = fields.String(required=True, allow_none=True)
    reason = fields.String(required=True, allow_none=True)


class DeliveriesAnswer(_Shown):
    """A part of the list of deliveries."""

    deliveries = fields.List(fields.Nested(DeliveryAnswer), required=True)
    next_cursor = fields.String(required=True, allow_none=True)


class StatusAnswer(_Shown):
    """How the gateway is doing."""

    status = fields.String(required=True, validate=validate.OneOf(["ok", "degraded"]))
    version = fields.String(required=True)
    pending_deliveries = fields.Integer(required=True)
    oldest_pending_seconds = fields.Float(required=True, allow_none=True)
    blocked_deliveries = fields.Integer(required=True)
    workers_alive = fields.Integer(required=True)
    scheduler_alive = fields.Boolean(required=True)
    redis = fields.String(required=True, validate=validate.OneOf(["up", "down"]))


class ProblemAnswer(_Shown):
    """A problem document (RFC 9457); `code` is stable, `detail` is for people."""

    type = fields.String(required=True)
    title = fields.String(required=True)
    status = fields.Integer(required=True)
    detail = fields.String(required=True)
    code = fields.String(required=True)
    oldest_seq = fields.Integer(metadata={"description": "Only of a 410."})
