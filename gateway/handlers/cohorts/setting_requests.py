"""What calls may set of cohorts: forms, and the frozen values that they load into."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from marshmallow import ValidationError, fields, post_load

from gateway.core import texts
from gateway.core.cohorts.guard import FROM_MEMBERS, SHRINK_PERCENT, Guard
from gateway.flows.sources import cohorts
from gateway.handlers.http import forms, schemas

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_EXTERNAL_ID_BYTES: Final = 255
MAX_DESCRIPTION_CHARACTERS: Final = 5000
# The longest definition is a query or a tree of rules.
MAX_COHORT_BYTES: Final = 1024 * 1024


class ExternalId(fields.String):
    """The id of a cohort at its source: any text of 1 to 255 bytes without NUL."""

    def __init__(self) -> None:
        super().__init__(
            allow_none=True,
            metadata={
                "minLength": 1,
                "maxLength": MAX_EXTERNAL_ID_BYTES,
                **schemas.says(
                    "What tells it from the source's other cohorts, for ever: 1 to 255 bytes."
                    " Without it the gateway gives one.",
                    "vip",
                ),
            },
        )

    def _deserialize(self, value: Any, *_rest: Any, **_named: Any) -> str:  # noqa: ANN401 - JSON
        if type(value) is not str or not texts.is_storable(value):
            raise ValidationError("must be text without NUL")
        if not 1 <= len(value.encode()) <= MAX_EXTERNAL_ID_BYTES:
            raise ValidationError(f"must have 1 to {MAX_EXTERNAL_ID_BYTES} bytes of UTF-8")
        return value


class GuardForm(forms.Form):
    """How far a replace may shrink a cohort unasked."""

    shrink_percent = forms.Amount(
        least=0,
        most=100,
        metadata=schemas.says("The largest share that may leave at once.", SHRINK_PERCENT),
    )
    from_members = forms.Count(
        metadata=schemas.says("Smaller cohorts are not guarded.", FROM_MEMBERS)
    )

    @post_load
    def _make(self, loaded: Mapping[str, Any], **_: object) -> Guard:
        return Guard(**loaded)


def _name(*, required: bool) -> forms.Line:
    return forms.Line(required=required, metadata=schemas.says("What people call it.", "VIPs"))


def _description() -> forms.Prose:
    return forms.Prose(
        most=MAX_DESCRIPTION_CHARACTERS,
        metadata=schemas.says("What it is for; null for nothing.", "Invited to the preview"),
    )


def _definition() -> forms.Object:
    return forms.Object(
        allow_none=True,
        metadata=schemas.says("Where its members come from; of kind `list` nothing.", None),
    )


def _schedule() -> forms.Object:
    return forms.Object(
        allow_none=True, metadata=schemas.says("When it is loaded; of kind `list` never.", None)
    )


def _guard() -> fields.Nested:
    return fields.Nested(
        GuardForm,
        allow_none=True,
        error_messages={"type": "must be an object, or null"},
        metadata=schemas.says("When a replace needs an approval; null for never."),
    )


class CohortForm(forms.Form):
    """What to change of a cohort; what is left out stays."""

    name = _name(required=False)
    description = _description()
    definition = _definition()
    schedule = _schedule()
    guard = _guard()
    notify = forms.notify()

    @post_load
    def _make(self, loaded: Mapping[str, Any], **_: object) -> cohorts.Changes:
        return cohorts.Changes(**loaded)


class NewCohortForm(forms.Form):
    """A cohort to be made."""

    source = forms.Line(
        required=True, metadata=schemas.says("The slug of the source that it comes from.", "lists")
    )
    name = _name(required=True)
    external_id = ExternalId()
    description = _description()
    definition = _definition()
    schedule = _schedule()
    guard = _guard()
    notify = forms.notify()

    @post_load
    def _make(self, loaded: Mapping[str, Any], **_: object) -> cohorts.Wanted:
        return cohorts.Wanted(**loaded)
