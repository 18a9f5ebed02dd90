"""Heartbeats: which processes are alive, by the clock of the database they beat in.

A process that beats has a row in `workers`, and what it counted has rows in `worker_meters`. When
it ends, or has long been silent, its rows go and its counts are added to those of `RETIRED`.

To be alive is not to be at work. A process says in each beat what keeps it from its work; and the
processes of a kind are asked now and then, by the way their work comes to them, to do a piece of
work that changes nothing. If none of them has done any since, none of them works.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Final

from sqlalchemy import text

from gateway.core.health import processes

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import Connection

WORKER: Final = processes.WORKER
SCHEDULER: Final = processes.SCHEDULER

INTERVAL_SECONDS: Final = 2.0
# A process without a heartbeat for this long counts as dead.
ALIVE_SECONDS: Final = 10.0
# A process without one for this long is forgotten. If it was only asleep, it joins again.
FORGOTTEN_SECONDS: Final = 600.0

# A process that was asked for longer than this, and has done nothing since, does not work.
PATIENCE_SECONDS: Final = 15.0

# The chore of asking a kind; its beginning is the question that counts.
_ASKING: Final = "ask "

RETIRED: Final = "retired"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Condition:
    """How a process finds itself.

    `idle_seconds` have passed since it last did a piece of work, None if it never did; `trouble`
    is a sentence about what keeps it from its work.
    """

    idle_seconds: float | None = None
    trouble: str | None = None


WELL: Final = Condition()


@dataclasses.dataclass(frozen=True, kw_only=True)
class ProcessCount:
    """The processes of one kind: how many are alive, and how many of them are at work.

    `last_beat` is in seconds since 1970, None if none is remembered. `trouble` is what one of them
    says, and `unanswered_seconds` how long all of them have left a probe unanswered.
    """

    kind: str
    alive: int
    working: int
    last_beat: float | None
    trouble: str | None
    unanswered_seconds: float | None


def join(conn: Connection, name: str, kind: str) -> None:
    """Say that a process begins to beat under a name of its own."""
    conn.execute(_JOIN, {"name": name, "kind": kind})


def beat(
    conn: Connection, name: str, meters: Mapping[str, float], condition: Condition = WELL
) -> bool:
    """Say that a process is alive, with what it counted since it joined and how it finds itself.

    False, and nothing is kept, if no process of that name is remembered.
    """
    if conn.execute(_BEAT, {"name": name, **dataclasses.asdict(condition)}).rowcount == 0:
        return False
    parameters = {"worker": name, "meters": list(meters), "values": list(meters.values())}
    conn.execute(_METER, parameters)
    return True


def leave(conn: Connection, name: str) -> None:
    """Say that a process has ended; its counts stay."""
    conn.execute(_RETIRE, {"name": name, "seconds": FORGOTTEN_SECONDS, "retired": RETIRED})


def retire(conn: Connection) -> None:
    """Forget processes long silent; their counts stay. Two calls at once are safe."""
    conn.execute(_RETIRE, {"name": None, "seconds": FORGOTTEN_SECONDS, "retired": RETIRED})


def ask(conn: Connection, kind: str) -> None:
    """Note that processes of a kind are asked to show that they are at work.

    While an earlier question stands without an answer, that is the one that counts.
    """
    parameters = {"kind": kind, "chore": f"{_ASKING}{kind}"}
    if conn.execute(_ASK_AGAIN, parameters).rowcount == 0:
        conn.execute(_ASK_FIRST, parameters)


def alive(conn: Connection, kind: str) -> int:
    """Count the processes of a kind that have beaten lately."""
    return pulse(conn, kind).alive


def pulse(conn: Connection, kind: str) -> ProcessCount:
    return next(iter(_pulses(conn, [kind], needed=[kind])))


def pulses(conn: Connection) -> list[ProcessCount]:
    """Tell of every kind of process how many are alive, and how many are at work.

    A kind that is not needed is left out unless one of it is remembered: one that ended is
    forgotten at once, one that died after `FORGOTTEN_SECONDS`.
    """
    return _pulses(conn, processes.KINDS, needed=processes.NEEDED)


def _pulses(conn: Connection, kinds: Sequence[str], *, needed: Sequence[str]) -> list[ProcessCount]:
    found = conn.execute(_PULSES, asked(kinds, needed=needed))
    return [ProcessCount(**row._mapping) for row in found]


def asked(kinds: Sequence[str], *, needed: Sequence[str]) -> dict[str, object]:
    """Return the parameters of `PULSES`."""
    return {
        "kinds": list(kinds),
        "needed": list(needed),
        "seconds": ALIVE_SECONDS,
        "patience": PATIENCE_SECONDS,
        "asking": _ASKING,
    }


_JOIN = text("""
    INSERT INTO workers (name, kind, started_at, beat_at) VALUES (:name, :kind, now(), now())
    ON CONFLICT (name) DO UPDATE SET beat_at = excluded.beat_at
