"""The queue of loads: files are accepted, wait for a reader, and may be approved or canceled."""

from __future__ import annotations

import contextlib
import dataclasses
from typing import TYPE_CHECKING, Any, Final

from gateway import aside, errors
from gateway.core.access.actor import GATEWAY
from gateway.core.cohorts import kinds, load_codes
from gateway.core.cohorts import load as rules
from gateway.core.cohorts.load import Mode, State, Trigger
from gateway.core.cohorts.receipt import Problem
from gateway.errors import Fault
from gateway.flows.cohorts import load, lookup, uploads
from gateway.sources.lists import names, options
from gateway.store.cohorts import accept, guards, load_rows, loads, open_loads, receipts
from gateway.store.db import audit, leases

if TYPE_CHECKING:
    import datetime
    from collections.abc import Iterator, Mapping

    from sqlalchemy import Connection

    from gateway.core.access.actor import Actor
    from gateway.core.cohorts.load import Load
    from gateway.core.cohorts.receipt import Receipt
    from gateway.jobs import WakeUps
    from gateway.sources.lists.options import Options
    from gateway.store.cohorts.receipts import Asked
    from gateway.store.cohorts.uploads import Upload
    from gateway.store.db.engine import Pool

# Of the leases of loads.
KIND: Final = "load"

NO_LOAD: Final = "no such load"
_PAUSED: Final = "the source '{}' is paused; resume it, then load again"
_RUNNING: Final = "load {} of this cohort is queued or being read; wait for it, or cancel it"
_NOT_A_LIST: Final = "the members of this cohort come from its source; files go into lists"

