"""What requests and answers about databases hold."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, ClassVar, Final

from marshmallow import ValidationError, fields, post_load, validate

from gateway.core import texts
from gateway.flows.sources import databases
from gateway.handlers.http import forms, queries, schemas
from gateway.handlers.http.fields import Json

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gateway.sources.sql.reading import Preview

# The longest query, each character of it escaped, and some room.
MAX_PREVIEW_BYTES: Final = 1024 * 1024
STEPS: Final = ("configuration", "resolve", "connect", "sign_in", "query", "read_only")


@dataclasses.dataclass(frozen=True, kw_only=True)
class SchemaAsked:
    """Which tables to list."""

    search: str = ""


class SchemaQuery(queries.Asked):
    """Query parameters of the tables of a database."""

    value: ClassVar[type[object]] = SchemaAsked
    search = queries.exact("Only tables with this in their schema or name, without case.", "user")


class Sql(fields.String):
    """A query; what reads it says what is wrong with it."""

    def _deserialize(self, value: Any, *_rest: Any, **_named: Any) -> str:  # noqa: ANN401
        if type(value) is not str or texts.has_half_a_pair(value):
            raise ValidationError("must be text")
        return value


class PreviewForm(forms.Form):
    """A query to try."""

    query = Sql(
        required=True,
        error_messages={"required": "is missing", "null": "must be text"},
        metadata=schemas.says("One SELECT.", "SELECT id, email FROM users WHERE plan = 'pro'"),
    )
    member_id = forms.Line(
        metadata=schemas.says("The column of its result that has the member id.", "id")
    )

    @post_load
    def _make(self, loaded: Mapping[str, Any], **_: object) -> databases.Asked:
        return databases.Asked(**loaded)


class StepAnswer(schemas.Shown):
    """One step of a test."""

    step = fields.String(required=True, validate=validate.OneOf(STEPS))
    ok = fields.Boolean(required=True)
    message = fields.String(
        required=True,
        metadata=schemas.says("How it went; where it failed, a code and what to do."),
    )
    milliseconds = fields.Integer(required=True)


class TestAnswer(schemas.Shown):
    """How the test of a source went."""

    ok = fields.Boolean(required=True, metadata=schemas.says("Whether every step went well."))
    steps = fields.List(fields.Nested(StepAnswer), required=True)


class ColumnAnswer(schemas.Shown):
    """A column, of a table or of a result."""

    name = fields.String(required=True, metadata=schemas.like("email"))
    type = fields.String(
        required=True, metadata=schemas.says("As the vendor calls it.", "character varying(255)")
    )


class TableAnswer(schemas.Shown):
    """A table or view that can be read."""

    schema = fields.String(required=True, metadata=schemas.like("public"))
    name = fields.String(required=True, metadata=schemas.like("users"))
    columns = fields.List(fields.Nested(ColumnAnswer), required=True)


class SchemaAnswer(schemas.Shown):
    """The tables of a database."""

    tables = fields.List(fields.Nested(TableAnswer), required=True)
    truncated = fields.Boolean(
        required=True, metadata=schemas.says("Whether there are more; search for them.")
    )


class EstimateAnswer(schemas.Shown):
    """What a query would cost, as far as its database tells."""

    rows = fields.Integer()
    bytes = fields.Integer()


class WarningAnswer(schemas.Shown):
    """Something of the sample that is likely to be a mistake."""

    code = fields.String(
        required=True,
        metadata=schemas.says(
            "One of `duplicate`, `missing_id`, `unnamed_columns`, `ambiguous_column`.", "duplicate"
        ),
    )
    message = fields.String(required=True)


class PreviewAnswer(schemas.Shown):
    """The first rows of a query."""

    columns = fields.List(fields.Nested(ColumnAnswer), required=True)
    rows = fields.List(
        fields.List(Json(allow_none=True)),
        required=True,
        metadata=schemas.says("A list for each row; long texts are cut.", [["u1", "ada@x.io"]]),
    )
    truncated = fields.Boolean(required=True, metadata=schemas.says("Whether there are more."))
    milliseconds = fields.Integer(required=True)
    estimate = fields.Nested(EstimateAnswer, required=True)
    warnings = fields.List(fields.Nested(WarningAnswer), required=True)


def shown(preview: Preview) -> Mapping[str, Any]:
    """Leave out what a database does not estimate."""
    estimate = {
        name: value
        for name, value in dataclasses.asdict(preview.estimate).items()
        if value is not None
    }
    return {**vars(preview), "estimate": estimate}
