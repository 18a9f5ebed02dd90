"""Heartbeats: which processes are alive, by the clock of the database they beat in.

A process that beats has a row in `workers`, and what it counted has rows in `worker_meters`. When
it ends, or has long been silent, its rows go and its counts are added to those of `RETIRED`.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Final

from sqlalchemy import text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import Connection

WORKER: Final = "worker"
SCHEDULER: Final = "scheduler"
KINDS: Final = (WORKER, SCHEDULER)

INTERVAL_SECONDS: Final = 2.0
# Who has not beaten for this long counts as dead.
ALIVE_SECONDS: Final = 10.0
# Who has not beaten for this long is forgotten. If it was only asleep, it joins again.
FORGOTTEN_SECONDS: Final = 600.0

RETIRED: Final = "retired"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Pulse:
    """The processes of one kind; `last_beat` in seconds since 1970, None if none is remembered."""

    kind: str
    alive: int
    last_beat: float | None


def join(conn: Connection, name: str, kind: str) -> None:
    """Say that a process begins to beat under a name of its own."""
    conn.execute(_JOIN, {"name": name, "kind": kind})


def beat(conn: Connection, name: str, meters: Mapping[str, float]) -> bool:
    """Say that a process is alive, with what it counted since it joined.

    False, and nothing is kept, if nobody of that name is remembered.
    """
    if conn.execute(_BEAT, {"name": name}).rowcount == 0:
        return False
    parameters = {"worker": name, "meters": list(meters), "values": list(meters.values())}
    conn.execute(_METER, parameters)
    return True


def leave(conn: Connection, name: str) -> None:
    """Say that a process has ended; its counts stay."""
    conn.execute(_RETIRE, {"name": name, "seconds": FORGOTTEN_SECONDS, "retired": RETIRED})


def retire(conn: Connection) -> None:
    """Forget who has long been silent; their counts stay. Two at once retire nobody twice."""
    conn.execute(_RETIRE, {"name": None, "seconds": FORGOTTEN_SECONDS, "retired": RETIRED})


def alive(conn: Connection, kind: str) -> int:
    """Count the processes of a kind that have beaten lately."""
    return next(pulse.alive for pulse in pulses(conn) if pulse.kind == kind)


def pulses(conn: Connection) -> list[Pulse]:
    """Tell of every kind of process how many are alive and when the last of them beat."""
    rows = conn.execute(_PULSES, {"kinds": list(KINDS), "seconds": ALIVE_SECONDS})
    return [Pulse(**row._mapping) for row in rows]


_JOIN = text("""
    INSERT INTO workers (name, kind, started_at, beat_at) VALUES (:name, :kind, now(), now())
    ON CONFLICT (name) DO UPDATE SET beat_at = excluded.beat_at
""")

_BEAT = text("UPDATE workers SET beat_at = now() WHERE name = :name")

_METER = text("""
    INSERT INTO worker_meters (worker, meter, value)
    SELECT :worker, m.meter, m.value
    FROM unnest(CAST(:meters AS text[]), CAST(:values AS double precision[])) AS m (meter, value)
    ON CONFLICT (worker, meter) DO UPDATE SET value = excluded.value
""")

# One statement, and only what this very statement took out of `workers` is added up: whoever beats
# at this moment either keeps its row, or finds it gone and joins again from zero.
_RETIRE = text("""
    WITH gone AS (
        DELETE FROM workers
        WHERE name = CAST(:name AS text) OR beat_at < now() - make_interval(secs => :seconds)
        RETURNING name),
    counts AS (
        DELETE FROM worker_meters m USING gone g WHERE m.worker = g.name
        RETURNING m.meter, m.value)
    INSERT INTO worker_meters (worker, meter, value)
    SELECT :retired, meter, sum(value) FROM counts GROUP BY meter ORDER BY meter
    ON CONFLICT (worker, meter) DO UPDATE SET value = worker_meters.value + excluded.value
""")

_PULSES = text("""
    SELECT k.kind,
           count(*) FILTER (WHERE w.beat_at > now() - make_interval(secs => :seconds)) AS alive,
           CAST(extract(epoch FROM max(w.beat_at)) AS double precision) AS last_beat
    FROM unnest(CAST(:kinds AS text[])) WITH ORDINALITY AS k (kind, position)
    LEFT JOIN workers w ON w.kind = k.kind
    GROUP BY k.kind, k.position ORDER BY k.position
""")
