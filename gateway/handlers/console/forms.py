"""Forms as browsers send them, and the values in them."""

from __future__ import annotations

import dataclasses
import io
import urllib.parse
from typing import TYPE_CHECKING, Any, Final

from flask import request
from werkzeug import formparser
from werkzeug.exceptions import RequestEntityTooLarge

from gateway import errors
from gateway.core import texts
from gateway.core.fields import Parts
from gateway.handlers.console import controls
from gateway.handlers.http import body

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gateway.core.fields import Field

_NO_FORM: Final = "the form is not URL-encoded UTF-8, or has too many fields"

MAX_BYTES: Final = 256 * 1024
MAX_FIELDS: Final = 200
URLENCODED: Final = "application/x-www-form-urlencoded"
MULTIPART: Final = "multipart/form-data"
# Of a file with the fields beside it.
MAX_FILE_BYTES: Final = 16 * 1024 * 1024

Form = dict[str, str]


def read(*, max_fields: int = MAX_FIELDS, max_bytes: int = MAX_BYTES) -> Form:
    """Read the fields of a form, the first of each name. Raises errors.Malformed."""
    if request.mimetype != URLENCODED:
        raise errors.Malformed("this address takes the form of its page, and nothing else")
    raw = body.read(request.environ, max_bytes=max_bytes)
    try:
        pairs = urllib.parse.parse_qsl(
            raw.decode(), keep_blank_values=True, errors="strict", max_num_fields=max_fields
        )
    except ValueError as error:
        raise errors.Malformed(_NO_FORM) from error
    found: Form = {}
    for name, value in pairs:
        found.setdefault(name, texts.storable(value).replace("\r\n", "\n"))
    return found


@dataclasses.dataclass(frozen=True)
class Chosen:
    """A file that was chosen in a form."""

    name: str
    data: bytes


def read_with_file() -> tuple[Form, Chosen | None]:
    """Read the fields of a form that may have a file, and that. Raises errors.Malformed."""
    if request.mimetype != MULTIPART:
        return read(), None
    raw = body.read(request.environ, max_bytes=MAX_FILE_BYTES)
    # The body is in memory already, so a file in it needs none on a disk.
    parser = formparser.FormDataParser(
        stream_factory=lambda *_, **__: io.BytesIO(), max_form_parts=MAX_FIELDS, silent=False
    )
    try:
        _, fields, files = parser.parse(
            io.BytesIO(raw), request.mimetype, len(raw), request.mimetype_params
        )
    except (ValueError, RequestEntityTooLarge) as error:
        raise errors.Malformed(_NO_FORM) from error
    found = {name: texts.storable(value) for name, value in fields.items()}
    file = files.get("file")
    if file is None or not file.filename:
        return found, None
    return found, Chosen(name=texts.storable(file.filename), data=file.stream.read())


def asked(name: str, *, most: int = 200) -> str:
    """Read a query parameter, empty without it; what is longer than it may be is cut."""
    return texts.cut(request.args.get(name, "").strip(), most)


def config(fields: Sequence[Field], form: Mapping[str, str], prefix: str) -> dict[str, Any]:
    """Read the values of some fields by what their schemas say, as JSON would bring them.

    Flows check them, so what cannot be read stays as it was typed.
    """
    return {field.name: _value(field, form, f"{prefix}.{field.name}") for field in fields}


def _value(field: Field, form: Mapping[str, str], name: str) -> object:
    if not isinstance(field, Parts):
        return controls.read(field.schema(), form.get(name, ""))
    within = config(field.fields, form, name)
    required = {one.name for one in field.fields if one.required}
    if not any(within[part] for part in required):
        return None
    return {part: one for part, one in within.items() if one or part in required}


def secrets(fields: Sequence[Field], form: Mapping[str, str]) -> dict[str, Any]:
    """Read secrets; an empty one is left as it is."""
    read_ones = config(fields, form, "secrets")
    return {name: value for name, value in read_ones.items() if value not in ("", None)}


def typed(fields: Sequence[Field], values: Mapping[str, object], prefix: str) -> Form:
    """Write values of a config as a form shows them."""
    shown: Form = {}
    for one in fields:
        value = values.get(one.name, one.default)
        if isinstance(one, Parts):
            shown |= typed(
                one.fields, value if isinstance(value, dict) else {}, f"{prefix}.{one.name}"
            )
        else:
            shown[f"{prefix}.{one.name}"] = controls.write(one.schema(), value)
    return shown
