"""The changes of all cohorts are told in one order."""

from __future__ import annotations

from alembic import op

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables; what there is of changes is numbered when it is first asked for."""
    op.execute("""
        CREATE TABLE feed (
            position BIGINT NOT NULL,
            cohort BIGINT NOT NULL,
            first_seq BIGINT NOT NULL,
            last_seq BIGINT NOT NULL,
            CONSTRAINT feed_pkey PRIMARY KEY (position)
        )
    """)
    op.execute("""
        CREATE TABLE feed_heads (
            cohort BIGINT NOT NULL,
            last_seq BIGINT NOT NULL,
            CONSTRAINT feed_heads_pkey PRIMARY KEY (cohort)
        )
    """)
    op.execute("""
        CREATE TABLE feed_state (
            id SMALLINT NOT NULL,
            position BIGINT NOT NULL,
            dropped BIGINT NOT NULL,
            CONSTRAINT feed_state_pkey PRIMARY KEY (id)
        )
    """)
    op.execute("INSERT INTO feed_state (id, position, dropped) VALUES (1, 0, 0)")
