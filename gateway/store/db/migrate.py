"""Brings the schema to its newest revision, one process at a time."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

import alembic.command
import alembic.config
from sqlalchemy import exc, text

from gateway.store.db import schema_version

if TYPE_CHECKING:
    from sqlalchemy import Connection

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
    made.set_main_option("script_location", str(schema_version.FOLDER))
    made.set_main_option("path_separator", "os")
    return made


def upgrade(conn: Connection) -> None:
    """Run what is missing, in the caller's transaction, after any other migration under way.

    A newer version's schema stays as it is: this is how one goes back to the version before.
    """
    conn.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": ADVISORY_LOCK})
    if schema_version.current(conn) in schema_version.outdated():
        made = config()
        made.attributes["connection"] = conn
        alembic.command.upgrade(made, "head")


def lock(conn: Connection, table: str) -> None:
    """Take a table for a revision that alters it, without holding up its users meanwhile.

    In PostgreSQL nothing passes a lock that is waited for. Behind a long apply that would be every
    page that comes in, so this waits a second at a time and lets them through in between.
    """
    while not _is_locked(conn, table):
        time.sleep(PAUSE_SECONDS)


def _is_locked(conn: Connection, table: str) -> bool:
    try:
        with conn.begin_nested():
            conn.execute(_LIMIT, {"milliseconds": LOCK_SECONDS * 1000})
            conn.execute(_LOCKS[table])
    except exc.OperationalError as error:
        if getattr(error.orig, "pgcode", None) != LOCK_NOT_AVAILABLE:
            raise
        return False
    return True


_LIMIT = text("SET LOCAL lock_timeout = :milliseconds")

_LOCKS = {
    "api_keys": text("LOCK TABLE api_keys IN ACCESS EXCLUSIVE MODE"),
    "cohorts": text("LOCK TABLE cohorts IN ACCESS EXCLUSIVE MODE"),
    "apply_state": text("LOCK TABLE apply_state IN ACCESS EXCLUSIVE MODE"),
    "sources": text("LOCK TABLE sources IN ACCESS EXCLUSIVE MODE"),
    "deliveries": text("LOCK TABLE deliveries IN ACCESS EXCLUSIVE MODE"),
    "sessions": text("LOCK TABLE sessions IN ACCESS EXCLUSIVE MODE"),
    "syncs": text("LOCK TABLE syncs IN ACCESS EXCLUSIVE MODE"),
    "intake_state": text("LOCK TABLE intake_state IN ACCESS EXCLUSIVE MODE"),
    "loads": text("LOCK TABLE loads IN ACCESS EXCLUSIVE MODE"),
    "rule_states": text("LOCK TABLE rule_states IN ACCESS EXCLUSIVE MODE"),
    "sync_results": text("LOCK TABLE sync_results IN ACCESS EXCLUSIVE MODE"),
    "sync_jobs": text("LOCK TABLE sync_jobs IN ACCESS EXCLUSIVE MODE"),
    "sync_runs": text("LOCK TABLE sync_runs IN ACCESS EXCLUSIVE MODE"),
    "sync_ledger": text("LOCK TABLE sync_ledger IN ACCESS EXCLUSIVE MODE"),
}
