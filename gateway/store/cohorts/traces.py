"""Traces across the queue: the contexts that deliveries were accepted in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sqlalchemy import text

if TYPE_CHECKING:
    from sqlalchemy import Connection

# As many links as a span takes (OTEL_SPAN_LINK_COUNT_LIMIT's default); more would be dropped.
MAX_PARENTS: Final = 128


def of_deliveries(conn: Connection, cohort_id: int, *, first: int, last: int) -> list[str]:
    """List the W3C traceparents of the deliveries from `first` to `last` that have one."""
    parameters = {"cohort_id": cohort_id, "first": first, "last": last, "limit": MAX_PARENTS}
    return list(conn.execute(_OF_DELIVERIES, parameters).scalars())


_OF_DELIVERIES = text("""
    SELECT traceparent FROM deliveries
    WHERE cohort_id = :cohort_id AND number BETWEEN :first AND :last AND traceparent IS NOT NULL
    ORDER BY number LIMIT :limit
""")
