"""Reading a file of members: its batches are staged as pages of the load, with its receipt."""

from __future__ import annotations

import dataclasses
from collections import Counter
from typing import IO, TYPE_CHECKING, Any, Final, cast

from gateway import errors
from gateway.core.cohorts import member_rows, packed_rows
from gateway.core.cohorts.load import Mode
from gateway.flows.cohorts import load as loading
from gateway.flows.cohorts import stored_file
from gateway.sources.lists import limits, table
from gateway.sources.lists.options import Options
from gateway.store.cohorts import (
    erasures,
    inbox,
    load_rows,
    mappings,
    receipts,
    sessions,
)

if TYPE_CHECKING:
    import datetime
    from collections.abc import Callable, Mapping, Sequence

    from gateway.core.cohorts.load import Load, Rows
    from gateway.sources.lists.table import Table
    from gateway.store.cohorts.receipts import Asked
    from gateway.store.db.engine import Pool

# The receipt's word for people that were erased before the load began, and come back with it.
ERASED_AGAIN: Final = "erased_again"


@dataclasses.dataclass(kw_only=True)
class Tally:
    """What a reading has come to so far."""

    bare: bool
    pages: int = 0
    read: int = 0
    duplicates: int = 0
    warnings: Counter[str] = dataclasses.field(default_factory=Counter)
    sample: list[Mapping[str, Any]] = dataclasses.field(default_factory=list)
    erased: set[str] = dataclasses.field(default_factory=set)


def read(
    pool: Pool,
    one: Load,
    asked: Asked,
    *,
    check: Callable[[], None],
    now: Callable[[], datetime.datetime],
) -> Tally:
    """Read the file of a load to its end.

    `check` is called again and again, and may raise. Raises errors.ReadFailed, errors.Conflict if
    another process reads the load or it has ended, and errors.Unavailable.
    """
    if asked.upload is None:
        raise errors.InternalError("a load without a file was queued")
    file, stored = stored_file.open_upload(pool, asked.upload, check=check)

    def remembered(columns: Sequence[str]) -> Mapping[str, str] | None:
        with pool.read() as conn:
            return mappings.get(conn, one.cohort_id, columns)

    described = dict(asked.file or {}) | {"bytes": stored.size, "sha256": stored.digest()}
    found = table.open_table(
        cast("IO[bytes]", file), Options(**asked.options), remembered=remembered
    )
    tally = Tally(bare=found.bare, warnings=Counter(found.warnings))
    _note_file(pool, one, found, described)
    erased = erased_before(pool, one)
    for batch in found.batches():
        check()
        stage(pool, one, tally, batch, erased, now=now())
    return tally


def _note_file(pool: Pool, one: Load, found: Table, described: Mapping[str, Any]) -> None:
    file = {
        **described,
        "format": found.format.value,
        "encoding": found.encoding,
        "delimiter": found.delimiter,
        "columns": list(found.columns),
        "mapping": dict(found.mapping),
    }
    with pool.begin() as conn:
        if not receipts.note_file(conn, one, file=file, bare=found.bare, warnings=found.warnings):
            raise errors.Conflict(loading.ENDED)


def erased_before(pool: Pool, one: Load) -> frozenset[bytes]:
    """Find the people that a load may bring back: erased before it began."""
    if one.mode is Mode.REMOVE:
        return frozenset()
    with pool.read() as conn:
        session = sessions.get(conn, one.cohort_id, one.session)
        return erasures.before(conn, one.cohort_id, session.started_order)


def stage(
    pool: Pool,
    one: Load,
    tally: Tally,
    batch: Rows,
    erased: frozenset[bytes],
    *,
    now: datetime.datetime,
) -> None:
    """Stage a batch as the next page of a load, with what its receipt tells of it."""
    _count(tally, batch, erased)
    with pool.pipeline() as trip:
        loading.stage(trip, one, tally.pages, batch, now=now)
        receipts.note_batch(
            trip,
            one,
            duplicates=tally.duplicates,
            warnings=tally.warnings,
            progress=batch.progress,
        )
        if batch.sample:
            packed = inbox.pack(packed_rows.write(tally.sample))
            load_rows.put(trip, one, load_rows.SAMPLE, packed, now=now)
        if batch.rejected:
            rows = [(row.row, row.reason.value, row.cells) for row in batch.rejected]
            load_rows.put(trip, one, tally.pages, inbox.pack(packed_rows.write(rows)), now=now)


def _count(tally: Tally, batch: Rows, erased: frozenset[bytes]) -> None:
    tally.pages += 1
    tally.read += batch.received
    tally.duplicates += batch.duplicate
    tally.warnings.update(batch.warnings)
    tally.sample = [*tally.sample, *batch.sample][: limits.SAMPLE_ROWS]
    if erased:
        tally.erased.update(member_rows.named(batch.roster, erased))
        if tally.erased:
            tally.warnings[ERASED_AGAIN] = len(tally.erased)
