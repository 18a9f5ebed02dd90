"""The query API's uploads: files that are too large for one request come in parts."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from gateway import errors
from gateway.core.access.scopes import Scope
from gateway.flows.cohorts import uploads
from gateway.handlers.cohorts import load_requests, load_schemas
from gateway.handlers.http import deps, operations, responses, topics
from gateway.handlers.http.operations import Operation, Text
from gateway.handlers.http.variables import Variable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flask import Response

VARIABLES: Final[Mapping[str, Variable]] = {
    "upload_id": Variable(description="The `id` of an upload.", example="8d2c0e6f7a51b3949c0d12ef"),
    "part": Variable(description="The number of a part, from 1.", example="1"),
}

_ID: Final = re.compile(r"[0-9a-f]{1,64}")
_PART: Final = re.compile(r"[1-9][0-9]{0,4}")


def begin_upload(body: load_requests.UploadAsked) -> Response:
    given = deps.current()
    found = uploads.announce(
        given.accepting,
        name=body.name,
        size=body.bytes,
        max_bytes=given.settings.max_upload_bytes,
        now=given.now(),
    )
    return responses.value(load_schemas.UploadAnswer, found, 201)


def put_part(upload_id: str, part: str, raw: bytes) -> Response:
    given, number = deps.current(), _part(part)
    uploads.put_part(
        given.accepting,
        _upload(upload_id),
        number,
        raw,
        max_bytes=given.settings.max_upload_bytes,
        now=given.now(),
    )
    return responses.nothing()


def _upload(text: str) -> str:
    if not _ID.fullmatch(text):
        raise errors.NotFound(uploads.NO_UPLOAD)
    return text


def _part(text: str) -> int:
    if not _PART.fullmatch(text) or int(text) > uploads.MAX_PARTS:
        message = f"the number of a part is from 1 to {uploads.MAX_PARTS}"
        raise errors.Invalid([errors.Fault("part", message)])
    return int(text)


_PART_OF_A_FILE: Final = Text(
    description="The bytes of the part.", example="id,email,plan\nu-1842,ada@example.com,pro\n"
)

OPERATIONS: Final = (
    Operation(
        name="begin_upload",
        method="POST",
        rule="/v1/uploads",
        view=begin_upload,
        scope=Scope.WRITE,
        topic=topics.LOADS,
        summary="Begin an upload in parts",
        description="For a file of more than 16 MiB. Put its parts, then load it with `upload`.",
        body=load_requests.UploadForm,
        answer=responses.of(load_schemas.UploadAnswer, "The upload.", status=201),
        refusals=(413, 422),
    ),
    Operation(
        name="put_part",
        method="PUT",
        rule="/v1/uploads/<raw:upload_id>/parts/<raw:part>",
        view=put_part,
        scope=Scope.WRITE,
        topic=topics.LOADS,
        summary="Put a part of an upload",
        description="Parts have at most 16 MiB each, come in any order, and may come again.",
        reads={load_requests.BYTES: _PART_OF_A_FILE},
        max_body_bytes=load_requests.MAX_FILE_BYTES,
        answer=operations.NOTHING,
        refusals=(404, 409, 413, 422),
    ),
)

blueprint = operations.blueprint("uploads", OPERATIONS)
