"""`cohort`: what the gateway holds, listed, shown, deleted and restored without the API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import click

from gateway.commands import output, place
from gateway.core.access.actor import COMMAND
from gateway.core.cohorts import kinds
from gateway.core.cohorts.guard import FROM_MEMBERS, SHRINK_PERCENT
from gateway.flows.cohorts import admin, lookup
from gateway.flows.cohorts.read_routing import ReadRouter
from gateway.flows.sources import cohorts as flow
from gateway.handlers.cohorts import ids, response_schemas, setting_requests
from gateway.handlers.http import forms, schemas

if TYPE_CHECKING:
    import datetime
    from collections.abc import Iterator

    from gateway.store.cohorts.cohorts import Cohort
    from gateway.store.db.engine import Pool

PART: Final = 1000
SYNCS: Final = 3
HEAD: Final = ("ID", "SOURCE", "PROJECT", "COHORT", "MEMBERS", "LAST SYNC (UTC)", "NAME")


_DESCRIPTION = click.option("--description", metavar="TEXT", help="What it is for.")
_SHRINK = click.option(
    "--shrink-percent",
    type=click.FloatRange(0, 100),
    metavar="N",
    help=f"The largest share that a file may take out unasked ({SHRINK_PERCENT}).",
)
_FROM = click.option(
    "--from-members",
    type=click.IntRange(min=0),
    metavar="N",
    help=f"Do not guard smaller cohorts ({FROM_MEMBERS}).",
)
_NO_GUARD = click.option("--no-guard", is_flag=True, help="Let a file take out any share.")


@click.group()
def cohort() -> None:
    """Make, change, list, delete and restore cohorts.

    Example: python -m gateway cohort list --source default
    """


@cohort.command("list")
@click.option("--source", metavar="SLUG", help="Only of this source.")
@click.option("--project", metavar="ID", help="Only of this Mixpanel project.")
@click.option("--external-id", metavar="ID", help="Only with this id in Mixpanel.")
@click.option("--name", help="Only of this name.")
@click.option("--kind", help="Only of sources of this kind.")
@click.option("--search", metavar="TEXT", help="Only with this in their name.")
@click.option("--deleted", is_flag=True, help="Deleted ones instead, the newest deletion first.")
@output.as_json
def list_cohorts(
    *,
    source: str | None,
    project: str | None,
    external_id: str | None,
    name: str | None,
    kind: str | None,
    search: str | None,
    deleted: bool,
    as_json: bool,
) -> None:
    """List cohorts by their id here.

    Example: python -m gateway cohort list --deleted
    """
    which = lookup.Filter(
        source=source,
        project_id=project,
        external_id=external_id,
        name=name,
        kind=kind,
        search=search,
    )
    with place.database(place.settings()) as pool:
        if deleted:
            _show_deleted(admin.deleted_cohorts(pool, which), as_json=as_json)
            return
        found = list(_all(pool, which))
    if as_json:
        output.document({"cohorts": [_as_json(one) for one in found]})
        return
    place.table(HEAD, [_row(one) for one in found])


@cohort.command()
@click.argument("name")
@click.option("--source", default="lists", show_default=True, metavar="SLUG")
@click.option("--external-id", metavar="ID", help="Its id for other systems; given by default.")
@_DESCRIPTION
@_SHRINK
@_FROM
@_NO_GUARD
@output.as_json
def create(
    *,
    name: str,
    source: str,
    external_id: str | None,
    description: str | None,
    shrink_percent: float | None,
    from_members: int | None,
    no_guard: bool,
    as_json: bool,
) -> None:
    """Make an empty cohort of a source, by default one for files and pushed members.

    The same as POST /v1/cohorts.

    Example: python -m gateway cohort create VIPs --external-id vip
    """
    settings = place.settings()
    sent = {
        "source": source,
        "name": name,
        "external_id": external_id,
        "description": description,
        **_guard(shrink_percent, from_members, off=no_guard),
    }
    wanted = forms.load(setting_requests.NewCohortForm, sent)
    most, now = settings.max_cohorts, place.now()
    with place.database(settings) as pool:
        made = flow.create(pool, wanted, max_cohorts=most, now=now, actor=COMMAND)
    if as_json:
        output.document(_as_json(made))
    else:
        output.say(f"The cohort {made.id} is made: {made.name}, external id {made.external_id}.")


@cohort.command()
@click.argument("cohort_id", metavar="ID")
@click.option("--name", help="What people call it.")
@_DESCRIPTION
@_SHRINK
@_FROM
@_NO_GUARD
@output.as_json
def change(
    *,
    cohort_id: str,
    name: str | None,
    description: str | None,
    shrink_percent: float | None,
    from_members: int | None,
    no_guard: bool,
    as_json: bool,
) -> None:
    """Change what a cohort is called, or how it is guarded; an empty description removes it.

    The same as PATCH /v1/cohorts/{id}.

    Example: python -m gateway cohort change 17 --name VIPs --no-guard
    """
    sent: dict[str, object] = _guard(shrink_percent, from_members, off=no_guard)
    if name is not None:
        sent["name"] = name
    if description is not None:
        sent["description"] = description or None
    if not sent:
        raise click.UsageError("Nothing to change; give --name, for example.")
    changes = forms.load(setting_requests.CohortForm, sent)
    number = ids.cohort(cohort_id)
    with place.database(place.settings()) as pool:
        found = flow.change(pool, number, changes, now=place.now(), actor=COMMAND)
    if as_json:
        output.document(_as_json(found))
    else:
        output.say(f"The cohort {cohort_id} is changed.")


@cohort.command()
@click.argument("cohort_id", metavar="ID")
@output.as_json
def show(cohort_id: str, as_json: bool) -> None:  # noqa: FBT001 - a flag of the command line
    """Show a cohort and its newest syncs, by its id here.

    Example: python -m gateway cohort show 1
    """
    number = ids.cohort(cohort_id)
    with place.database(place.settings()) as pool:
        readers = ReadRouter(pool)
        found = lookup.cohort(readers, number, now=place.now())
        syncs = lookup.syncs(readers, number, before=lookup.NEWEST_SYNC, limit=SYNCS).answer
    shown = _as_json(found)
    reports = [_dump(response_schemas.SyncAnswer, one) for one in (syncs.items if syncs else ())]
    if as_json:
        output.document({**shown, "syncs": reports})
        return
    for name, value in shown.items():
        output.say(f"  {name.replace('_', ' '):16}{'-' if value is None else value}")
    click.echo()
    rows = [
        (
            one["action"],
            one["state"],
            f"{one['pages_received']}/{one['total_pages']}",
            f"{one['entered']}",
            f"{one['exited']}",
            f"{sum(one['skipped'].values())}",
            f"{one['started_at'][:16]}",
        )
        for one in reports
    ]
    head = ("SYNC", "STATE", "PAGES", "ENTERED", "EXITED", "SKIPPED", "STARTED (UTC)")
    place.table(head, rows)


@cohort.command()
@click.argument("cohort_id", metavar="ID")
@click.option("--yes", is_flag=True, help="Do not ask.")
@output.as_json
def delete(*, cohort_id: str, yes: bool, as_json: bool) -> None:
    """Delete a cohort: each member exits, and pages of it are answered 404.

    The same as DELETE /v1/cohorts/{id}. Of a cohort of Mixpanel's, end the sync there first, or it
    will be paused.

    Example: python -m gateway cohort delete 1 --yes
    """
    number = ids.cohort(cohort_id)
    place.confirm(yes, f"Delete the cohort {cohort_id} with all its members?")
    with place.database(place.settings()) as pool:
        admin.delete_cohort(pool, number, now=place.now(), actor=COMMAND)
    if as_json:
        output.document({"id": cohort_id, "deleted": True})
    else:
        click.echo(f"The cohort {cohort_id} is deleted; `cohort restore` brings it back, empty.")


@cohort.command()
@click.argument("cohort_id", metavar="ID")
@output.as_json
def restore(cohort_id: str, as_json: bool) -> None:  # noqa: FBT001 - a flag of the command line
    """Restore a deleted cohort, empty; Mixpanel's members come with the next full sync.

    The same as POST /v1/cohorts/{id}/restore.

    Example: python -m gateway cohort restore 1
    """
    number = ids.cohort(cohort_id)
    with place.database(place.settings()) as pool:
        admin.restore_cohort(pool, number, now=place.now(), actor=COMMAND)
        kind = lookup.cohort(ReadRouter(pool), number, now=place.now()).kind
    if as_json:
        output.document({"id": cohort_id, "deleted": False})
    elif kind == kinds.MIXPANEL:
        click.echo(f"The cohort {cohort_id} takes pages again; ask Mixpanel for a full sync.")
    else:
        click.echo(f"The cohort {cohort_id} is there again, empty.")


def _guard(
    shrink_percent: float | None, from_members: int | None, *, off: bool
) -> dict[str, object]:
    """Read the guard that the options name, as a call would send it; nothing if they name none."""
    given = {"shrink_percent": shrink_percent, "from_members": from_members}
    parts = {name: one for name, one in given.items() if one is not None}
    if off and parts:
        raise click.UsageError("--no-guard takes no other option of the guard.")
    return {"guard": None} if off else {"guard": parts} if parts else {}


def _row(one: lookup.Cohort) -> tuple[str, ...]:
    return (
        str(one.id),
        one.source,
        one.project_id,
        one.external_id,
        f"{one.member_count}",
        _minute(one.last_synced_at) + (" stale" if one.stale else ""),
        one.name,
    )


def _all(pool: Pool, which: lookup.Filter) -> Iterator[Cohort]:
    readers, after, now = ReadRouter(pool), 0, place.now()
    while True:
        part = lookup.cohorts(readers, which, after=after, limit=PART, now=now)
        yield from part.items
        if part.end is None:
            return
        (after,) = part.end


def _show_deleted(found: list[admin.Deleted], *, as_json: bool) -> None:
    if as_json:
        output.document(
            {
                "cohorts": [
                    {
                        "id": str(one.id),
                        "source": one.source,
                        "project_id": one.project_id,
                        "external_id": one.external_id,
                        "name": one.name,
                        "deleted_at": place.moment(one.deleted_at),
                    }
                    for one in found
                ]
            }
        )
        return
    rows = [
        (
            str(one.id),
            one.source,
            one.project_id,
            one.external_id,
            _minute(one.deleted_at),
            one.name,
        )
        for one in found
    ]
    place.table(("ID", "SOURCE", "PROJECT", "COHORT", "DELETED (UTC)", "NAME"), rows)


def _as_json(one: Cohort) -> dict[str, Any]:
    return _dump(response_schemas.CohortAnswer, one)


def _dump(schema: type[schemas.Shown], value: object) -> dict[str, Any]:
    dumped: dict[str, Any] = schemas.of(schema).dump(value)
    return dumped


def _minute(at: datetime.datetime | None) -> str:
    return "-" if at is None else f"{at:%Y-%m-%d %H:%M}"
