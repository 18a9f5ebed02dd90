"""`restored`: a database that came out of a backup is given an epoch of its own."""

from __future__ import annotations

import json

import click

from gateway.commands import place
from gateway.flows import restored as flow


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def restored(as_json: bool) -> None:  # noqa: FBT001 - a flag of the command line
    """Begin a new epoch: run it once after the database was restored from a backup.

    Numbers of changes are given out again after a restore. Services that follow changes see by the
    epoch in every answer that their position is of the time before, and read their cohorts anew.

    Example: DATABASE_URL=postgresql://… python -m gateway restored
    """
    with place.database(place.settings()) as pool:
        epoch = flow.begin_epoch(pool)
    click.echo(json.dumps({"epoch": epoch}) if as_json else f"The epoch is {epoch} now.")
