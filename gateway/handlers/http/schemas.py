"""What the schemas of all answers share, and problem documents."""

from __future__ import annotations

import functools
from typing import Any

from marshmallow import EXCLUDE, Schema, fields


@functools.cache
def of(schema: type[Schema]) -> Schema:
    """Return the one instance of a schema; making one costs more than using it."""
    return schema()


def says(description: str, *examples: object) -> dict[str, Any]:
    """Describe a field; examples of it show what a type cannot."""
    return {"description": description, **(like(*examples) if examples else {})}


def like(*examples: object) -> dict[str, Any]:
    """Describe by examples a field with a name that says it all."""
    return {"examples": list(examples)}


def notify() -> fields.List[str]:
    return fields.List(
        fields.String(),
        required=True,
        allow_none=True,
        metadata=says("The channels of its notices; null for those of what it comes from.", None),
    )


def next_cursor() -> fields.String:
    description = "What to send as `cursor` for the next part; null at the end."
    return fields.String(required=True, allow_none=True, metadata=says(description, None))


class Shown(Schema):
    """What an answer holds at least; later versions may add to it."""

    class Meta:
        unknown = EXCLUDE


class FaultAnswer(Shown):
    """One thing that is wrong with a body."""

    path = fields.String(required=True, metadata=says("The field, its parts joined by dots."))
    message = fields.String(required=True)


class ProblemAnswer(Shown):
    """A problem document (RFC 9457); `code` is stable, `detail` is for people."""

    type = fields.String(required=True)
    title = fields.String(required=True)
    status = fields.Integer(required=True)
    detail = fields.String(required=True)
    code = fields.String(required=True, metadata=says("Stable; decide by this or the status."))
    oldest_seq = fields.Integer(metadata=says("Only of a 410 of a cohort: the oldest change kept."))
    last_seq = fields.Integer(
        metadata=says("Only of a 409 `ahead` of a cohort: the newest change.")
    )
    epoch = fields.String(metadata=says("Only of a 409 `ahead`: the epoch that this is true of."))
    id = fields.String(metadata=says("Only of a 409 `exists` of a cohort: which one it is."))
    deleted = fields.Boolean(
        metadata=says("Only of a 409 `exists` of a cohort: whether that one was deleted.")
    )
    cohorts = fields.List(
        fields.String(), metadata=says("Only of a 409 `in_use`: ids of cohorts, at most 100.")
    )
    sync_jobs = fields.List(
        fields.String(), metadata=says("Only of a 409 `in_use`: ids of sync jobs, at most 100.")
    )
    errors = fields.List(
        fields.Nested(FaultAnswer), metadata=says("Only of a 422: all that is wrong.")
    )
