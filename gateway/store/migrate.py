"""Brings the schema to its newest revision, one process at a time."""

from __future__ import annotations

import pathlib
from typing import TYPE_CHECKING

import alembic.command
import alembic.config
from alembic import script
from alembic.runtime import migration
from sqlalchemy import text

if TYPE_CHECKING:
    from sqlalchemy import Connection

FOLDER = pathlib.Path(__file__).parent / "migrations"

# Any constant does, as long as every version of this software uses the same one.
ADVISORY_LOCK = 7_233_401_122


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


def current(conn: Connection) -> str | None:
    """Name the revision that the database is at; None for an empty one."""
    return migration.MigrationContext.configure(conn).get_current_revision()


def upgrade(conn: Connection) -> None:
    """Run what is missing, in the caller's transaction, after everyone else who is at it."""
    conn.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": ADVISORY_LOCK})
    made = config()
    made.attributes["connection"] = conn
    alembic.command.upgrade(made, "head")
