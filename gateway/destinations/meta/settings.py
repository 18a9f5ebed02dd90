"""What a destination of Meta is set to, and what is to be known of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from gateway.core.fields import Choice, Field, Text
from gateway.destinations import options, settings
from gateway.destinations.facts import Facts, Identifier, Limits, Status
from gateway.destinations.fields import Matched
from gateway.destinations.meta import rows
from gateway.destinations.meta.push import Push

if TYPE_CHECKING:
    from gateway.destinations.adapter import Account, Adapter

ENDPOINT: Final = "https://graph.facebook.com"
# Version 22 ended in February 2026; the official library calls this one.
VERSION: Final = "v26.0"

CONFIG: Final[tuple[Field, ...]] = (
    settings.endpoint(ENDPOINT),
    settings.CONCURRENCY,
    Matched(
        name="account_id",
        title="Ad account",
        description="The id of the ad account, with or without `act_`.",
        pattern="(?:act_)?[0-9]{1,20}",
        required=True,
    ),
    Matched(
        name="version",
        title="Version of the API",
        description="Meta ends a version after about two years.",
        pattern="v[0-9]{1,3}\\.[0-9]{1,2}",
        default=VERSION,
    ),
    Choice(
        name="customer_file_source",
        title="Where the members' data comes from",
        description="What Meta is told of an audience that is created.",
        choices=("USER_PROVIDED_ONLY", "PARTNER_PROVIDED_ONLY", "BOTH_USER_AND_PARTNER_PROVIDED"),
        default="USER_PROVIDED_ONLY",
    ),
)

_TOKEN: Final[dict[str, Any]] = {"secret": True, "max_characters": 4096}

SECRETS: Final[tuple[Field, ...]] = (
    Text(
        name="access_token",
        title="Access token",
        description="Of a system user with ads_management; tokens of people lapse.",
        required=True,
        **_TOKEN,
    ),
    Text(
        name="app_secret",
        title="App secret",
        description="Where the app demands appsecret_proof.",
        optional=True,
        **_TOKEN,
    ),
)

OPTIONS: Final = options.ALL

FACTS: Final = Facts(
    identifiers=(
        *(
            Identifier(
                name=column.name,
                title=column.title,
                description=column.description,
                hashed="SHA-256" if column.is_hashed else "",
            )
            for column in rows.COLUMNS
        ),
        Identifier(
            name="birth_date",
            title="Date of birth",
            description="Sent as birth_year, birth_month and birth_day.",
        ),
    ),
    matching=tuple(frozenset({column.name}) for column in rows.COLUMNS if column.is_strong),
    limits=Limits(members=10_000),
    effects=(
        "puts people into a custom audience, which is created if there is none of that name",
        "creates no profile: Meta matches those it knows",
        "Meta takes up to 24 hours, and offers audiences from about 100 matched people on",
        "Meta deletes audiences that no active ad set has used for two years",
        "written from documents, not tried against the service",
    ),
    status=Status.DOCUMENTED,
)


def connect(account: Account) -> Adapter:
    """Make the adapter of a destination."""
    return Push(account)
