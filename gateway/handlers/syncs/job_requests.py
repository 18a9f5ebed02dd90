"""What requests about sync jobs may say."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, ClassVar, Final

from marshmallow import ValidationError, fields, post_load, validate

from gateway import errors
from gateway.core.syncs.job import FREQUENCIES, Mode, State
from gateway.flows.syncs import jobs
from gateway.handlers.http import forms, queries, schemas
from gateway.handlers.http.fields import Truth

if TYPE_CHECKING:
    from collections.abc import Mapping

MOST_SUPPRESSED: Final = 100
_MOST_DIGITS: Final = 9


class CohortId(fields.String):
    """The id of a cohort, as text or as an integer."""

    def _deserialize(self, value: Any, *_rest: Any, **_named: Any) -> str:  # noqa: ANN401
        if type(value) is int:
            return str(value)
        if type(value) is not str:
            raise ValidationError("must be the id of a cohort")
        return value


@dataclasses.dataclass(frozen=True, kw_only=True)
class JobsAsked(queries.Paging):
    """Which jobs to list."""

    cohort_id: str | None = None
    destination: str | None = None
    state: str | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class DeletionAsked:
    """How to delete a job."""

    remove: bool = False


class JobsQuery(queries.PagingQuery):
    """Query parameters of the list of jobs."""

    value: ClassVar[type[object]] = JobsAsked
    cohort_id = queries.exact("Only jobs of this cohort.", "17")
    destination = queries.exact("Only jobs to this destination, by its slug.", "crm")
    state = fields.String(
        validate=validate.OneOf([*State]), metadata=schemas.says("Only jobs in this state.")
    )


class DeletionQuery(queries.Asked):
    """Query parameters of the deletion of a job."""

    value: ClassVar[type[object]] = DeletionAsked
    remove = Truth(
        metadata={"description": "First take everybody out there that this job has added."}
    )


_FREQUENCY: Final = schemas.says(f"One of {', '.join(FREQUENCIES)}.", "1h")
_MODE: Final = schemas.says(f"{' or '.join(Mode)}.", "mirror")
_MAPPING: Final = schemas.says(
    "Identifier of the destination → field of the member, or `properties.<name>`.",
    {"email": "email", "external_id": "member_id"},
)
_SUPPRESS: Final = schemas.says("Cohorts with members that are never sent.", ["18"])


class NewJobForm(forms.Form):
    """A job to be made."""

    cohort_id = CohortId(
        required=True, metadata={"type": ["string", "integer"], **schemas.like("17")}
    )
    destination = forms.Line(required=True, metadata=schemas.says("A slug.", "crm"))
    frequency = forms.Line(required=True, metadata=_FREQUENCY)
    mode = forms.Line(metadata=_MODE)
    mapping = forms.Object(metadata=_MAPPING)
    suppress = fields.List(
        CohortId(metadata={"type": ["string", "integer"]}),
        validate=validate.Length(max=MOST_SUPPRESSED),
        metadata=_SUPPRESS,
    )
    consent = forms.Object(
        allow_none=True, metadata=schemas.says("What a vendor is told of consent.", None)
    )
    options = forms.Object(
        metadata=schemas.says("By the JSON Schema `options` of the destination's kind.", {})
    )
    notify = forms.notify()

    @post_load
    def _make(self, loaded: Mapping[str, Any], **_: object) -> jobs.Wanted:
        return jobs.Wanted(**loaded)


class JobForm(forms.Form):
    """What to change of a job; what is left out stays."""

    frequency = forms.Line(metadata=_FREQUENCY)
    mode = forms.Line(metadata=_MODE)
    mapping = forms.Object(metadata=_MAPPING)
    suppress = fields.List(
        CohortId(metadata={"type": ["string", "integer"]}),
        validate=validate.Length(max=MOST_SUPPRESSED),
        metadata=_SUPPRESS,
    )
    notify = forms.notify()

    @post_load
    def _make(self, loaded: Mapping[str, Any], **_: object) -> jobs.Changes:
        return jobs.Changes(**loaded)


def number(text: str) -> int:
    """Read the id of a job, or the number of a run. Raises errors.NotFound."""
    if not (text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS):
        raise errors.NotFound("no such sync job, or no such run of it")
    return int(text)
