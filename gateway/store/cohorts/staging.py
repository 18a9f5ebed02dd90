"""Staged members: the rosters of some pages, copied into a temporary table of the transaction.

Rows keep the order they were copied in, so of several for one member the last one counts; a heap
that was empty and only appended to stores them in that order, and `ctid` tells it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from sqlalchemy import Connection

# The driver's own pieces are of 8 KiB.
_PIECE_BYTES = 256 * 1024
# So many lines are joined before they are sent: one by one would cost more than they do.
_LINES_AT_ONCE = 1000

LATEST = "SELECT DISTINCT ON (member_id) * FROM staging ORDER BY member_id, ctid DESC"


def prepare(conn: Connection) -> None:
    """Make sure that this connection has its temporary tables; they are empty at each commit.

    Created per connection and not per transaction, which would bloat the system catalogue, and
    with IF NOT EXISTS, so that a pooler may hand out any connection.
    """
    conn.execute(_TABLES)


def copy(conn: Connection, rosters: Iterable[bytes]) -> None:
    """Add rosters in the order given."""
    prepare(conn)
    copy_in(conn, "COPY staging FROM STDIN", rosters)


def copy_in(conn: Connection, copy_statement: str, pieces: Iterable[bytes]) -> None:
    """Run a COPY from here; `pieces` are as it reads them, cut anywhere, and taken one by one."""
    cursor = conn.connection.cursor()
    cursor.copy_expert(copy_statement, Reader(pieces), size=_PIECE_BYTES)
    cursor.close()


def lines(some: Sequence[bytes], *, start: bytes = b"") -> Iterator[bytes]:
    """Write lines, each of them after `start`, as pieces of which none is much longer than one."""
    between = b"\n" + start
    for first in range(0, len(some), _LINES_AT_ONCE):
        yield start
        yield between.join(some[first : first + _LINES_AT_ONCE])
        yield b"\n"


class Reader:
    """A file that is made while it is read, so that what goes to Postgres is never here at once."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = iter(pieces)
        self._rest = memoryview(b"")

    def read(self, size: int) -> bytes:
        """Return the next bytes, at most `size`; none at the end."""
        found = []
        while size > 0:
            if not self._rest:
                piece = next(self._pieces, None)
                if piece is None:
                    break
                self._rest = memoryview(piece)
            found.append(self._rest[:size])
            size -= len(found[-1])
            self._rest = self._rest[len(found[-1]) :]
        return b"".join(found)


def analyze(conn: Connection) -> None:
    """Tell the planner how much is staged; without it a large comparison may never end."""
    conn.execute(_SMALL_SAMPLE)
    conn.execute(_ANALYZE)


_TABLES = text("""
    CREATE TEMPORARY TABLE IF NOT EXISTS staging (
        member_id text COLLATE "C" NOT NULL,
        distinct_id text, email text, first_name text, last_name text, phone text,
        properties jsonb
    ) ON COMMIT DELETE ROWS;

    CREATE TEMPORARY TABLE IF NOT EXISTS differences (
        cohort_id bigint NOT NULL,
        kind text NOT NULL,
        place tid,
        member_id text COLLATE "C" NOT NULL,
        distinct_id text, email text, first_name text, last_name text, phone text,
        properties jsonb
    ) ON COMMIT DELETE ROWS
""")

# What matters is how many there are, and that ids differ: 3,000 of them tell. All columns of 30,000
# took 150 ms.
_SMALL_SAMPLE = text("SET LOCAL default_statistics_target = 10")

_ANALYZE = text("ANALYZE staging (member_id)")
