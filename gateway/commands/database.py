"""`migrate` and `bootstrap`: a database made ready for this version."""

from __future__ import annotations

import os

import click

from gateway.commands import place
from gateway.flows import bootstrap as flow
from gateway.flows import ready
from gateway.settings import Settings


@click.command()
def migrate() -> None:
    """Bring the database's schema to this version; running it again does nothing.

    Example: DATABASE_URL=postgresql://… python -m gateway migrate
    """
    pool = place.connect(Settings.from_environ(os.environ))
    with place.reachable(pool):
        revision = ready.migrate_database(pool)
    click.echo(f"the database is at revision {revision}")


@click.command()
def bootstrap() -> None:
    """Give the source `default` and the API key what the environment says.

    Example: GATEWAY_API_KEY_FILE=/run/secrets/key python -m gateway bootstrap
    """
    settings = Settings.from_environ(os.environ)
    with place.database(settings) as pool:
        for line in flow.bootstrap(pool, settings, now=place.now()):
            click.echo(line)
