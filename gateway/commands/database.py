"""`migrate` and `bootstrap`: a database made ready for this version."""

from __future__ import annotations

import datetime
import os

import click

from gateway.flows import bootstrap as flow
from gateway.flows import ready
from gateway.settings import Settings
from gateway.store.engine import Pool

LIMIT_SECONDS = 30.0


def connect(settings: Settings) -> Pool:
    """Make the pool of a command."""
    return Pool(
        settings.require_database_url(), name="command", size=1, limit_seconds=LIMIT_SECONDS
    )


@click.command()
def migrate() -> None:
    """Bring the database's schema to this version; running it again does nothing."""
    revision = ready.migrate_database(connect(Settings.from_environ(os.environ)))
    click.echo(f"the database is at revision {revision}")


@click.command()
def bootstrap() -> None:
    """Give the source `default` and the API key what the environment says."""
    settings = Settings.from_environ(os.environ)
    now = datetime.datetime.now(datetime.UTC)
    for line in flow.bootstrap(connect(settings), settings, now=now):
        click.echo(line)
