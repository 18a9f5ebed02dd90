"""What answers say of edits."""

from __future__ import annotations

from marshmallow import fields

from gateway.handlers.http import schemas


class StoredEditAnswer(schemas.Shown):
    """An edit that is stored and not applied yet."""

    session_id = fields.String(
        required=True, metadata=schemas.says("What its changes will be told by.", "edit-1042")
    )


class EditAnswer(StoredEditAnswer):
    """What came of an edit."""

    entered = fields.Integer(required=True)
    exited = fields.Integer(required=True)
    unchanged = fields.Integer(
        required=True, metadata=schemas.says("How many neither entered nor exited.", 0)
    )
    skipped = fields.Dict(
        keys=fields.String(),
        values=fields.Integer(),
        required=True,
        metadata=schemas.says("How many entries had no usable id, by reason.", {"blank_id": 1}),
    )
    last_seq = fields.Integer(
        required=True,
        metadata=schemas.says("Send it as `min_seq` to read nothing older than this.", 42),
    )
