"""`sync-job`: cohorts that are kept at destinations, made, looked at, run, paused, deleted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import click

from gateway.commands import output, place, sending, sync_job_forms, sync_job_rows
from gateway.core.access.actor import COMMAND
from gateway.core.syncs.job import Asked, State
from gateway.flows.syncs import deletion, overview
from gateway.flows.syncs import jobs as flow
from gateway.handlers.syncs import job_requests, jobs

if TYPE_CHECKING:
    from collections.abc import Callable

    from gateway.store.db.engine import Pool

_MOST: Final = 10_000
_RUNS: Final = 20
_NEWEST: Final = 2**31 - 1


@click.group("sync-job")
def sync_job() -> None:
    """Manage sync jobs, each of which keeps a cohort at a destination.

    Example: python -m gateway sync-job list --state stopped
    """


for _command in (sync_job_forms.create, sync_job_forms.preview, sync_job_forms.change):
    sync_job.add_command(_command)


@sync_job.command("list")
@click.option("--cohort", "cohort_id", metavar="ID", type=click.IntRange(1), help="Only of this.")
@click.option("--destination", metavar="SLUG", help="Only to this destination.")
@click.option(
    "--state", type=click.Choice([state.value for state in State]), help="Only in this state."
)
@output.as_json
def list_jobs(
    *, cohort_id: int | None, destination: str | None, state: str | None, as_json: bool
) -> None:
    """List sync jobs by their id.

    Example: python -m gateway sync-job list --destination crm
    """
    with place.database(place.settings()) as pool:
        found = overview.listing(
            pool, cohort=cohort_id, slug=destination, state=state, after=0, limit=_MOST
        ).items
    if as_json:
        output.document({"sync_jobs": [sync_job_rows.shown(one) for one in found]})
        return
    place.table(sync_job_rows.HEAD, [sync_job_rows.row(one) for one in found])


@sync_job.command()
@click.argument("job_id", metavar="ID")
@output.as_json
def show(job_id: str, as_json: bool) -> None:  # noqa: FBT001 - a flag of the command line
    """Show what a job is set to, how it fares, and its newest runs.

    Example: python -m gateway sync-job show 3
    """
    number = job_requests.number(job_id)
    with place.database(place.settings()) as pool:
        found = overview.entry(pool, number)
        runs = overview.list_runs(pool, number, before=_NEWEST, limit=_RUNS).items
    if as_json:
        listed = [sync_job_rows.run_shown(one) for one in runs]
        output.document({**sync_job_rows.shown(found), "runs": listed})
        return
    for line in sync_job_rows.lines(found):
        output.say(line)
    click.echo()
    place.table(sync_job_rows.RUN_HEAD, [sync_job_rows.run_row(one) for one in runs])


@sync_job.command()
@click.argument("job_id", metavar="ID")
@click.argument("number", metavar="RUN")
@output.as_json
def rejected(job_id: str, number: str, as_json: bool) -> None:  # noqa: FBT001 - a flag
    """Print the rows of a run that the vendor rejected, as CSV with its words.

    Example: python -m gateway sync-job rejected 3 12
    """
    one, run = job_requests.number(job_id), job_requests.number(number)
    with place.database(place.settings()) as pool:
        found = overview.rejected(pool, one, run, now=place.now(), actor=COMMAND)
        if as_json:
            names = ("member_id", "reason", "message")
            output.document([dict(zip(names, row, strict=True)) for row in found])
            return
        for line in jobs.write_csv(found):
            click.echo(line, nl=False)


@sync_job.command()
@click.argument("job_id", metavar="ID")
@output.as_json
def run(job_id: str, as_json: bool) -> None:  # noqa: FBT001 - a flag of the command line
    """Have a job run now.

    Example: python -m gateway sync-job run 3
    """
    _do(flow.run, job_id, "runs now", as_json=as_json)


@sync_job.command()
@click.argument("job_id", metavar="ID")
@click.option("--yes", is_flag=True, help="Do not ask.")
@output.as_json
def resync(*, job_id: str, yes: bool, as_json: bool) -> None:
    """Have a job compare with nothing and send everything anew.

    Also starts one that is stopped or done. Some destinations lose what others put there.

    Example: python -m gateway sync-job resync 3 --yes
    """
    number = job_requests.number(job_id)
    with place.database(place.settings()) as pool:
        members = overview.count(pool, number).members
        place.confirm(yes, f"Send all {members} members of the job {number} anew?")
        flow.run(pool, number, asked=Asked.RESYNC, now=place.now(), actor=COMMAND)
        _tell(pool, number, f"sends its {members} members anew", as_json=as_json)


@sync_job.command()
@click.argument("job_id", metavar="ID")
@output.as_json
def pause(job_id: str, as_json: bool) -> None:  # noqa: FBT001 - a flag of the command line
    """Send nothing of a job until it is resumed; erasures go on.

    Example: python -m gateway sync-job pause 3
    """
    _do(flow.pause, job_id, "is paused", as_json=as_json)


@sync_job.command()
@click.argument("job_id", metavar="ID")
@output.as_json
def resume(job_id: str, as_json: bool) -> None:  # noqa: FBT001 - a flag of the command line
    """Let a job that is paused or stopped go on at once.

    Example: python -m gateway sync-job resume 3
    """
    _do(flow.resume, job_id, "goes on", as_json=as_json)


@sync_job.command()
@click.argument("job_id", metavar="ID")
@click.argument("number", metavar="RUN")
@output.as_json
def approve(job_id: str, number: str, as_json: bool) -> None:  # noqa: FBT001 - a flag
    """Let a run go on that would remove many; `sync-job show` says how many.

    Example: python -m gateway sync-job approve 3 12
    """
    one, run_number = job_requests.number(job_id), job_requests.number(number)
    with place.database(place.settings()) as pool:
        flow.approve(pool, one, run_number, now=place.now(), actor=COMMAND)
        _tell(pool, one, f"goes on with its run {run_number}", as_json=as_json)


@sync_job.command()
@click.argument("job_id", metavar="ID")
@click.option("--remove", is_flag=True, help="First take out all that it has added there.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@output.as_json
def delete(*, job_id: str, remove: bool, yes: bool, as_json: bool) -> None:
    """Delete a job; what it has sent stays at the destination unless --remove is given.

    Example: python -m gateway sync-job delete 3 --remove --yes
    """
    number = job_requests.number(job_id)
    with sending.opened() as (pool, setup):
        sent = overview.count(pool, number).sent
        what = f"take its {sent} members out there" if remove else f"leave its {sent} members there"
        place.confirm(yes, f"Delete the job {number}, and {what}?")
        later = deletion.delete(pool, number, setup, remove=remove, now=place.now(), actor=COMMAND)
    if as_json:
        output.document({"id": str(number), "deleted": not later, "removing": later, "sent": sent})
        return
    ending = f"is deleted when its {sent} members are taken out" if later else "is deleted"
    output.say(f"The sync job {number} {ending}.")


def _do(act: Callable[..., object], job_id: str, what: str, *, as_json: bool) -> None:
    number = job_requests.number(job_id)
    with place.database(place.settings()) as pool:
        act(pool, number, now=place.now(), actor=COMMAND)
        _tell(pool, number, what, as_json=as_json)


def _tell(pool: Pool, number: int, what: str, *, as_json: bool) -> None:
    if as_json:
        output.document(sync_job_rows.shown(overview.entry(pool, number)))
        return
    output.say(f"The sync job {number} {what}.")
