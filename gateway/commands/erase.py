"""`erase`: a person is taken out of everything that is kept."""

from __future__ import annotations

import math

import click

from gateway import errors
from gateway.commands import output, place
from gateway.flows import erasure
from gateway.flows.cohorts.erase import Where
from gateway.flows.sources import admin


@click.command()
@click.argument("member_id")
@click.option("--source", metavar="SLUG", help="Only in this source; everywhere by default.")
@click.option("--project", metavar="ID", help="Only in this project; in all by default.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@output.as_json
def erase(
    *,
    member_id: str,
    source: str | None,
    project: str | None,
    yes: bool,
    as_json: bool,
) -> None:
    """Erase a person: memberships, profiles, received pages, and the id in the history.

    The same as DELETE /v1/members/{member_id}. Syncs that began before do not bring them back,
    later ones may: delete them in Mixpanel too. An id that begins with - goes after --.

    Example: python -m gateway erase user-42 --yes
    """
    place.require_member_id(member_id)
    sources_named = f"in the source {source}" if source else "in every source"
    where = f"{sources_named}, in {f'the project {project}' if project else 'every project'}"
    place.confirm(yes, f"Erase {member_id} {where}?")
    with place.database(place.settings()) as pool:
        if source is not None:
            admin.require(pool, source, now=place.now())
        through = erasure.erase(
            pool,
            member_id,
            Where(source=source, project_id=project),
            now=place.now(),
            redact_seconds=math.inf,
            scrub_seconds=math.inf,
            answer_seconds=math.inf,
        )
    if not through:
        raise errors.CommandFailed(
            "nothing of this person is left to read, but the history or received pages may still"
            " hold the id; the scheduler goes on taking it out, or run this again",
        )
    if as_json:
        output.document({"member_id": member_id, "source": source, "project_id": project})
    else:
        click.echo(f"Nothing is kept of this person {where}.")
