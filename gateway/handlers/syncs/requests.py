"""What requests about destinations may say: schemas, and the frozen values that they load into."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, ClassVar, Final

from marshmallow import post_load

from gateway.flows.syncs import destinations
from gateway.handlers.http import forms, queries, schemas

if TYPE_CHECKING:
    from collections.abc import Mapping

# A description of an API as data, and some room.
MAX_DESTINATION_BYTES: Final = 1024 * 1024

_CONFIG: Final = schemas.says(
    "By the JSON Schema of its kind in `/v1/destination-kinds`.",
    {"url": "https://crm.example.com/hooks/cohorts"},
)
_SECRETS: Final = schemas.says(
    "By the JSON Schema of its kind in `/v1/destination-kinds`; kept encrypted, in no answer.",
    {"secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"},
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class DestinationsAsked(queries.Paging):
    """Which destinations to list."""

    kind: str | None = None


class DestinationsQuery(queries.PagingQuery):
    """Query parameters of the list of destinations."""

    value: ClassVar[type[object]] = DestinationsAsked
    kind = queries.exact("Only destinations of this kind.", "webhook")


class DestinationForm(forms.Form):
    """What to change of a destination; what is left out stays."""

    name = forms.Line(metadata=schemas.says("What people call it.", "CRM, production"))
    paused = forms.Flag(metadata={"description": "Whether nothing is sent there for now."})
    config = forms.Object(metadata=_CONFIG)
    secrets = forms.Object(metadata=_SECRETS)

    @post_load
    def _make(self, loaded: Mapping[str, Any], **_: object) -> destinations.Changes:
        return destinations.Changes(**loaded)


class NewDestinationForm(forms.Form):
    """A destination to be made."""

    slug = forms.Line(
        required=True,
        metadata=schemas.says("Its name in URLs, for ever: 1 to 64 of a-z, 0-9, - and _.", "crm"),
    )
    kind = forms.Line(
        required=True, metadata=schemas.says("One of `/v1/destination-kinds`.", "webhook")
    )
    name = forms.Line(metadata=schemas.says("What people call it.", "CRM, production"))
    config = forms.Object(metadata=_CONFIG)
    secrets = forms.Object(metadata=_SECRETS)

    @post_load
    def _make(self, loaded: Mapping[str, Any], **_: object) -> destinations.Wanted:
        return destinations.Wanted(**loaded)
