"""`member`: the cohorts that a person is in."""

from __future__ import annotations

import json

import click

from gateway import errors
from gateway.commands import output, place
from gateway.flows.cohorts import lookup
from gateway.flows.cohorts.read_routing import ReadRouter


@click.group()
def member() -> None:
    """Look a person up.

    Example: python -m gateway member show user-42
    """


@member.command()
@click.argument("member_id")
@click.option("--source", metavar="SLUG", help="Only in this source.")
@click.option("--project", metavar="ID", help="Only in this Mixpanel project.")
@click.option("--profile", is_flag=True, help="With the profile that each cohort has.")
@output.as_json
def show(
    *, member_id: str, source: str | None, project: str | None, profile: bool, as_json: bool
) -> None:
    """Show the cohorts that a person is in now, and since when.

    An id that begins with - goes after --.

    Example: python -m gateway member show user-42 --profile
    """
    place.require_member_id(member_id)
    with place.database(place.settings()) as pool:
        readers = ReadRouter(pool)
        found = _cohorts(readers, member_id, source=source, project_id=project)
        shown = [
            {
                **one,
                "entered_at": place.moment(one["entered_at"]),
                **({"profile": _profile(readers, one["id"], member_id)} if profile else {}),
            }
            for one in found
        ]
    if as_json:
        output.document({"member_id": member_id, "cohorts": shown})
        return
    rows = [
        (
            one["id"],
            one["source"],
            one["project_id"],
            f"{one['entered_at']:%Y-%m-%d %H:%M}",
            one["name"],
        )
        for one in found
    ]
    place.table(("COHORT", "SOURCE", "PROJECT", "SINCE (UTC)", "NAME"), rows)
    for one in shown if profile else ():
        click.echo(f"\nProfile in cohort {one['id']}:")
        click.echo(json.dumps(one["profile"], indent=2, ensure_ascii=False))


def _cohorts(
    readers: ReadRouter, member_id: str, *, source: str | None, project_id: str | None
) -> list[lookup.MembershipOf]:
    """List all cohorts of a person, part by part."""
    found, end = list[lookup.MembershipOf](), (0,)
    while True:
        (after,) = end
        part = lookup.cohorts_of(
            readers,
            member_id,
            source=source,
            project_id=project_id,
            now=place.now(),
            after=after,
        )
        found += part.items
        if part.end is None:
            return found
        end = part.end


def _profile(readers: ReadRouter, cohort_id: str, member_id: str) -> object:
    """Read the profile; None if the person has left meanwhile."""
    try:
        return json.loads(lookup.member(readers, int(cohort_id), member_id))
    except errors.NotFound:
        return None
