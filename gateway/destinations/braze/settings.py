"""What a destination of Braze is set to, and what is to be known of it."""

from __future__ import annotations

import dataclasses
import functools
from typing import TYPE_CHECKING, Any, Final

from gateway.core import fields
from gateway.core.fields import Choice, Field, Text
from gateway.destinations import options, settings
from gateway.destinations.braze import attributes, cohorts
from gateway.destinations.braze.attributes import Attributes
from gateway.destinations.braze.cohorts import Cohorts
from gateway.destinations.braze.push import Push
from gateway.destinations.facts import Facts, Identifier, Limits, Status
from gateway.destinations.fields import Matched

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gateway.destinations.adapter import Account, Adapter

PARTNER_COHORTS: Final = "partner_cohorts"
USER_ATTRIBUTES: Final = "user_attributes"

CONFIG: Final[tuple[Field, ...]] = (
    dataclasses.replace(
        settings.endpoint(None),
        description=(
            "The REST endpoint of the instance: https://rest.iad-01.braze.com to iad-08,"
            " https://rest.fra-01.braze.eu to fra-03, or https://rest.au-01.braze.com."
        ),
    ),
    settings.CONCURRENCY,
    Choice(
        name="api",
        title="API",
        description=(
            "The cohort import of partners, or an array attribute of users; by default as the"
            " secrets say."
        ),
        choices=(PARTNER_COHORTS, USER_ATTRIBUTES),
        optional=True,
    ),
    Matched(
        name="partner",
        title="Partner",
        description="The name that Braze gave to the partner, for the cohort import.",
        pattern="[A-Za-z0-9_-]{1,100}",
        default="cohort_gateway",
    ),
    Matched(
        name="attribute",
        title="Attribute",
        description="The array attribute that has the cohorts of a user.",
        pattern="[A-Za-z][A-Za-z0-9_ ]{0,99}",
        default="cohorts",
    ),
    Text(
        name="alias_label",
        title="Label of aliases",
        description="What aliases are of, where they are mapped.",
        default="cohort_gateway",
    ),
)


_secret: Final = functools.partial(fields.secret, most=1024)

SECRETS: Final[tuple[Field, ...]] = (
    _secret("partner_api_key", "Partner API key", "From Braze to the partner, one a region."),
    _secret("client_secret", "Data import key", "From the customer's dashboard."),
    _secret("api_key", "REST API key", "With users.track, for the attribute."),
)

OPTIONS: Final = (options.AUDIENCE_NAME, options.AUDIENCE_ID)

_IDENTIFIERS: Final = (
    Identifier(name="external_id", title="External id", description="As it is."),
    Identifier(name="alias", title="Alias", description="As it is, with the label of the config."),
    Identifier(name="device_id", title="Device id", description="As it is; partner cohorts only."),
    Identifier(name="email", title="E-mail", description="Lower case; attributes only."),
)

FACTS: Final = Facts(
    identifiers=_IDENTIFIERS,
    matching=tuple(frozenset({one.name}) for one in _IDENTIFIERS),
    # What both APIs take.
    limits=Limits(members=attributes.MAX_OBJECTS, requests=3000, per_seconds=3.0),
    effects=(
        "leaves out users that Braze does not know: none is created",
        "of each member one identifier is sent, the first that it has",
        "of attributes, each change of a member costs a data point",
        "written from documents, not tried against the service",
    ),
    status=Status.DOCUMENTED,
)


def facts_of(config: Mapping[str, object]) -> Facts:
    """Tell what is to be known of a destination by the API it speaks."""
    known: dict[object, tuple[tuple[str, ...], Limits]] = {
        PARTNER_COHORTS: (cohorts.IDENTIFIERS, Limits(members=cohorts.MAX_IDS)),
        USER_ATTRIBUTES: (attributes.IDENTIFIERS, FACTS.limits),
    }
    names, limits = known.get(
        config.get("api"), (tuple(one.name for one in _IDENTIFIERS), FACTS.limits)
    )
    return dataclasses.replace(
        FACTS,
        identifiers=tuple(one for one in _IDENTIFIERS if one.name in names),
        matching=tuple(frozenset({name}) for name in names),
        limits=limits,
    )


def connect(account: Account) -> Adapter:
    """Make the adapter of a destination."""
    api: Any = account.config.get("api")
    if api is None:
        api = PARTNER_COHORTS if account.secrets.get("partner_api_key") else USER_ATTRIBUTES
    return Push(account, Cohorts(account) if api == PARTNER_COHORTS else Attributes(account))
