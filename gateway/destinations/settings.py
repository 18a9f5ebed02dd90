"""What every kind of destination is set to, beside its own."""

from __future__ import annotations

import datetime
import email.utils
from typing import TYPE_CHECKING, Final

from gateway.core.fields import Url, Whole

if TYPE_CHECKING:
    from collections.abc import Mapping

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


def retry_after(headers: Mapping[str, str], *, now: datetime.datetime) -> float | None:
    """Read how long a server asks to wait, in seconds; None if it does not say."""
    text = headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit():
        return float(text)
    try:
        at = email.utils.parsedate_to_datetime(text)
    except ValueError:
        return None
    aware = at if at.tzinfo is not None else at.replace(tzinfo=datetime.UTC)
    return max(0.0, (aware - now).total_seconds())
