"""`migrate`: a schema made ready for this version."""

from __future__ import annotations

import click

from gateway.commands import output, place
from gateway.flows.health import schema


@click.command()
@output.as_json
def migrate(as_json: bool) -> None:  # noqa: FBT001 - a flag of the command line
    """Bring the database's schema to this version; running it again does nothing.

    The sources that come with this version are made, too.

    Example: DATABASE_URL=postgresql://… python -m gateway migrate
    """
    pool = place.connect(place.settings())
    with place.reachable(pool):
        revision = schema.prepare(pool, now=place.now())
    if as_json:
        output.document({"revision": revision})
    else:
        click.echo(f"the database is at revision {revision}")
