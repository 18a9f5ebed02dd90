"""A page at which worker after worker is killed, as the kernel does when memory runs out."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

from sqlalchemy import text

from gateway.flows.cohorts.step import MAX_LOST
from tests import stack
from tests.model import book
from tests.model.sender import ADD

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gateway.store.db.engine import Pool
    from tests.model.desk import Desk


def test_worker__killed_again_and_again_at_one_page__gets_it_blocked(
    desk: Desk, pool: Pool, environ: dict[str, str]
) -> None:
    bad = desk.send(ADD, "s", "a", page=(1, 2))
    desk.send(ADD, "s", "b", page=(2, 2))
    words = [sys.executable, "-m", "tests.workers.peak", str(bad.cohort_id)]
    with stopping_at_a(pool):
        for _ in range(MAX_LOST):
            worker = subprocess.Popen(words, env=environ, stdout=subprocess.DEVNULL)
            stack.until(lambda: is_stopped(pool))
            worker.send_signal(signal.SIGKILL)
            worker.wait()
            stack.until(lambda: not is_stopped(pool))
        assert desk.members(bad) == "b"
    assert book.blocked(pool, bad.cohort_id) == [1]


@contextlib.contextmanager
def stopping_at_a(pool: Pool) -> Iterator[None]:
    """Hold up whoever makes `a` a member."""
    with pool.begin() as conn:
        conn.execute(_STOP)
        conn.execute(_WHENEVER_MADE_MEMBER)
    try:
        yield
    finally:
        with pool.begin() as conn:
            conn.execute(text("DROP FUNCTION stop() CASCADE"))


def is_stopped(pool: Pool) -> bool:
    with pool.read() as conn:
        return bool(conn.execute(_IS_STOPPED).scalar_one())


_STOP = text("""
    CREATE FUNCTION stop() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN PERFORM pg_sleep(600); RETURN new; END $$
""")

_WHENEVER_MADE_MEMBER = text("""
    CREATE TRIGGER stop BEFORE INSERT ON memberships
    FOR EACH ROW WHEN (new.member_id = 'a') EXECUTE FUNCTION stop()
""")

_IS_STOPPED = text("""
    SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND wait_event = 'PgSleep'
""")
