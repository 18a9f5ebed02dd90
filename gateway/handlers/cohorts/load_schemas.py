"""What answers say of loads and uploads."""

from __future__ import annotations

from marshmallow import fields, validate

from gateway.core.cohorts.load import Approval, Mode, State, Trigger
from gateway.handlers.http import schemas
from gateway.handlers.http.fields import Json, Time


def _count(description: str, *, none: bool = False) -> fields.Integer:
    return fields.Integer(required=True, allow_none=none, metadata=schemas.says(description, 2))


class RowsAnswer(schemas.Shown):
    """What became of the rows that were read."""

    read = _count("All rows; the next three add up to it.")
    accepted = _count("Members that the load names.")
    duplicate = _count("Rows of an id that a later row has, too.")
    rejected = _count("Rows that name no member.")
    reasons = fields.Dict(
        keys=fields.String(),
        values=fields.Integer(),
        required=True,
        metadata=schemas.says("How many rows were rejected, by reason.", {"missing_id": 1}),
    )


class LoadErrorAnswer(schemas.Shown):
    """Why a load came to nothing."""

    code = fields.String(required=True, metadata=schemas.says("Of a closed list.", "no_id_column"))
    message = fields.String(
        required=True, metadata=schemas.like("No column of the file is known to have the ids.")
    )
    hint = fields.String(
        required=True, allow_none=True, metadata=schemas.like("Say which column has them.")
    )


class FileAnswer(schemas.Shown):
    """The file of a load; null where it is not known yet, or does not apply."""

    name = fields.String(required=True, allow_none=True, metadata=schemas.like("members.csv"))
    bytes = _count("How large it is.")
    sha256 = fields.String(required=True, allow_none=True, metadata=schemas.like(None))
    format = fields.String(required=True, allow_none=True, metadata=schemas.like("csv"))
    encoding = fields.String(
        required=True, allow_none=True, metadata=schemas.says("A label of WHATWG.", "utf-8")
    )
    delimiter = fields.String(required=True, allow_none=True, metadata=schemas.like(","))
    columns = fields.List(
        fields.String(), required=True, allow_none=True, metadata=schemas.like(["id", "plan"])
    )
    mapping = fields.Dict(
        keys=fields.String(),
        values=fields.String(),
        required=True,
        allow_none=True,
        metadata=schemas.says("Column → field.", {"id": "member_id", "plan": "properties"}),
    )


class LoadAnswer(schemas.Shown):
    """A load, and what came of it."""

    id = fields.String(required=True, metadata=schemas.says("Ours; use it in paths.", "17-42"))
    cohort_id = fields.String(required=True, metadata=schemas.like("17"))
    definition_number = fields.Integer(
        required=True, allow_none=True, metadata=schemas.says("Of the definition read.", None)
    )
    trigger = fields.String(required=True, validate=validate.OneOf([*Trigger]))
    mode = fields.String(required=True, validate=validate.OneOf([*Mode]))
    state = fields.String(
        required=True, validate=validate.OneOf([*State]), metadata=schemas.like("applied")
    )
    approval = fields.String(
        required=True,
        allow_none=True,
        metadata=schemas.says(
            f"Why it waits, or has waited: `{Approval.REVIEW}` or `{Approval.SHRINK}`.", None
        ),
    )
    rows = fields.Nested(RowsAnswer, required=True)
    progress = fields.Float(
        required=True, allow_none=True, metadata=schemas.says("From 0 to 1.", 1.0)
    )
    would_enter = _count("How many would become members.", none=True)
    would_exit = _count("How many would stop being one.", none=True)
    entered = _count("How many became members.", none=True)
    exited = _count("How many stopped being one.", none=True)
    warnings = fields.Dict(
        keys=fields.String(),
        values=fields.Integer(),
        required=True,
        metadata=schemas.says("What to look at, with counts.", {"outer_blanks": 1}),
    )
    error = fields.Nested(
        LoadErrorAnswer, required=True, allow_none=True, metadata=schemas.like(None)
    )
    file = fields.Nested(FileAnswer, required=True, allow_none=True)
    session_id = fields.String(
        required=True, metadata=schemas.says("Of its changes and its sync.", "load-17-42")
    )
    last_seq = fields.Integer(
        required=True,
        allow_none=True,
        metadata=schemas.says("The seq of the cohort once it was applied.", 42),
    )
    requested_by = fields.String(
        required=True, allow_none=True, metadata=schemas.says("The name of a key.", "crm")
    )
    queued_at = Time(required=True)
    started_at = Time(required=True, allow_none=True)
    finished_at = Time(required=True, allow_none=True)


class LoadsAnswer(schemas.Shown):
    """A part of a list of loads."""

    loads = fields.List(fields.Nested(LoadAnswer), required=True)  # type: ignore[assignment] # a method of Schema that nothing here calls
    next_cursor = schemas.next_cursor()


class SampleAnswer(schemas.Shown):
    """The first rows of a file as they were understood."""

    rows = fields.List(
        fields.Dict(keys=fields.String(), values=Json(allow_none=True)),
        required=True,
        metadata=schemas.says("Fields of Member.", [{"member_id": "u-1842"}]),
    )


class UploadAnswer(schemas.Shown):
    """An upload that parts can be put into."""

    id = fields.String(required=True, metadata=schemas.like("8d2c0e6f7a51b3949c0d12ef"))
    expires_at = Time(
        required=True, metadata=schemas.says("When it goes, unless a load has taken it.")
    )
