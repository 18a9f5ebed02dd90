"""What every kind of destination is set to, beside its own."""

from __future__ import annotations

from typing import Final

from gateway.core.fields import Url, Whole

CONCURRENCY: Final = Whole(
    name="concurrency",
    title="Requests at once",
    description="How many requests to this destination may be under way, of all jobs together.",
    least=1,
    most=64,
    default=4,
)


def endpoint(default: str | None) -> Url:
    """Declare the base of a kind's addresses; without a default it must be given."""
    return Url(
        name="endpoint",
        title="Endpoint",
        description="The base of its addresses, for regional hosts, proxies and tests.",
        required=default is None,
        default=default,
    )
