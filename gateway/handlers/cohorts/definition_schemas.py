"""What is answered of the definitions of cohorts."""

from __future__ import annotations

from marshmallow import fields

from gateway.handlers.http import schemas
from gateway.handlers.http.fields import Json, Time


class DefinitionAnswer(schemas.Shown):
    """A definition that a cohort has, or had."""

    number = fields.Integer(required=True, metadata=schemas.like(1))
    by = fields.String(
        required=True, allow_none=True, metadata=schemas.says("The name of the key.", "ops")
    )
    at = Time(required=True)
    definition = fields.Dict(keys=fields.String(), values=Json(), required=True)


class DefinitionsAnswer(schemas.Shown):
    """The definitions of a cohort, the newest first."""

    definitions = fields.List(fields.Nested(DefinitionAnswer), required=True)
