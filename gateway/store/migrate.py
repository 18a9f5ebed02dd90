"""Brings the schema to its newest revision, one process at a time."""

from __future__ import annotations

import pathlib
import time
from typing import TYPE_CHECKING, Final

import alembic.command
import alembic.config
from alembic import script
from alembic.runtime import migration
from sqlalchemy import exc, text

if TYPE_CHECKING:
    from sqlalchemy import Connection

FOLDER = pathlib.Path(__file__).parent / "migrations"

# Any constant does, as long as every version of this software uses the same one.
ADVISORY_LOCK = 7_233_401_122

# How long pages may be held up behind a migration that waits for its turn, and how long it lets
# them through before it tries again.
LOCK_SECONDS: Final = 1
PAUSE_SECONDS: Final = 0.5
LOCK_NOT_AVAILABLE: Final = "55P03"


def config() -> alembic.config.Config:
    """Describe the migrations to Alembic; no ini file is needed."""
    made = alembic.config.Config()
    made.set_main_option("script_location", str(FOLDER))
    made.set_main_option("path_separator", "os")
    return made


def head() -> str:
    """Name the newest revision that this code knows."""
    (revision,) = script.ScriptDirectory.from_config(config()).get_heads()
    return revision


def outdated() -> frozenset[str | None]:
    """Name what a database may be at for a migration to be pending: nothing, or before the head.

    A revision that this code does not know is a newer version's. Revisions only ever add what older
    code does without, so that one version can serve while the next one takes over.
    """
    known = {one.revision for one in script.ScriptDirectory.from_config(config()).walk_revisions()}
    return frozenset({None, *known} - {head()})


def current(conn: Connection) -> str | None:
    """Name the revision that the database is at; None for an empty one."""
    return migration.MigrationContext.configure(conn).get_current_revision()


def upgrade(conn: Connection) -> None:
    """Run what is missing, in the caller's transaction, after everyone else who is at it.

    A newer version's schema stays as it is: this is how one goes back to the version before.
    """
    conn.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": ADVISORY_LOCK})
    if current(conn) in outdated():
        made = config()
        made.attributes["connection"] = conn
        alembic.command.upgrade(made, "head")


def lock(conn: Connection, table: str) -> None:
    """Take a table for a revision that alters it, without holding up whoever uses it meanwhile.

    PostgreSQL lets nobody past a lock that is waited for. Behind a long apply that would be every
    page that comes in, so this waits a second at a time and lets them through in between.
    """
    while not _is_locked(conn, table):
        time.sleep(PAUSE_SECONDS)


def _is_locked(conn: Connection, table: str) -> bool:
    try:
        with conn.begin_nested():
            conn.execute(_LIMIT, {"limit": f"{LOCK_SECONDS}s"})
            conn.execute(_LOCKS[table])
    except exc.OperationalError as error:
        if getattr(error.orig, "pgcode", None) != LOCK_NOT_AVAILABLE:
            raise
        return False
    return True


_LIMIT = text("SELECT set_config('lock_timeout', :limit, true)")

_LOCKS = {
    "apply_state": text("LOCK TABLE apply_state IN ACCESS EXCLUSIVE MODE"),
    "deliveries": text("LOCK TABLE deliveries IN ACCESS EXCLUSIVE MODE"),
}
