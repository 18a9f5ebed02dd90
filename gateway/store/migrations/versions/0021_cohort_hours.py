"""A cohort has a row for each hour in which its members changed, for the curve of its size."""

from __future__ import annotations

from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make an empty table: the curves begin with the next change."""
    op.execute("""
        CREATE TABLE cohort_hours (
            cohort_id BIGINT NOT NULL,
            hour TIMESTAMP WITH TIME ZONE NOT NULL,
            members BIGINT NOT NULL,
            entered BIGINT NOT NULL,
            exited BIGINT NOT NULL,
            CONSTRAINT cohort_hours_pkey PRIMARY KEY (cohort_id, hour)
        )
    """)
    op.execute("CREATE INDEX cohort_hours_hour_idx ON cohort_hours (hour)")
