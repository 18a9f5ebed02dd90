"""Every series that a web process keeps itself; what must be exact is counted in Postgres."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client import Counter, Histogram

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

_REFUSED = Counter(
    "gateway_webhook_refused_requests",
    "Webhook requests answered with a failure, by HTTP status.",
    ["status"],
)

_ACCEPT_SECONDS = Histogram(
    "gateway_webhook_accept_seconds",
    "Time from a complete, parsed body to its commit.",
    buckets=(0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)


def webhook_refused(status: int) -> None:
    """Count a webhook request that was answered with a failure."""
    _REFUSED.labels(str(status)).inc()


def accepting() -> AbstractContextManager[object]:
    """Time the accepting of a page."""
    return _ACCEPT_SECONDS.time()
