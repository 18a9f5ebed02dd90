"""Receipts of loads: what is told of them, written by reading and by approving."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import text

from gateway.core.cohorts.load import load_id
from gateway.core.cohorts.receipt import Problem, Receipt, Rows
from gateway.store.db.statement import Statement

if TYPE_CHECKING:
    import datetime
    from collections.abc import Mapping

    from sqlalchemy import Connection, RowMapping

    from gateway.core.cohorts.load import Approval, Load, Mode
    from gateway.store.db.statement import Pipeline


@dataclasses.dataclass(frozen=True, kw_only=True)
class Asked:
    """What a load of a file was asked to be."""

    trigger: str
    review: bool
    upload: str | None
    options: Mapping[str, Any]
    file: Mapping[str, Any] | None
    requested_by: str | None
    definition_number: int | None = None


def describe(conn: Connection, load: Load, asked: Asked) -> None:
    """Note what a load that was just created is asked to do."""
    parameters = dataclasses.asdict(asked) | {
        "cohort_id": load.cohort_id,
        "number": load.number,
        "options": json.dumps(dict(asked.options)),
        "file": None if asked.file is None else json.dumps(dict(asked.file)),
    }
    conn.execute(_DESCRIBE, parameters)


def asked(conn: Connection, cohort_id: int, number: int) -> Asked:
    """Read what a load was asked to be."""
    row = conn.execute(_ASKED, {"cohort_id": cohort_id, "number": number}).one()
    return Asked(**row._mapping)


def get(conn: Connection, cohort_id: int, number: int) -> Receipt | None:
    """Read a receipt, None if there is none."""
    row = conn.execute(_GET, {"cohort_id": cohort_id, "number": number}).mappings().one_or_none()
    return None if row is None else _receipt(row)


def state(conn: Connection, cohort_id: int, number: int) -> str | None:
    """Read the state of a load alone."""
    parameters = {"cohort_id": cohort_id, "number": number}
    return conn.execute(_STATE, parameters).scalar_one_or_none()


def of_cohort(conn: Connection, cohort_id: int, *, before: int, limit: int) -> list[Receipt]:
    """List the loads of a cohort, newest first, from the first below a number."""
    parameters = {"cohort_id": cohort_id, "before": before, "limit": limit}
    return [_receipt(row) for row in conn.execute(_OF_COHORT, parameters).mappings()]


def of_all(conn: Connection, *, state: str | None, before: int, limit: int) -> list[Receipt]:
    """List the loads of all cohorts, or those in a state, newest first."""
    parameters = {"state": state, "before": before, "limit": limit}
    return [_receipt(row) for row in conn.execute(_OF_ALL, parameters).mappings()]


def running(conn: Connection, cohort_id: int) -> int | None:
    """Return the load of a cohort that is queued or being read, None without one."""
    return conn.execute(_RUNNING, {"cohort_id": cohort_id}).scalars().first()


def begin(conn: Connection, load: Load, *, now: datetime.datetime) -> None:
    """Note when the reading of a load began for the first time."""
    conn.execute(_BEGIN, {"cohort_id": load.cohort_id, "number": load.number, "now": now})


def note_file(
    conn: Connection,
    load: Load,
    *,
    file: Mapping[str, Any],
    bare: bool,
    warnings: Mapping[str, int],
) -> bool:
    """Note what the file of a load is; False unless this epoch of it is being read."""
    parameters = {
        "cohort_id": load.cohort_id,
        "number": load.number,
        "epoch": load.epoch,
        "file": json.dumps(dict(file)),
        "bare": bare,
        "warnings": json.dumps(dict(warnings)),
    }
    return conn.execute(_NOTE_FILE, parameters).rowcount == 1


def note_batch(
    trip: Pipeline,
    load: Load,
    *,
    duplicates: int,
    warnings: Mapping[str, int],
    progress: float | None,
) -> None:
    """Note of a reading what it has come to; `warnings` are all there are so far."""
    parameters = {
        "cohort_id": load.cohort_id,
        "number": load.number,
        "epoch": load.epoch,
        "duplicates": duplicates,
        "warnings": json.dumps(dict(warnings)),
        "progress": progress,
    }
    _NOTE_BATCH.run(trip, parameters)


def note_would(conn: Connection, load: Load, *, enter: int | None, leave: int | None) -> None:
    """Note what a load would do, as far as that is told; the caller has locked it."""
    parameters = {
        "cohort_id": load.cohort_id,
        "number": load.number,
        "would_enter": enter,
        "would_exit": leave,
    }
    conn.execute(_NOTE_WOULD, parameters)


def note_end(conn: Connection, load: Load, *, repeated: int, same_at: int | None) -> None:
    """Note that a load was read to its end; the caller has locked it.

    It would change nothing of its cohort at the version `same_at`, if that is given.
    """
    parameters = {
        "cohort_id": load.cohort_id,
        "number": load.number,
        "repeated": repeated,
        "same_at": same_at,
    }
    conn.execute(_NOTE_END, parameters)


def hold(
    conn: Connection,
    load: Load,
    approval: Approval,
    *,
    expires_at: datetime.datetime,
) -> None:
    """Let a load wait for an approval; the caller has locked it."""
    parameters = {
        "cohort_id": load.cohort_id,
        "number": load.number,
        "approval": approval,
        "expires_at": expires_at,
    }
    conn.execute(_HOLD, parameters)


def approve(conn: Connection, load: Load) -> None:
    """Note that what a load waited for was approved; the caller has locked it."""
    conn.execute(_APPROVE, {"cohort_id": load.cohort_id, "number": load.number})


def requeue(conn: Connection, load: Load, *, mode: Mode, options: Mapping[str, Any]) -> None:
    """Queue a load that the caller has locked to be read anew, in its old place."""
    parameters = {
        "cohort_id": load.cohort_id,
        "number": load.number,
        "mode": mode,
        "options": json.dumps(dict(options)),
    }
    conn.execute(_REQUEUE, parameters)


def fail(conn: Connection, load: Load, problem: Problem) -> None:
    """Note why a load has come to nothing."""
    parameters = dataclasses.asdict(problem) | {
        "cohort_id": load.cohort_id,
        "number": load.number,
    }
    conn.execute(_FAIL, parameters)


def last(plain: dict[str, Any]) -> Mapping[str, Any] | None:
    """Take what is read of the newest load out of the row of a cohort."""
    number, state, finished_at, code, message, hint = (
        plain.pop(f"load_{part}")
        for part in ("number", "state", "finished_at", "code", "message", "hint")
    )
    if number is None:
        return None
    error = None if code is None else {"code": code, "message": message, "hint": hint}
    shown = load_id(plain["id"], number)
    return {"id": shown, "state": state, "finished_at": finished_at, "error": error}


_NOT_READ: Final = dict.fromkeys(
    ("name", "bytes", "sha256", "format", "encoding", "delimiter", "columns", "mapping")
)


def _receipt(row: RowMapping) -> Receipt:
    fields = dict(row)
    reasons = fields.pop("skipped")
    read, rejected = fields.pop("received"), sum(reasons.values())
    duplicate = fields.pop("duplicates")
    rows = Rows(
        read=read,
        accepted=read - rejected - duplicate,
        duplicate=duplicate,
        rejected=rejected,
        reasons=reasons,
    )
    code, message, hint = (fields.pop(f"error_{part}") for part in ("code", "message", "hint"))
    found = fields["file"]
    fields["columns"] = tuple((found or {}).get("columns") or ())
    # Of a query the columns of its result are kept there, and that is no file.
    is_file = found is not None and fields["definition_number"] is None
    fields["file"] = _NOT_READ | found if is_file else None
    problem = None if code is None else Problem(code=code, message=message, hint=hint)
    return Receipt(**fields, rows=rows, error=problem)


_COLUMNS = """
    SELECT cohort_id, number, definition_number, trigger, mode, state, approval, received,
           duplicates, skipped, progress, would_enter, would_exit, entered, exited, warnings,
           error_code, error_message, error_hint, file, last_seq, requested_by,
           coalesce(queued_at, begun_at) AS queued_at, started_at, ended_at AS finished_at
    FROM loads
