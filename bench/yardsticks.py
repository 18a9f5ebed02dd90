"""The limits of this machine, measured in the same run: what COPY stores, what HTTP answers."""

from __future__ import annotations

import functools
import io
import time
from collections.abc import Callable, Iterable
from typing import Final

from sqlalchemy import TextClause, text

from bench import payload, wire
from bench.subject import Subject
from bench.wire import Served
from gateway.store.db.engine import Pool

_CREATE: Final = text("CREATE TABLE yardstick (LIKE memberships INCLUDING ALL)")
_COPY: Final = """
    COPY yardstick (cohort_id, member_id, session, entered_at, distinct_id, email, first_name,
                    last_name, phone, properties) FROM STDIN
"""


# Rows that are written as texts before they become bytes, which take a third of the memory.
_AT_ONCE: Final = 100_000

Rows = Callable[[Iterable[int]], Iterable[str]]


def copied_per_second(pool: Pool, members: int, rows: Rows = payload.rows) -> float:
    """Rows a second that one COPY puts into a table like `memberships`, ids in random order."""
    return members / copied(pool, _CREATE, _COPY, _lines(members, rows))


def copied(pool: Pool, create: TextClause, copy: str, lines: bytes) -> float:
    """Seconds that one COPY takes to put lines into a new table `yardstick`."""
    with pool.begin() as conn:
        conn.execute(text("DROP TABLE IF EXISTS yardstick"))
        conn.execute(create)
    began = time.perf_counter()
    with pool.begin() as conn:
        conn.connection.cursor().copy_expert(copy, io.BytesIO(lines))
    seconds = time.perf_counter() - began
    with pool.begin() as conn:
        conn.execute(text("DROP TABLE yardstick"))
    return seconds


@functools.lru_cache(maxsize=1)
def _lines(members: int, rows: Rows) -> bytes:
    starts = range(0, members, _AT_ONCE)
    parts = (range(start, min(start + _AT_ONCE, members)) for start in starts)
    return b"".join("".join(rows(part)).encode() for part in parts)


def static_route(subject: Subject, *, seconds: float, connections: int) -> Served:
    """Ask for a route of the same application that does nothing."""
    requests = wire.repeated([wire.get("/healthz", key="none")], seconds=seconds)
    return wire.serve(subject.stack.port, requests, connections=connections)
