"""A kind of source with secrets, as those of databases will be, for tests."""

from __future__ import annotations

from typing import Final

from gateway.core.fields import Text
from gateway.sources.kinds import Kind


def _field(
    name: str, *, secret: bool = False, required: bool = False, optional: bool = False
) -> Text:
    return Text(
        name=name,
        title=name,
        description=name,
        secret=secret,
        required=required,
        optional=optional,
    )


# Its secrets travel to its host.
DATABASE: Final = Kind(
    name="database",
    title="A database",
    config=(_field("host", required=True), _field("role", optional=True)),
    secrets=(_field("password", secret=True), _field("key", secret=True, optional=True)),
    carriers=frozenset({"host"}),
)
