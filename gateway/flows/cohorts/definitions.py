"""Definitions of cohorts: numbered when they change, and never in a circle."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from gateway import errors
from gateway.errors import Fault
from gateway.flows.cohorts import lookup
from gateway.store.cohorts import cohort_version, definitions

if TYPE_CHECKING:
    import datetime
    from collections.abc import Mapping

    from sqlalchemy import Connection

    from gateway.store.cohorts.definitions import Definition
    from gateway.store.db.engine import Pool

# So many are listed of a cohort.
LISTED: Final = 50


class Cycle(errors.Invalid):
    """A definition looks into a cohort that looks into its own."""

    code = "cycle"


def put(
    conn: Connection,
    cohort_id: int,
    written: str,
    *,
    named: Mapping[str, int],
    by: str | None,
    now: datetime.datetime,
) -> int | None:
    """Give a cohort another definition, as JSON; returns its number, None if it is the same.

    `named` are the cohorts that it looks into, by the path of each. The caller has locked the
    cohort. Raises errors.Invalid for one that is not there, and Cycle.
    """
    if named:
        definitions.lock(conn)
        _require(conn, cohort_id, named)
    return definitions.put(conn, cohort_id, written, set(named.values()), by=by, now=now)


def listing(pool: Pool, cohort_id: int) -> list[Definition]:
    """List the definitions of a cohort, the newest first. Raises errors.NotFound."""
    with pool.read() as conn:
        if cohort_version.get(conn, cohort_id) is None:
            raise errors.NotFound(lookup.NO_COHORT)
        return definitions.listing(conn, cohort_id, limit=LISTED)


def _require(conn: Connection, cohort_id: int, named: Mapping[str, int]) -> None:
    there = definitions.there(conn, set(named.values()))
    faults = [
        Fault(path, "there is no such cohort, or it was deleted")
        for path, one in named.items()
        if one not in there
    ]
    if faults:
        raise errors.Invalid(faults)
    way = definitions.way_to(conn, set(named.values()), cohort_id)
    if way is not None:
        path = next(path for path, one in named.items() if one == way[0])
        around = " → ".join(map(str, [cohort_id, *way]))
        raise Cycle([Fault(path, f"the cohorts look into each other: {around}")])