"""

_DESCRIBE = text("""
    UPDATE loads
    SET trigger = :trigger, review = :review, upload = :upload,
        options = CAST(:options AS jsonb), file = CAST(:file AS jsonb),
        requested_by = :requested_by, definition_number = :definition_number
    WHERE cohort_id = :cohort_id AND number = :number
""")

_ASKED = text("""
    SELECT trigger, review, upload, options, file, requested_by, definition_number
    FROM loads WHERE cohort_id = :cohort_id AND number = :number
""")

_GET = text(_COLUMNS + "WHERE cohort_id = :cohort_id AND number = :number")

_STATE = text("SELECT state FROM loads WHERE cohort_id = :cohort_id AND number = :number")

_OF_COHORT = text(
    _COLUMNS + "WHERE cohort_id = :cohort_id AND number < :before ORDER BY number DESC LIMIT :limit"
)

_OF_ALL = text(
    _COLUMNS
    + """
    WHERE number < :before AND (CAST(:state AS text) IS NULL OR state = :state)
    ORDER BY number DESC LIMIT :limit
    """
)

_RUNNING = text("""
    SELECT number FROM loads
    WHERE cohort_id = :cohort_id AND state IN ('queued', 'reading')
    ORDER BY number LIMIT 1
""")

_BEGIN = text("""
    UPDATE loads SET started_at = coalesce(started_at, :now)
    WHERE cohort_id = :cohort_id AND number = :number
