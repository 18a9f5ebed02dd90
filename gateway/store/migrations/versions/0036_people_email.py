"""A person is found by e-mail, whatever the case."""

from __future__ import annotations

from alembic import op

revision = "0036"
down_revision = "0035"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("""
        CREATE INDEX people_email_idx
        ON people (source_id, lower(coalesce(traits ->> 'email', traits ->> '$email')))
        WHERE coalesce(traits ->> 'email', traits ->> '$email') IS NOT NULL
    """)
