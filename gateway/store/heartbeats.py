"""Heartbeats: which processes are alive, by the clock of the database they beat in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sqlalchemy import text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import Connection

WORKER: Final = "worker"
SCHEDULER: Final = "scheduler"

INTERVAL_SECONDS: Final = 2.0
# Who has not beaten for this long counts as dead.
ALIVE_SECONDS: Final = 10.0


def beat(conn: Connection, name: str, kind: str, meters: Mapping[str, float]) -> None:
    """Say that a process is alive, with its cumulative counts; nobody else writes its rows."""
    conn.execute(_BEAT, {"name": name, "kind": kind})
    if meters:
        parameters = {"worker": name, "meters": list(meters), "values": list(meters.values())}
        conn.execute(_METER, parameters)


def leave(conn: Connection, name: str) -> None:
    """Say that a process has ended; its counts stay."""
    conn.execute(_LEAVE, {"name": name})


def alive(conn: Connection, kind: str) -> int:
    """Count the processes of a kind that have beaten lately."""
    parameters = {"kind": kind, "seconds": ALIVE_SECONDS}
    return int(conn.execute(_ALIVE, parameters).scalar_one())


_BEAT = text("""
    INSERT INTO workers (name, kind, started_at, beat_at) VALUES (:name, :kind, now(), now())
    ON CONFLICT (name) DO UPDATE SET beat_at = excluded.beat_at
""")

_METER = text("""
    INSERT INTO worker_meters (worker, meter, value)
    SELECT :worker, m.meter, m.value
    FROM unnest(CAST(:meters AS text[]), CAST(:values AS double precision[])) AS m (meter, value)
    ON CONFLICT (worker, meter) DO UPDATE SET value = excluded.value
""")

_LEAVE = text("DELETE FROM workers WHERE name = :name")

_ALIVE = text("""
    SELECT count(*) FROM workers
    WHERE kind = :kind AND beat_at > now() - make_interval(secs => :seconds)
""")