""")

_NOTE_FILE = text("""
    UPDATE loads
    SET file = CAST(:file AS jsonb), bare = :bare, warnings = CAST(:warnings AS jsonb)
    WHERE cohort_id = :cohort_id AND number = :number AND epoch = :epoch AND state = 'reading'
""")

_NOTE_BATCH = Statement("""
    UPDATE loads
    SET duplicates = :duplicates, warnings = CAST(:warnings AS jsonb), progress = :progress
    WHERE cohort_id = :cohort_id AND number = :number AND epoch = :epoch AND state = 'reading'
""")

_NOTE_WOULD = text("""
    UPDATE loads SET would_enter = :would_enter, would_exit = :would_exit
    WHERE cohort_id = :cohort_id AND number = :number
""")

_NOTE_END = text("""
    UPDATE loads SET duplicates = duplicates + :repeated, progress = 1, same_at = :same_at
    WHERE cohort_id = :cohort_id AND number = :number
""")

_HOLD = text("""
    UPDATE loads SET state = 'needs_approval', approval = :approval, expires_at = :expires_at
    WHERE cohort_id = :cohort_id AND number = :number
""")

_APPROVE = text("""
    UPDATE loads SET shrink_waived = shrink_waived OR approval = 'shrink'
    WHERE cohort_id = :cohort_id AND number = :number
""")

_REQUEUE = text("""
    UPDATE loads
    SET state = 'queued', mode = :mode, options = CAST(:options AS jsonb), approval = NULL,
        shrink_waived = false, would_enter = NULL, would_exit = NULL, expires_at = NULL,
        pages = 0, members = 0, received = 0, skipped = '{}', duplicates = 0, warnings = '{}',
        progress = NULL
    WHERE cohort_id = :cohort_id AND number = :number
""")

_FAIL = text("""
    UPDATE loads SET error_code = :code, error_message = :message, error_hint = :hint
    WHERE cohort_id = :cohort_id AND number = :number
""")
