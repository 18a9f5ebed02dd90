"""`python -m tests.workers.leasing SECONDS MODE`: does leased work as a process of ours would.

It waits for work, says which claim it has, and then `hangs` for ever, `waits` for a line on its
standard input before it writes, or `writes` at once. Work that has killed too many is `ended`.
"""

from __future__ import annotations

import os
import sys
import threading
import time

import structlog
from sqlalchemy import text

from gateway import errors
from gateway.flows import leases as flow
from gateway.store.db import leases
from gateway.store.db.engine import Pool
from gateway.store.db.leases import Died, Lease

KIND = "test"


def main(seconds: float, mode: str) -> str:
    """Do one piece of work; returns how it ended."""
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    pool, beating = (
        Pool(os.environ["DATABASE_URL"], name=name, size=1, limit_seconds=60)
        for name in ("work", "beat")
    )
    while True:
        lease = flow.claim(pool, KIND, holder=str(os.getpid()), lease_seconds=seconds)
        if lease is not None:
            break
        time.sleep(0.05)
    _say(f"claimed {lease.token}")
    if isinstance(lease, Died):
        with pool.begin() as conn:
            leases.finish(conn, lease)
        return "ended"
    with flow.keeping(
        pool, lease, beating=beating, every_seconds=seconds / 4, lease_seconds=seconds
    ) as keeper:
        return _work(keeper, lease, mode)


def _work(keeper: flow.Keeper, lease: Lease, mode: str) -> str:
    if mode == "hangs":
        threading.Event().wait()
    if mode == "waits":
        sys.stdin.readline()
    try:
        with keeper.writing() as conn:
            conn.execute(_WRITE, {"token": lease.token})
            leases.finish(conn, lease)
    except errors.LeaseLost:
        return "lost"
    return "written"


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


_WRITE = text("INSERT INTO chores (name, begun_at, after) VALUES ('written', now(), :token)")


if __name__ == "__main__":
    _say(main(float(sys.argv[1]), sys.argv[2]))
