"""`cohort`: what the gateway holds, listed, shown, deleted and restored without the API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import click

from gateway.commands import output, place
from gateway.core.access.actor import COMMAND
from gateway.flows.cohorts import admin, lookup
from gateway.flows.cohorts.read_routing import Readers
from gateway.handlers.cohorts import ids, response_schemas
from gateway.handlers.http import schemas

if TYPE_CHECKING:
    import datetime
    from collections.abc import Iterator

    from gateway.store.cohorts.cohorts import Cohort
    from gateway.store.db.engine import Pool

PART: Final = 1000
SYNCS: Final = 3


@click.group()
def cohort() -> None:
    """Look at cohorts, delete and restore them.

    Example: python -m gateway cohort list --source default
    """


@cohort.command("list")
@click.option("--source", metavar="SLUG", help="Only of this source.")
@click.option("--project", metavar="ID", help="Only of this Mixpanel project.")
@click.option("--external-id", metavar="ID", help="Only with this id in Mixpanel.")
@click.option("--name", help="Only of this name.")
@click.option("--deleted", is_flag=True, help="Deleted ones instead, the newest deletion first.")
@output.as_json
def list_cohorts(
    *,
    source: str | None,
    project: str | None,
    external_id: str | None,
    name: str | None,
    deleted: bool,
    as_json: bool,
) -> None:
    """List cohorts by their id here.

    Example: python -m gateway cohort list --deleted
    """
    which = lookup.Filter(source=source, project_id=project, external_id=external_id, name=name)
    with place.database(place.settings()) as pool:
        if deleted:
            _show_deleted(admin.deleted_cohorts(pool, which), as_json=as_json)
            return
        found = list(_all(pool, which))
    if as_json:
        output.document({"cohorts": [_as_json(one) for one in found]})
        return
    rows = [
        (
            str(one.id),
            one.source,
            one.project_id,
            one.external_id,
            f"{one.member_count}",
            _minute(one.last_synced_at) + (" stale" if one.stale else ""),
            one.name,
        )
        for one in found
    ]
    place.table(("ID", "SOURCE", "PROJECT", "COHORT", "MEMBERS", "LAST SYNC (UTC)", "NAME"), rows)


@cohort.command()
@click.argument("cohort_id", metavar="ID")
@output.as_json
def show(cohort_id: str, as_json: bool) -> None:  # noqa: FBT001 - a flag of the command line
    """Show a cohort and its newest syncs, by its id here.

    Example: python -m gateway cohort show 1
    """
    number = ids.cohort(cohort_id)
    with place.database(place.settings()) as pool:
        readers = Readers(pool)
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
    """Delete a cohort: each member exits, and its pages are answered 404.

    The same as DELETE /v1/cohorts/{id}. End its sync in Mixpanel first, or it will be paused there.

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
    """Restore a deleted cohort, empty; its members come with the next full sync.

    The same as POST /v1/cohorts/{id}/restore.

    Example: python -m gateway cohort restore 1
    """
    number = ids.cohort(cohort_id)
    with place.database(place.settings()) as pool:
        admin.restore_cohort(pool, number, now=place.now(), actor=COMMAND)
    if as_json:
        output.document({"id": cohort_id, "deleted": False})
    else:
        click.echo(f"The cohort {cohort_id} takes pages again; ask Mixpanel for a full sync.")


def _all(pool: Pool, which: lookup.Filter) -> Iterator[Cohort]:
    readers, after, now = Readers(pool), 0, place.now()
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