""")

_BEAT = text("""
    UPDATE workers
    SET beat_at = now(), trouble = CAST(:trouble AS text),
        worked_at = coalesce(now() - make_interval(secs => CAST(:idle_seconds AS double precision)),
                             worked_at)
    WHERE name = :name
""")

_ASK_AGAIN = text("""
    UPDATE chores SET begun_at = now()
    WHERE name = :chore AND EXISTS (
        SELECT FROM workers w WHERE w.kind = :kind AND w.worked_at >= chores.begun_at)
""")

_ASK_FIRST = text("""
    INSERT INTO chores (name, begun_at) VALUES (:chore, now()) ON CONFLICT (name) DO NOTHING
""")

_METER = text("""
    INSERT INTO worker_meters (worker, meter, value)
    SELECT :worker, m.meter, m.value
    FROM unnest(CAST(:meters AS text[]), CAST(:values AS double precision[])) AS m (meter, value)
    ON CONFLICT (worker, meter) DO UPDATE SET value = excluded.value
""")

# One statement, and only what this very statement took out of `workers` is added up: one that beats
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

# A kind that was asked is at work if one of it has done anything since; those that were asked, or
# have joined, just now have not had the time to.
PULSES = """
    SELECT k.kind, seen.alive,
           CASE WHEN late.seconds IS NULL THEN seen.able ELSE 0 END AS working,
           seen.last_beat, seen.trouble, late.seconds AS unanswered_seconds
    FROM unnest(CAST(:kinds AS text[])) WITH ORDINALITY AS k (kind, position)
    CROSS JOIN LATERAL (
        SELECT count(*) FILTER (WHERE w.beats) AS alive,
               count(*) FILTER (WHERE w.beats AND w.trouble IS NULL) AS able,
               CAST(extract(epoch FROM max(w.beat_at)) AS double precision) AS last_beat,
               min(w.trouble) FILTER (WHERE w.beats) AS trouble,
               max(w.worked_at) AS worked_at,
               min(w.started_at) FILTER (WHERE w.beats) AS started_at
        FROM (SELECT *, beat_at > now() - make_interval(secs => :seconds) AS beats
              FROM workers WHERE kind = k.kind) w) seen
    LEFT JOIN LATERAL (
        SELECT CAST(extract(epoch FROM now() - greatest(c.begun_at, seen.started_at))
                    AS double precision) AS seconds
        FROM chores c
        WHERE c.name = CAST(:asking AS text) || k.kind
          AND greatest(c.begun_at, seen.started_at) < now() - make_interval(secs => :patience)
          AND coalesce(seen.worked_at < c.begun_at, seen.alive > 0)) late ON true
    WHERE k.kind = ANY(CAST(:needed AS text[])) OR seen.last_beat IS NOT NULL
    ORDER BY k.position
"""

_PULSES = text(PULSES)
