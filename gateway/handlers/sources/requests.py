"""What requests about sources may say: schemas, and the frozen values that they load into."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, ClassVar, Final

from marshmallow import fields, post_load

from gateway.flows.sources import admin
from gateway.handlers.http import forms, queries, schemas
from gateway.handlers.http.fields import Moment

if TYPE_CHECKING:
    import datetime
    from collections.abc import Mapping

MAX_PROJECTS: Final = 1000
# The most projects with the longest ids, each character of them escaped, and some room.
MAX_SOURCE_BYTES: Final = 2 * 1024 * 1024


@dataclasses.dataclass(frozen=True, kw_only=True)
class SourcesAsked(queries.Paging):
    """Which sources to list."""

    kind: str | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class RefusalsAsked(queries.Paging):
    """Which refusals to list."""

    source: str | None = None
    since: datetime.datetime | None = None


class SourcesQuery(queries.PagingQuery):
    """Query parameters of the list of sources."""

    value: ClassVar[type[object]] = SourcesAsked
    kind = queries.exact("Only sources of this kind.", "mixpanel")


class RefusalsQuery(queries.PagingQuery):
    """Query parameters of the list of refusals."""

    value: ClassVar[type[object]] = RefusalsAsked
    source = queries.exact("Only this source, by its slug.", "default")
    since = Moment(metadata={"description": "Only such as happened at this moment or later."})


class MixpanelConfigForm(forms.Form):
    """What to change of a Mixpanel source's `config`; what is left out stays."""

    error_messages = {**forms.UNKNOWN, "type": "must be an object"}  # noqa: RUF012 - marshmallow's own interface

    identity_property = forms.Line(
        allow_none=True,
        metadata=schemas.says(
            "The property that holds the member id; null for Mixpanel's distinct id.", None
        ),
    )
    project_ids = forms.Lines(
        most=MAX_PROJECTS,
        metadata=schemas.says("The only projects that may post; empty for any.", ["2195193"]),
    )


class SourceForm(forms.Form):
    """What to change of a source; what is left out stays."""

    name = forms.Line(metadata=schemas.says("What people call it.", "Mixpanel, production"))
    paused = forms.Flag(metadata={"description": "Whether its webhook answers 503 for now."})
    config = fields.Nested(MixpanelConfigForm, error_messages={"null": "must be an object"})

    @post_load
    def _make(self, loaded: Mapping[str, Any], **_: object) -> admin.Changes:
        given = {**loaded, **loaded.get("config", {})}
        given.pop("config", None)
        if "project_ids" in given:
            given["project_ids"] = tuple(given["project_ids"])
        return admin.Changes(**given)
