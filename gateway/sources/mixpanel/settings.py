"""What an operator sets of a Mixpanel source."""

from __future__ import annotations

from typing import Final

from gateway.core.fields import Field, Parts, Text, Texts, Url

MAX_PROJECTS: Final = 1000

IMPORT: Final = Parts(
    name="import",
    title="Forwarding of actions",
    description="The project that recorded actions are sent to as events; empty for none.",
    fields=(
        Text(
            name="project_id",
            title="Project id",
            description="Of the project that receives the events.",
            required=True,
        ),
        Text(
            name="service_account",
            title="Service account",
            description="Its user name; at that project it must be an owner or an admin.",
            required=True,
        ),
        Url(
            name="endpoint",
            title="Endpoint",
            description="The host of the project's region: https://api-eu.mixpanel.com for the EU,"
            " https://api-in.mixpanel.com for India.",
            default="https://api.mixpanel.com",
        ),
    ),
)
IMPORT_SECRET: Final = Text(
    name="import_secret",
    title="Secret of the service account",
    description="What Mixpanel showed when the service account was made.",
    optional=True,
    secret=True,
)
SECRETS: Final[tuple[Field, ...]] = (IMPORT_SECRET,)
CARRIERS: Final = frozenset({f"{IMPORT.name}.endpoint"})

CONFIG: Final[tuple[Field, ...]] = (
    Text(
        name="identity_property",
        title="Identity property",
        description="The property that holds the member id; without one, Mixpanel's distinct id.",
        optional=True,
    ),
    Texts(
        name="project_ids",
        title="Projects",
        description="The only projects that may post; empty for any.",
        max_items=MAX_PROJECTS,
    ),
    IMPORT,
)
