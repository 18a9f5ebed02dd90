"""Sync jobs and runs as commands print them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from gateway.commands import place
from gateway.handlers.http import schemas
from gateway.handlers.syncs import job_schemas

if TYPE_CHECKING:
    from gateway.flows.syncs.overview import JobEntry, RunEntry

HEAD: Final = ("ID", "COHORT", "DESTINATION", "FREQUENCY", "STATE", "LAST RUN", "ERROR")
RUN_HEAD: Final = ("RUN", "TRIGGER", "STATE", "ADDED", "REMOVED", "SKIPPED", "REJECTED", "ERROR")


def shown(found: JobEntry) -> dict[str, Any]:
    """Return a job as the API shows it."""
    dumped: dict[str, Any] = schemas.of(job_schemas.JobAnswer).dump(found)
    return dumped


def run_shown(found: RunEntry) -> dict[str, Any]:
    """Return a run as the API shows it."""
    dumped: dict[str, Any] = schemas.of(job_schemas.RunAnswer).dump(found)
    return dumped


def row(one: JobEntry) -> tuple[str, ...]:
    """Write a job in a line of a table."""
    last = "-" if one.last_run is None else f"{one.last_run.number} {one.last_run.state}"
    error = "-" if one.error is None else one.error.code
    return (one.id, one.cohort_id, one.destination, one.frequency, one.state, last, error)


def run_row(one: RunEntry) -> tuple[str, ...]:
    """Write a run in a line of a table."""
    skipped, rejected = sum(one.skipped.values()), sum(one.rejected.values())
    counts = (one.added, one.removed, skipped, rejected)
    error = "-" if one.error is None else one.error["code"]
    return (str(one.number), one.trigger, one.state, *map(str, counts), error)


def lines(one: JobEntry) -> list[str]:
    """Write what a job is set to, and how it fares."""
    planned = place.moment(one.next_run_at) or "not planned"
    well = place.moment(one.last_ok_at) or "never"
    mapped = ", ".join(f"{name}={field}" for name, field in one.mapping.items())
    found = [
        f"Sync job {one.id}: the cohort {one.cohort_id} to {one.destination}, {one.state}",
        f"  {one.mode}, {one.frequency}; next run {planned}, last went well {well}",
        f"  sends {mapped or 'what the destination takes by itself'}",
    ]
    if one.suppress:
        found.append(f"  never the members of the cohorts {', '.join(one.suppress)}")
    if one.error is not None:
        found.append(f"  {one.error.code}: {one.error.message}")
    last = one.last_run
    if last is not None and last.state == "needs_approval":
        found.append(
            f"  the run {last.number} waits: it would remove {last.would_remove} members;"
            f" python -m gateway sync-job approve {one.id} {last.number}"
        )
    return found
