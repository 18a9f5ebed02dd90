"""What each session with Postgres is asked for: its time limits, and what texts mean in it.

Asked for while it opens; in each transaction where a pooler lends sessions that do not have it.
"""

from __future__ import annotations

import dataclasses
import re
from typing import TYPE_CHECKING, Final, cast

from psycopg2 import sql

from gateway import startup

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import psycopg2.extensions
    from sqlalchemy import Connection

# Settings with a list of names as their text: as one text it would be one name.
_LISTS: Final = frozenset({"search_path", "temp_tablespaces", "datestyle"})
_LISTED: Final = re.compile(r'"((?:[^"]|"")*)"|([^\s,]+)')


@dataclasses.dataclass(frozen=True, kw_only=True)
class Limits:
    """What Postgres allows in milliseconds: a statement, a wait for a lock, a silence."""

    statement_ms: int
    lock_ms: int
    idle_ms: int


class Wishes:
    """What the sessions of a pool are asked for: our settings, and those of the URL."""

    def __init__(self, limits: Limits, given: Mapping[str, str]) -> None:
        values = (limits.statement_ms, limits.lock_ms, limits.idle_ms)
        limited = dict(zip(startup.LIMITS, map(str, values), strict=True))
        # In a place of its own as well: what takes no options still takes this.
        self.encoding = startup.MEANING["client_encoding"]
        self.options = startup.write({**given, **limited, **startup.MEANING, **startup.PRESENCE})
        self._limits = limits
        self._meaning = {f"meaning_{name}": text for name, text in startup.MEANING.items()}
        self._imposed = {**given, **limited, **startup.MEANING}
        self._imposing: str | None = None

    def come_true(self, connection: psycopg2.extensions.connection) -> bool:
        """Tell whether a new session has all of it."""
        with connection.cursor() as cursor:
            cursor.execute(_COME_TRUE, {**dataclasses.asdict(self._limits), **self._meaning})
            return cursor.fetchone() == (True,)

    def impose(self, conn: Connection) -> None:
        """Give a transaction all of it, before it does anything else."""
        cursor = cast("psycopg2.extensions.cursor", conn.connection.cursor())
        if self._imposing is None:
            self._imposing = sql.Composed(_imposing(self._imposed)).as_string(cursor)
        cursor.execute(self._imposing)


def _imposing(settings: Mapping[str, str]) -> Iterator[sql.Composable]:
    """Yield statements that need no snapshot: one would fix the transaction's isolation."""
    # What a new transaction begins with is decided by then.
    yield sql.SQL("SET TRANSACTION ISOLATION LEVEL READ COMMITTED")
    for name, value in settings.items():
        if name != "default_transaction_isolation":
            yield sql.SQL("; SET LOCAL ")
            yield sql.Identifier(*name.split("."))
            yield sql.SQL(" = ")
            yield sql.SQL(", ").join(map(sql.Literal, _values(name, value)))


def _values(name: str, value: str) -> list[str]:
    if name not in _LISTS:
        return [value]
    pairs = _LISTED.findall(value)
    return [quoted.replace('""', '"') or plain.lower() for quoted, plain in pairs] or [""]


# In the server's own writing, which is the same for all of its versions.
_COME_TRUE: Final = """
    SELECT (CAST(current_setting('statement_timeout') AS interval),
            CAST(current_setting('lock_timeout') AS interval),
            CAST(current_setting('idle_in_transaction_session_timeout') AS interval))
         = (make_interval(secs => %(statement_ms)s / 1000.0),
            make_interval(secs => %(lock_ms)s / 1000.0),
            make_interval(secs => %(idle_ms)s / 1000.0))
       AND (current_setting('client_encoding'), current_setting('timezone'),
            current_setting('datestyle'), current_setting('intervalstyle'),
            current_setting('bytea_output'), current_setting('extra_float_digits'),
            current_setting('standard_conforming_strings'), current_setting('array_nulls'),
            current_setting('transform_null_equals'),
            current_setting('default_transaction_isolation'))
         = (%(meaning_client_encoding)s, %(meaning_timezone)s,
            %(meaning_datestyle)s, %(meaning_intervalstyle)s,
            %(meaning_bytea_output)s, %(meaning_extra_float_digits)s,
            %(meaning_standard_conforming_strings)s, %(meaning_array_nulls)s,
            %(meaning_transform_null_equals)s,
            %(meaning_default_transaction_isolation)s)
"""
