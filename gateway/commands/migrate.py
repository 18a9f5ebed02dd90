"""`migrate`: a schema made ready for this version."""

from __future__ import annotations

import click

from gateway.commands import place
from gateway.flows import schema


@click.command()
def migrate() -> None:
    """Bring the database's schema to this version; running it again does nothing.

    Example: DATABASE_URL=postgresql://… python -m gateway migrate
    """
    pool = place.connect(place.settings())
    with place.reachable(pool):
        revision = schema.migrate(pool)
    click.echo(f"the database is at revision {revision}")