EXPIRED: Final = Problem(
    code="expired",
    message="The load waited seven days for an approval.",
    hint="Load the file again, and approve the load.",
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Wanted:
    """A load of a file that is asked for."""

    mode: Mode = Mode.REPLACE
    review: bool = False
    options: Options = dataclasses.field(default_factory=options.Options)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Changes:
    """What to change of a load before it is read anew; None is left as it is."""

    mode: Mode | None = None
    mapping: Mapping[str, str] | None = None
    encoding: str | None = None
    delimiter: str | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class File:
    """A file to load: its bytes, or the upload that it came by."""

    data: bytes | None = None
    name: str | None = None
    upload: str | None = None


def accept_file(
    pool: Pool,
    cohort_id: int,
    file: File,
    wanted: Wanted,
    *,
    max_bytes: int,
    wake_ups: WakeUps,
    now: datetime.datetime,
    actor: Actor = GATEWAY,
) -> Receipt:
    """Queue a load of a file, with its place in order now.

    Raises errors.Invalid for options that cannot be used, errors.NotFound, and errors.Conflict.
    """
    faults = options.faults(wanted.options)
    if file.upload is not None and file.data is not None:
        faults.append(Fault("upload", "send a file as the body, or name an upload, not both"))
    if faults:
        raise errors.Invalid(faults)
    with pool.read() as conn:
        _require(conn, cohort_id)  # before any bytes are stored
    with (
        _stored(pool, file, now=now) as upload_id,
        load.counted(pool, cohort_id) as (conn, counters),
    ):
        _require(conn, cohort_id)
        upload, size = uploads.take(conn, upload_id, max_bytes=max_bytes, now=now)
        one = load.take_place(conn, cohort_id, counters, wanted.mode, State.QUEUED, now=now)
        receipts.describe(conn, one, _asked(wanted, upload, size, actor))
        uploads.hand_over(conn, upload, one)
        _offer(conn, one)
        audit.write(conn, actor, "load.requested", _id(one), now=now, mode=wanted.mode.value)
        found = shown(receipts.get(conn, cohort_id, one.number))
    _wake(wake_ups)
    return found


@contextlib.contextmanager
def _stored(pool: Pool, file: File, *, now: datetime.datetime) -> Iterator[str]:
    """Store a file that came at once, for as long as the block can do something with it."""
    if file.upload is not None:
        yield file.upload
        return
    upload_id = uploads.put_whole(pool, file.data or b"", name=file.name, now=now)
    try:
        yield upload_id
    except errors.GatewayError:
        with contextlib.suppress(errors.GatewayError):
            uploads.discard(pool, upload_id)
        raise


def approve(
    pool: Pool,
    cohort_id: int,
    number: int,
    *,
    wake_ups: WakeUps,
    now: datetime.datetime,
    actor: Actor = GATEWAY,
) -> Receipt:
    """Let a load that waits be applied. Raises errors.NotFound and errors.Conflict."""
    with load.counted(pool, cohort_id) as (conn, counters):
        one = _in_state(conn, cohort_id, number, State.NEEDS_APPROVAL)
        receipts.approve(conn, one)
        load.make_visible(conn, one, counters, now=now)
        audit.write(conn, actor, "load.approved", _id(one), now=now)
        found = shown(receipts.get(conn, cohort_id, number))
    load.announce(one, wake_ups)
    return found


def cancel(
    pool: Pool,
    cohort_id: int,
    number: int,
    *,
    now: datetime.datetime,
    actor: Actor = GATEWAY,
) -> Receipt:
    """End a load that nothing is applied of. Raises errors.NotFound and errors.Conflict."""
    with pool.begin() as conn:
        one = _in_state(conn, cohort_id, number, State.QUEUED, State.READING, State.NEEDS_APPROVAL)
        load.end(conn, one, State.CANCELED, now=now)
        audit.write(conn, actor, "load.canceled", _id(one), now=now)
        return shown(receipts.get(conn, cohort_id, number))


def change(
    pool: Pool,
    cohort_id: int,
    number: int,
    changes: Changes,
    *,
    wake_ups: WakeUps,
    now: datetime.datetime,
    actor: Actor = GATEWAY,
) -> Receipt:
    """Read a load anew that waits for an approval, from its kept file and in its old place.

    Raises errors.NotFound, errors.Conflict and errors.Invalid.
    """
    with pool.begin() as conn:
        accept.counters(conn, cohort_id)  # so that no other load begins meanwhile
        one = _in_state(conn, cohort_id, number, State.NEEDS_APPROVAL)
        asked = receipts.asked(conn, cohort_id, number)
        if asked.upload is None:
            message = "this load has no file that could be read anew"
            raise errors.Conflict(message, code=load_codes.WRONG_STATE)
        _require_idle(conn, cohort_id)
        wanted = changed(asked, changes)
        loads.drop_pages(conn, one)
        load_rows.drop(conn, one)
        receipts.requeue(conn, one, mode=changes.mode or one.mode, options=wanted)
        _offer(conn, one)
        audit.write(conn, actor, "load.changed", _id(one), now=now)
        found = shown(receipts.get(conn, cohort_id, number))
    _wake(wake_ups)
    return found


def changed(asked: Asked, changes: Changes) -> Mapping[str, Any]:
    """Return the options of a load with some of them changed. Raises errors.Invalid."""
    given = dict(asked.options)
    if changes.mapping is not None:
        # It says all that there is to say about columns.
        given |= {"mapping": dict(changes.mapping), "member_id": None, "fields": {}}
    if changes.encoding is not None:
        given["encoding"] = changes.encoding
    if changes.delimiter is not None:
        given["delimiter"] = changes.delimiter
    faults = options.faults(options.Options(**given))
    if changes.mapping is not None and changes.encoding is None and changes.delimiter is None:
        faults += _unknown_columns(asked, changes.mapping)
    if faults:
        raise errors.Invalid(faults)
    return given


def expire(pool: Pool, *, now: datetime.datetime, limit: int = 100) -> None:
    """Cancel the loads that have waited for an approval for too long."""
    with pool.read() as conn:
        due = open_loads.expired(conn, now=now, limit=limit)
    for cohort_id, number in due:
        expire_one(pool, cohort_id, number, now=now)


def expire_one(pool: Pool, cohort_id: int, number: int, *, now: datetime.datetime) -> bool:
    """Cancel a load that waits for an approval; False if it has gone on."""
    with pool.begin() as conn:
        one = loads.lock(conn, cohort_id, number)
        if one is None or one.state is not State.NEEDS_APPROVAL:
            return False
        load.end(conn, one, State.CANCELED, now=now)
        receipts.fail(conn, one, EXPIRED)
    return True


def _require(conn: Connection, cohort_id: int) -> None:
    found = guards.target(conn, cohort_id)
    if found is None:
        raise errors.NotFound(lookup.NO_COHORT)
    if found.kind != kinds.LIST:
        raise errors.Conflict(_NOT_A_LIST, code=load_codes.NOT_A_LIST)
    require_open(conn, cohort_id, found.source, paused=found.paused)


def require_open(conn: Connection, cohort_id: int, source: str, *, paused: bool) -> None:
    """Raise errors.Conflict unless a load of a cohort of this source can be queued now."""
    if paused:
        message = _PAUSED.format(source)
        raise errors.Conflict(message, code=load_codes.SOURCE_PAUSED)
    _require_idle(conn, cohort_id)


def _require_idle(conn: Connection, cohort_id: int) -> None:
    running = receipts.running(conn, cohort_id)
    if running is not None:
        load_id = rules.load_id(cohort_id, running)
        message = _RUNNING.format(load_id)
        raise errors.Conflict(message, code=load_codes.LOAD_RUNNING, id=load_id)


def _in_state(conn: Connection, cohort_id: int, number: int, *states: State) -> Load:
    one = loads.lock(conn, cohort_id, number)
    if one is None:
        raise errors.NotFound(NO_LOAD)
    if one.state not in states:
        message = f"this load is {one.state.value}; look at it again"
        raise errors.Conflict(message, code=load_codes.WRONG_STATE)
    return one


def _asked(wanted: Wanted, upload: Upload, size: int, actor: Actor) -> Asked:
    return receipts.Asked(
        trigger=Trigger.UPLOAD,
        review=wanted.review,
        upload=upload.id,
        options=dataclasses.asdict(wanted.options),
        file={"name": upload.name, "bytes": size},
        requested_by=actor.name,
    )


def _unknown_columns(asked: Asked, mapping: Mapping[str, str]) -> list[Fault]:
    known = {names.comparable(one) for one in (asked.file or {}).get("columns", ())}
    return [
        Fault(f"mapping.{column[:100]}", "the file has no such column")
        for column in mapping
        if names.comparable(column) not in known
    ]


def _offer(conn: Connection, one: Load) -> None:
    leases.offer(conn, KIND, _id(one))


def _id(one: Load) -> str:
    return rules.load_id(one.cohort_id, one.number)


def shown(found: Receipt | None) -> Receipt:
    if found is None:
        raise errors.NotFound(NO_LOAD)
    return found


def _wake(wake_ups: WakeUps) -> None:
    with aside.harmless("wake_up"):
        wake_ups.notify_loader()
