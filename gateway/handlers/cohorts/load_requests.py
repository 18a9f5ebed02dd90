"""What requests about loads and uploads may say."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, ClassVar, Final

from marshmallow import Schema, ValidationError, fields, post_load, validate

from gateway.core.cohorts.load import Mode, State
from gateway.flows.cohorts.load_queue import Changes, Wanted
from gateway.handlers.http import forms, queries, schemas
from gateway.handlers.http.fields import MAX_BIGINT, Number, Truth
from gateway.sources.lists import options
from gateway.sources.lists.options import Options

if TYPE_CHECKING:
    from collections.abc import Mapping

BYTES: Final = "application/octet-stream"
# Of a file, or a part of one (interface 6).
MAX_FILE_BYTES: Final = 16 * 1024 * 1024
MAX_WAIT_SECONDS: Final = 20
# Up to a thousand columns, each with a name of a thousand characters.
MAX_CHANGES_BYTES: Final = 2 * 1024 * 1024


@dataclasses.dataclass(frozen=True, kw_only=True)
class LoadAsked:
    """A load that is asked for, and the upload that it reads if there is no body."""

    wanted: Wanted
    upload: str | None


@dataclasses.dataclass(frozen=True, kw_only=True)
class WaitAsked:
    """How long to wait for another state."""

    wait: int = 0


@dataclasses.dataclass(frozen=True, kw_only=True)
class LoadsAsked(queries.Paging):
    """Which loads to list."""

    state: str | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class UploadAsked:
    """An upload that is about to come."""

    name: str | None = None
    bytes: int | None = None


class _OfLoad(queries.Asked):
    """Loads into what is asked of a load of a file."""

    @post_load
    def _make(self, loaded: Mapping[str, Any], **_: object) -> LoadAsked:
        given = dict(loaded)
        # marshmallow keeps a name with a dot as a dictionary in a dictionary.
        mapped, upload = given.pop("map", {}), given.pop("upload", None)
        mode, review = Mode(given.pop("mode")), given.pop("review")
        of_file = Options(fields=mapped, **given)
        return LoadAsked(wanted=Wanted(mode=mode, review=review, options=of_file), upload=upload)


# The names of some parameters have dots, which no attribute has.
LoadQuery: Final[type[Schema]] = _OfLoad.from_dict(
    {
        "mode": fields.String(
            load_default=Mode.REPLACE.value,
            validate=validate.OneOf([*Mode]),
            metadata=schemas.says("What becomes of those that are members already."),
        ),
        "review": Truth(
            load_default=False,
            metadata={"description": "Wait for an approval once it is known what would change."},
        ),
        "upload": queries.exact(
            "The upload to read, instead of a body.", "8d2c0e6f7a51b3949c0d12ef"
        ),
        "member_id": queries.exact("The column that has the ids of members.", "Customer No"),
        **{
            f"map.{name}": queries.exact(f"The column that has the `{name}`.", name)
            for name in options.MAPPED
        },
        "format": queries.exact(
            "`csv`, `xlsx`, `ndjson` or `text`, if it is not recognised.", "csv"
        ),
        "encoding": queries.exact("A label of WHATWG, if it is not recognised.", "windows-1252"),
        "delimiter": queries.exact("One of `,` `;` TAB `|`, if it is not recognised.", ";"),
        "sheet": queries.exact("The sheet of a workbook to read, instead of the first.", "Members"),
        "header": Truth(
            load_default=True,
            metadata={"description": "Whether the first row has names; else they are 1, 2, …"},
        ),
    },
    name="LoadQuery",
)


class WaitQuery(queries.Asked):
    """Query parameters of one load."""

    value: ClassVar[type[object]] = WaitAsked
    wait = Number(
        least=0,
        most=MAX_WAIT_SECONDS,
        load_default=0,
        metadata={
            "description": "Answer when the state changes, or after so many seconds. With too many"
            " requests that wait, it answers at once."
        },
    )


class LoadsQuery(queries.PagingQuery):
    """Query parameters of the list of all loads."""

    value: ClassVar[type[object]] = LoadsAsked
    state = fields.String(
        validate=validate.OneOf([*State]),
        metadata={"description": "Only loads in this state."},
    )


class LoadForm(forms.Form):
    """What to read anew of the file of a load; what is left out stays."""

    mapping = forms.Object(
        metadata=schemas.says("Which field each column is.", {"Customer No": "member_id"})
    )
    encoding = fields.String(metadata=schemas.says("A label of WHATWG.", "windows-1252"))
    delimiter = fields.String(metadata=schemas.says("One of `,` `;` TAB `|`.", ";"))
    mode = fields.String(validate=validate.OneOf([*Mode]), metadata=schemas.like("add"))

    @post_load
    def _make(self, loaded: Mapping[str, Any], **_: object) -> Changes:
        for column, field in loaded.get("mapping", {}).items():
            if not isinstance(field, str):
                raise ValidationError({"mapping": {column: ["must be text"]}})
        mode = Mode(loaded["mode"]) if "mode" in loaded else None
        return Changes(**{**loaded, "mode": mode})


class UploadForm(forms.Form):
    """An upload that comes in parts."""

    name = forms.Line(metadata=schemas.says("The name of the file.", "members.csv"))
    bytes = fields.Integer(
        strict=True,
        validate=validate.Range(0, MAX_BIGINT),
        metadata=schemas.says(
            "How many bytes the file has; what is cut is then noticed.", 73400320
        ),
    )

    @post_load
    def _make(self, loaded: Mapping[str, Any], **_: object) -> UploadAsked:
        return UploadAsked(**loaded)
