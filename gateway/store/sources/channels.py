"""Channels of sources: where notices of each, and of its cohorts, go."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection


def put(conn: Connection, slug: str, names: Sequence[str] | None) -> None:
    """Set the channels of a source; None for `default`."""
    named = None if names is None else list(names)
    conn.execute(_PUT, {"slug": slug, "notify": named})


_PUT = text("""
    UPDATE sources SET notify = CAST(:notify AS text[]) WHERE slug = :slug AND removed_at IS NULL
""")
