"""Months of events: each is a table of its own, made when it is needed and dropped whole."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, Any, Final, cast

from psycopg2 import sql
from sqlalchemy import text

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy import Connection

_PREFIX: Final = "events_"


def month_of(moment: datetime.datetime) -> datetime.date:
    """Return the month of a moment, as its first day in UTC."""
    return moment.astimezone(datetime.UTC).date().replace(day=1)


def after(month: datetime.date) -> datetime.date:
    """Return the month after one."""
    return (month + datetime.timedelta(days=31)).replace(day=1)


def missing(conn: Connection, months: Iterable[datetime.date]) -> list[datetime.date]:
    """Tell which of some months have no table yet."""
    return list(conn.execute(_MISSING, {"months": list(months)}).scalars())


def create(conn: Connection, month: datetime.date) -> None:
    """Make the table of a month, unless another process has; readers and writers go on.

    To attach a table takes a lighter lock than to create it as a part at once.
    """
    conn.execute(_LOCK)
    if missing(conn, [month]):
        names = {"events": sql.Identifier("events"), "month": sql.Identifier(_name(month))}
        bounds = {"since": sql.Literal(_start(month)), "until": sql.Literal(_start(after(month)))}
        cursor = _driver(conn).cursor()
        cursor.execute(_CREATE.format(**names))
        cursor.execute(_BOUND.format(**names, **bounds))
        cursor.execute(_ATTACH.format(**names, **bounds))


def before(conn: Connection, oldest: datetime.datetime) -> list[datetime.date]:
    """List the months that end at or before a moment, the oldest first."""
    found = [_month(name) for name in conn.execute(_LIST).scalars()]
    return sorted(month for month in found if _start(after(month)) <= oldest)


def drop(conn: Connection, month: datetime.date) -> None:
    """Drop the table of a month with all that is in it."""
    statement = _DROP.format(month=sql.Identifier(_name(month)))
    _driver(conn).cursor().execute(statement)


def _name(month: datetime.date) -> str:
    return f"{_PREFIX}{month:%Y_%m}"


def _month(name: str) -> datetime.date:
    year, month = name.removeprefix(_PREFIX).split("_")
    return datetime.date(int(year), int(month), 1)


def _start(month: datetime.date) -> datetime.datetime:
    return datetime.datetime(month.year, month.month, 1, tzinfo=datetime.UTC)


def _driver(conn: Connection) -> Any:  # noqa: ANN401 - the driver's connection
    return cast("Any", conn.connection.dbapi_connection)


_MISSING = text("""
    SELECT m.month FROM unnest(CAST(:months AS date[])) AS m (month)
    WHERE to_regclass('events_' || to_char(m.month, 'YYYY_MM')) IS NULL
""")

# Of any that make a month at once the later ones find it made.
_LOCK = text("SELECT pg_advisory_xact_lock(hashtext('gateway.events'))")

_LIST = text("""
    SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
    WHERE i.inhparent = to_regclass('events')
""")

# A check that says the same as the bounds spares the attaching a look at all rows.
_CREATE = sql.SQL("CREATE TABLE {month} (LIKE {events} INCLUDING ALL)")
_BOUND = sql.SQL(
    "ALTER TABLE {month} ADD CONSTRAINT of_month CHECK (time >= {since} AND time < {until})"
)
_ATTACH = sql.SQL(
    "ALTER TABLE {events} ATTACH PARTITION {month} FOR VALUES FROM ({since}) TO ({until})"
)
_DROP = sql.SQL("DROP TABLE {month}")
