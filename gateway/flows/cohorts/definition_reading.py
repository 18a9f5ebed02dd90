"""What reads definitions is lent: the definition of a load, and a place for what was read."""

from __future__ import annotations

import dataclasses
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from gateway import errors
from gateway.core.cohorts.failures import Failure
from gateway.core.cohorts.load import State
from gateway.flows.cohorts import file_reading, load
from gateway.flows.cohorts.file_reading import Tally
from gateway.store.cohorts import definitions, plans, receipts

if TYPE_CHECKING:
    import datetime
    from collections.abc import Mapping, Sequence

    from gateway.core.cohorts.load import Load, Rows
    from gateway.store.db.engine import Pool

Asked = receipts.Asked

_FORGOTTEN: Final = "the definition that this load was to read is not kept any more"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Defined:
    """What a load is to read: the definition, and the source that it is one of."""

    source: str
    source_id: int
    kind: str
    definition: Mapping[str, Any]


def of_load(pool: Pool, one: Load, asked: Asked) -> Defined:
    """Find what a load is to read. Raises errors.ReadFailed, and errors.Conflict if it ended."""
    with pool.read() as conn:
        plan = plans.get(conn, one.cohort_id)
        if plan is None or asked.definition_number is None:
            raise errors.Conflict(load.ENDED)
        found = definitions.get(conn, one.cohort_id, asked.definition_number)
    if found is None:
        raise errors.ReadFailed(Failure.INTERNAL, _FORGOTTEN, hint="Load the cohort again.")
    return Defined(
        source=plan.source,
        source_id=plan.source_id,
        kind=plan.kind,
        definition=found.definition,
    )


def is_being_read(pool: Pool, one: Load) -> bool:
    """Tell whether a load still is to be read; while nothing can be told, it is."""
    try:
        with pool.read() as conn:
            return receipts.state(conn, one.cohort_id, one.number) == State.READING
    except errors.Unavailable:
        return True


class Reading:
    """The reading of one load: what was read is staged, and counted in `tally`."""

    def __init__(self, pool: Pool, one: Load) -> None:
        self._pool = pool
        self._load = one
        self._erased = file_reading.erased_before(pool, one)
        self.tally = Tally(bare=False, warnings=Counter())

    def note_columns(self, names: Sequence[str]) -> None:
        """Note the columns of the result, for its rejected rows. Raises errors.Conflict."""
        self.note({"columns": list(names)})

    def note(self, kept: Mapping[str, Any]) -> None:
        """Note what is known before the first row, with the load. Raises errors.Conflict."""
        with self._pool.begin() as conn:
            if not receipts.note_file(conn, self._load, file=kept, bare=False, warnings={}):
                raise errors.Conflict(load.ENDED)

    def add(self, rows: Rows, *, now: datetime.datetime) -> None:
        """Stage the next rows. Raises errors.Conflict if the load has ended."""
        file_reading.stage(self._pool, self._load, self.tally, rows, self._erased, now=now)
