"""Ids of projects and sessions above 255 bytes are kept as their beginning and their digest."""

from __future__ import annotations

from alembic import op
from sqlalchemy import text

from gateway.core import texts

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Shorten what is there, one at a time: each may have megabytes, and there are hardly any."""
    conn = op.get_bind()
    for find, read, shorten in (
        (_LONG_PROJECTS, _PROJECT, _SHORTEN_PROJECT),
        (_LONG_ERASURES, _ERASURE, _SHORTEN_ERASURE),
    ):
        for number in conn.execute(find).scalars().all():
            whole = conn.execute(read, {"id": number}).scalar_one()
            conn.execute(shorten, {"id": number, "kept": texts.kept_id(whole)})
    for row in conn.execute(_LONG_SESSIONS).all():
        of_one = {"cohort_id": row.cohort_id, "number": row.number}
        whole = conn.execute(_SESSION, of_one).scalar_one()
        conn.execute(_SHORTEN_SESSION, {**of_one, "shown": texts.shown_id(whole)})


_LONG_PROJECTS = text("SELECT id FROM cohorts WHERE octet_length(project_id) > 255")
_PROJECT = text("SELECT project_id FROM cohorts WHERE id = :id")
_SHORTEN_PROJECT = text("UPDATE cohorts SET project_id = :kept WHERE id = :id")

_LONG_ERASURES = text("SELECT id FROM erasures WHERE octet_length(project_id) > 255")
_ERASURE = text("SELECT project_id FROM erasures WHERE id = :id")
_SHORTEN_ERASURE = text("UPDATE erasures SET project_id = :kept WHERE id = :id")

_LONG_SESSIONS = text("SELECT cohort_id, number FROM sessions WHERE octet_length(session_id) > 255")
_SESSION = text("SELECT session_id FROM sessions WHERE cohort_id = :cohort_id AND number = :number")
_SHORTEN_SESSION = text("""
    UPDATE sessions SET session_id = :shown WHERE cohort_id = :cohort_id AND number = :number
""")
