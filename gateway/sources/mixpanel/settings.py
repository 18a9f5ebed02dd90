"""What an operator sets of a Mixpanel source."""

from __future__ import annotations

from typing import Final

from gateway.core.fields import Field, Text, Texts

MAX_PROJECTS: Final = 1000

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
)
