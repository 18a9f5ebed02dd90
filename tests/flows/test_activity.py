"""What Postgres is busy with: seen, ended, and its password changed without being sent."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from gateway import errors
from gateway.flows.health import activity
from gateway.store.db.engine import Pool
from gateway.store.health import activity as rows


def test_look__at_a_server_where_one_session_waits__shows_for_which(pool: Pool) -> None:
    with pool.engine.connect() as holder, pool.begin() as conn:
        holder.execute(sa.text("LOCK TABLE api_keys IN ACCESS EXCLUSIVE MODE"))
        pid = holder.execute(sa.text("SELECT pg_backend_pid()")).scalar_one()
        found = rows.transactions(conn)
        assert [(one.pid, one.state) for one in found if one.pid == pid] == [
            (pid, "idle in transaction")
        ]
    seen = activity.look(pool)
    assert sum(one.count for one in seen.connections) >= 1
    assert len(seen.tables) == activity.LARGEST
    sizes = [one.bytes for one in seen.tables]
    assert sizes == sorted(sizes, reverse=True)


def test_end__of_another_session__rolls_it_back(pool: Pool) -> None:
    with pool.engine.connect() as holder:
        pid = holder.execute(sa.text("SELECT pg_backend_pid()")).scalar_one()
        activity.end(pool, pid)
        with pytest.raises(sa.exc.DBAPIError):
            holder.execute(sa.text("SELECT 1"))
        holder.invalidate()
    with pytest.raises(errors.NotFound, match=str(pid)):
        activity.end(pool, pid)


def test_password__of_the_role__is_kept_as_a_verifier(pool: Pool) -> None:
    stored = sa.text("SELECT rolpassword FROM pg_authid WHERE rolname = current_user")
    # Opened while the password is the known one: a new connection could not be, until it is again.
    with pool.begin() as conn:
        before = conn.execute(stored).scalar_one_or_none()
        activity.set_password(pool, "sesame's")
        kept = conn.execute(stored).scalar_one()
        if before is not None:
            conn.execute(sa.text("ALTER ROLE CURRENT_USER PASSWORD :before"), {"before": before})
    assert kept.startswith("SCRAM-SHA-256$")
    assert kept != before
