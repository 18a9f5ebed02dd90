"""The write-ahead log: how much of it a sync writes, and how much of that for the memberships."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

from sqlalchemy import Connection, text

from bench.subject import Subject


def written(one: Subject) -> int:
    """Return where the log ends, in bytes."""
    with one.pool.read() as conn:
        return int(conn.execute(_END).scalar_one())


@contextlib.contextmanager
def of_memberships(one: Subject) -> Iterator[Callable[[], int]]:
    """Lend a function that tells how many bytes were logged of `memberships` since the beginning.

    Of the table, its index, and what is kept outside of both. It begins with a VACUUM, so that what
    earlier syncs left to be tidied up is not counted.
    """
    with one.pool.read() as conn:
        conn.execute(text("CREATE EXTENSION IF NOT EXISTS pg_walinspect"))
        conn.execute(text("VACUUM memberships"))
        begin = conn.execute(_POSITION).scalar_one()

        def count() -> int:
            return _logged(conn, begin)

        yield count


def _logged(conn: Connection, begin: str) -> int:
    return int(conn.execute(_LOGGED, {"begin": begin}).scalar_one())


_END = text("SELECT CAST(pg_current_wal_lsn() - '0/0' AS bigint)")

_POSITION = text("SELECT CAST(pg_current_wal_insert_lsn() AS text)")

_LOGGED = text("""
    SELECT coalesce(sum(record_length), 0)
    FROM (SELECT DISTINCT start_lsn, record_length
          FROM pg_get_wal_block_info(
              CAST(:begin AS pg_lsn), pg_current_wal_flush_lsn(), show_data => false)
          WHERE relfilenode IN (
              SELECT pg_relation_filenode(c.oid) FROM pg_class c
              WHERE c.oid = CAST('memberships' AS regclass)
                 OR c.oid IN (SELECT reltoastrelid FROM pg_class
                              WHERE oid = CAST('memberships' AS regclass))
                 OR c.oid IN (SELECT indexrelid FROM pg_index
                              WHERE indrelid = CAST('memberships' AS regclass)))) records
""")
