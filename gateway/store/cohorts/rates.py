"""How many requests a source has made in the current second, over all processes and machines."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import text

if TYPE_CHECKING:
    from sqlalchemy import Connection


def count(conn: Connection, source_id: int, *, second: int) -> int:
    """Count one more request in a second of the clock and return how many it has had."""
    parameters = {"source_id": source_id, "second": second}
    return int(conn.execute(_COUNT, parameters).scalar_one())


_COUNT = text("""
    INSERT INTO rate_windows (source_id, second, requests) VALUES (:source_id, :second, 1)
    ON CONFLICT (source_id) DO UPDATE
    SET requests = CASE WHEN rate_windows.second = excluded.second
                        THEN rate_windows.requests + 1 ELSE 1 END,
        second = excluded.second
    RETURNING requests
""")
