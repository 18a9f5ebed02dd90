"""Reading a query: the members that a database answers are staged as pages of the load."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Final

from gateway import errors
from gateway.core.cohorts.failures import Failure
from gateway.database_errors import QueryRefused, ReadCanceled
from gateway.flows.cohorts import definition_reading
from gateway.flows.cohorts import load as loading
from gateway.flows.sources import databases
from gateway.sources.sql import definition, reading

if TYPE_CHECKING:
    import datetime
    from collections.abc import Callable

    from gateway.core.cohorts.load import Load
    from gateway.flows.cohorts.file_reading import Tally
    from gateway.flows.sources.setup import Setup
    from gateway.sources.sql.definition import Definition
    from gateway.sources.sql.vendor import Vendor
    from gateway.store.db.engine import Pool

    Asked = definition_reading.Asked

_GONE: Final = "the source of this cohort is no database any more"


class QueryReader:
    """Reads definitions of databases; a value of `load_reader.ReadDefinition`."""

    def __init__(self, setup: Setup) -> None:
        self._setup = setup

    def __call__(
        self,
        pool: Pool,
        one: Load,
        asked: Asked,
        *,
        check: Callable[[], None],
        now: Callable[[], datetime.datetime],
    ) -> Tally:
        """Read what the database answers, to its end.

        Raises errors.ReadFailed, errors.Conflict if the load was canceled, and what `check` does.
        """
        plan, setup = definition_reading.of_load(pool, one, asked), self._setup
        vendor = _vendor(setup, plan.kind)
        defined = _checked(plan.definition, vendor)
        found, seconds = databases.find(pool, plan.source, now=now()), setup.query_seconds
        target = databases.target(pool, setup, found, vendor, limit_seconds=seconds)
        so_far = definition_reading.Reading(pool, one)

        def is_wanted() -> bool:
            return definition_reading.is_being_read(pool, one) and not _raises(check)

        with contextlib.closing(reading.open_session(vendor, target)) as session:
            batches = reading.read(
                session,
                defined,
                limit_seconds=seconds,
                most_rows=setup.query_rows,
                is_wanted=is_wanted,
                note_columns=so_far.note_columns,
            )
            try:
                for batch in batches:
                    check()
                    so_far.add(batch, now=now())
            except ReadCanceled as error:
                check()
                raise errors.Conflict(loading.ENDED) from error
        return so_far.tally


def _vendor(setup: Setup, kind: str) -> Vendor:
    vendor = setup.vendor(kind)
    if vendor is None:
        raise errors.ReadFailed(Failure.DRIVER_MISSING, _GONE, hint="Make the cohort anew.")
    return vendor


def _checked(given: object, vendor: Vendor) -> Definition:
    """Check a definition once more: it may be of an older version, or of another dialect."""
    try:
        return definition.read(given, vendor.dialect)  # type: ignore[arg-type] # it was checked
    except QueryRefused as error:
        failure, hint = Failure(error.failure), "Change the query of the cohort."
        raise errors.ReadFailed(failure, str(error), hint=hint) from error
    except errors.Invalid as error:
        hint = "Change the definition of the cohort."
        raise errors.ReadFailed(Failure.QUERY_INVALID, str(error), hint=hint) from error


def _raises(check: Callable[[], None]) -> bool:
    """Tell whether the process must not go on; `check` then says why where it reads."""
    try:
        check()
    except Exception:  # noqa: BLE001 - the thread of the reading raises it again
        return True
    return False
