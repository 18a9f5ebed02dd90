"""What requests about sources may say: schemas, and the frozen values that they load into."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, ClassVar, Final

from marshmallow import post_load

from gateway.flows.sources import admin
from gateway.handlers.http import forms, queries, schemas
from gateway.handlers.http.fields import Moment, Truth

if TYPE_CHECKING:
    import datetime
    from collections.abc import Mapping

# A thousand projects with the longest ids, each character of them escaped, and some room.
MAX_SOURCE_BYTES: Final = 2 * 1024 * 1024

_CONFIG: Final = schemas.says(
    "By the JSON Schema of its kind in `/v1/source-kinds`.", {"project_ids": ["2195193"]}
)
_SECRETS: Final = schemas.says(
    "By the JSON Schema of its kind in `/v1/source-kinds`; kept encrypted, in no answer.", {}
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class SourcesAsked(queries.Paging):
    """Which sources to list."""

    kind: str | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class RefusalsAsked(queries.Paging):
    """Which refusals to list."""

    source: str | None = None
    since: datetime.datetime | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class RemovalAsked:
    """How to remove a source."""

    with_cohorts: bool = False


class SourcesQuery(queries.PagingQuery):
    """Query parameters of the list of sources."""

    value: ClassVar[type[object]] = SourcesAsked
    kind = queries.exact("Only sources of this kind.", "mixpanel")


class RefusalsQuery(queries.PagingQuery):
    """Query parameters of the list of refusals."""

    value: ClassVar[type[object]] = RefusalsAsked
    source = queries.exact("Only this source, by its slug.", "default")
    since = Moment(metadata={"description": "Only such as happened at this moment or later."})


class RemovalQuery(queries.Asked):
    """Query parameters of the removal of a source."""

    value: ClassVar[type[object]] = RemovalAsked
    with_cohorts = Truth(
        metadata={"description": "Delete its cohorts, too; without it, a source in use stays."}
    )


class SourceForm(forms.Form):
    """What to change of a source; what is left out stays."""

    name = forms.Line(metadata=schemas.says("What people call it.", "Mixpanel, production"))
    paused = forms.Flag(metadata={"description": "Whether its webhook answers 503 for now."})
    config = forms.Object(metadata=_CONFIG)
    secrets = forms.Object(metadata=_SECRETS)
    notify = forms.notify()

    @post_load
    def _make(self, loaded: Mapping[str, Any], **_: object) -> admin.Changes:
        return admin.Changes(**loaded)


class NewSourceForm(forms.Form):
    """A source to be made."""

    slug = forms.Line(
        required=True,
        metadata=schemas.says("Its name in URLs, for ever: 1 to 64 of a-z, 0-9, - and _.", "shop"),
    )
    kind = forms.Line(
        required=True, metadata=schemas.says("One of `/v1/source-kinds`.", "mixpanel")
    )
    name = forms.Line(metadata=schemas.says("What people call it.", "Mixpanel, production"))
    config = forms.Object(metadata=_CONFIG)
    secrets = forms.Object(metadata=_SECRETS)
    notify = forms.notify()

    @post_load
    def _make(self, loaded: Mapping[str, Any], **_: object) -> admin.Wanted:
        return admin.Wanted(**loaded)
