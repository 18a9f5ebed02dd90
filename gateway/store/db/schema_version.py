"""Revisions: the states that the schema went through, and which of them a database is at.

Only migrating needs Alembic; every other process needs no more than this, and starts sooner.
"""

from __future__ import annotations

import pathlib
from typing import TYPE_CHECKING

from sqlalchemy import text

if TYPE_CHECKING:
    from sqlalchemy import Connection

FOLDER = pathlib.Path(__file__).parent.parent / "migrations"


def known() -> tuple[str, ...]:
    """Name the revisions that this code knows, oldest first: their files begin with them."""
    files = (FOLDER / "versions").glob("[0-9]*.py")
    return tuple(sorted(file.name.partition("_")[0] for file in files))


def head() -> str:
    """Name the newest revision that this code knows."""
    return known()[-1]


def outdated() -> frozenset[str | None]:
    """Name what a database may be at for a migration to be pending: nothing, or before the head.

    A revision that this code does not know is a newer version's. Revisions only ever add what older
    code does without, so that one version can serve while the next one takes over.
    """
    return frozenset({None, *known()[:-1]})


def current(conn: Connection) -> str | None:
    """Name the revision that the database is at; None for an empty one."""
    if not conn.execute(_EXISTS).scalar_one():
        return None
    revision: str | None = conn.execute(_CURRENT).scalar_one_or_none()
    return revision


_EXISTS = text("SELECT to_regclass('alembic_version') IS NOT NULL")

_CURRENT = text("SELECT version_num FROM alembic_version")
