"""What a destination of Google is set to, and what is to be known of it."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Final

from gateway.core import fields
from gateway.core.fields import Choice, Field
from gateway.destinations import options, settings
from gateway.destinations.facts import Facts, Identifier, Limits, Replaces, Status
from gateway.destinations.fields import Matched
from gateway.destinations.google import push

if TYPE_CHECKING:
    from gateway.destinations.adapter import Account, Adapter

_NUMBER: Final = "[0-9][0-9-]{0,24}"
_TYPES: Final = ("GOOGLE_ADS", "DISPLAY_VIDEO_ADVERTISER", "DISPLAY_VIDEO_PARTNER", "DATA_PARTNER")

CONFIG: Final[tuple[Field, ...]] = (
    settings.endpoint(push.ENDPOINT),
    settings.CONCURRENCY,
    Matched(
        name="account_id",
        title="Account",
        description="The customer id of the account that has the list, like 123-456-7890.",
        pattern=_NUMBER,
        required=True,
    ),
    Choice(
        name="account_type",
        title="Type of the account",
        description="Where the account is.",
        choices=_TYPES,
        default="GOOGLE_ADS",
    ),
    Matched(
        name="login_account_id",
        title="Manager account",
        description="The account that signs in, where it is another.",
        pattern=_NUMBER,
        optional=True,
    ),
    Choice(
        name="login_account_type",
        title="Type of the manager account",
        description="Where the account is that signs in.",
        choices=_TYPES,
        default="GOOGLE_ADS",
    ),
)


_secret: Final = functools.partial(fields.secret, most=8192)

SECRETS: Final[tuple[Field, ...]] = (
    _secret("client_id", "Client id", "Of the OAuth client, with the next two."),
    _secret("client_secret", "Client secret", "Of the OAuth client."),
    _secret("refresh_token", "Refresh token", "For the scope datamanager."),
    _secret("service_account", "Service account", "Instead of the others: its key, as JSON."),
)

OPTIONS: Final = options.ALL

FACTS: Final = Facts(
    identifiers=(
        Identifier(
            name="email",
            title="E-mail",
            description="SHA-256 of the normalised value.",
            hashed="SHA-256",
        ),
        Identifier(
            name="phone",
            title="Phone",
            description="SHA-256 of the normalised value.",
            hashed="SHA-256",
        ),
        Identifier(
            name="first_name",
            title="First name",
            description="SHA-256; of an address.",
            hashed="SHA-256",
        ),
        Identifier(
            name="last_name",
            title="Last name",
            description="SHA-256; of an address.",
            hashed="SHA-256",
        ),
        Identifier(name="country", title="Country", description="Two letters; of an address."),
        Identifier(name="zip", title="Postal code", description="As it is; of an address."),
        Identifier(name="mobile_id", title="Mobile id", description="As it is, in its own list."),
        Identifier(name="user_id", title="User id", description="As it is, in its own list."),
    ),
    matching=(
        frozenset({"email"}),
        frozenset({"phone"}),
        frozenset({"first_name", "last_name", "country", "zip"}),
        frozenset({"mobile_id"}),
        frozenset({"user_id"}),
    ),
    limits=Limits(members=10_000, requests=300, per_seconds=60.0),
    effects=(
        "puts people into a user list, which is created if there is none of that name",
        "tells Google that the terms of Customer Match are accepted",
        "membership ends after 540 days, and is sent again before",
        "resync removes all others from the list, also those that were added elsewhere",
        "written from documents, not tried against the service",
    ),
    status=Status.DOCUMENTED,
    replaces=Replaces.RESYNC,
    refresh_days=500,
)


def connect(account: Account) -> Adapter:
    """Make the adapter of a destination."""
    return push.Push(account)
