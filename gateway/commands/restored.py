"""`restored`: a database that came out of a backup is given an epoch of its own."""

from __future__ import annotations

import click

from gateway.commands import output, place
from gateway.core.access.actor import COMMAND
from gateway.flows.cohorts import restored as flow


@click.command()
@output.as_json
def restored(as_json: bool) -> None:  # noqa: FBT001 - a flag of the command line
    """Begin a new epoch: run it once after the database was restored from a backup.

    Numbers of changes are given out again after a restore. Services that follow changes see by the
    epoch in every answer that their position is of the time before, and read their cohorts anew.

    Example: DATABASE_URL=postgresql://… python -m gateway restored
    """
    with place.database(place.settings()) as pool:
        epoch = flow.begin_epoch(pool, now=place.now(), actor=COMMAND)
    if as_json:
        output.document({"epoch": epoch})
    else:
        click.echo(f"The epoch is {epoch} now.")
