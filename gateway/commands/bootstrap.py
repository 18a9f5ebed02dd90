"""`bootstrap`: the first source and the first key."""

from __future__ import annotations

import os

import click

from gateway.commands import place
from gateway.flows import bootstrap as flow
from gateway.settings import Settings


@click.command()
def bootstrap() -> None:
    """Give the source `default` and the API key what the environment says.

    Example: GATEWAY_API_KEY_FILE=/run/secrets/key python -m gateway bootstrap
    """
    settings = Settings.from_environ(os.environ)
    with place.database(settings) as pool:
        for line in flow.bootstrap(pool, settings, now=place.now()):
            click.echo(line)
