"""Options of a job that kinds have in common, and how adapters read them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from gateway.core.fields import Choice, Field, Text, Texts
from gateway.destinations.normalise import phones

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gateway.destinations.adapter import Target

DEFAULT_COUNTRY: Final = Choice(
    name="default_country",
    title="Country of phone numbers",
    description="Two letters: what a number without a country code is taken to be of.",
    choices=tuple(sorted(phones.REGIONS)),
    optional=True,
)

HASHED: Final = Texts(
    name="hashed",
    title="Hashed already",
    description="Identifiers with values that are SHA-256 already, and are sent as they are.",
    max_items=20,
)

AUDIENCE_NAME: Final = Text(
    name="audience_name",
    title="Name there",
    description="What a list, attribute or tag is called there, instead of the cohort's name.",
    optional=True,
)

AUDIENCE_ID: Final = Text(
    name="audience_id",
    title="Id there",
    description="The id of a list that exists there already.",
    optional=True,
)

ALL: Final[tuple[Field, ...]] = (DEFAULT_COUNTRY, HASHED, AUDIENCE_NAME, AUDIENCE_ID)


def region(options: Mapping[str, object]) -> str | None:
    """Return the country of phone numbers without a country code."""
    found = options.get(DEFAULT_COUNTRY.name)
    return str(found) if found else None


def hashed(options: Mapping[str, object]) -> frozenset[str]:
    """Return the identifiers with values that are hashes already."""
    found = options.get(HASHED.name)
    return frozenset(map(str, found)) if isinstance(found, list | tuple) else frozenset()


def audience_id(options: Mapping[str, object]) -> str:
    """Return the id of an audience that exists already; empty if none is given."""
    return str(options.get(AUDIENCE_ID.name) or "")


def names_audience(target: Target) -> bool:
    """Tell whether the job says itself what it sends to, by an id or a name."""
    return bool(audience_id(target.options) or target.options.get(AUDIENCE_NAME.name))


def name(target: Target) -> str:
    """Return what an audience is called there."""
    return str(target.options.get(AUDIENCE_NAME.name) or target.cohort.name)
