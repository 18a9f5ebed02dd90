"""`bootstrap`: the first source and the first key."""

from __future__ import annotations

import click

from gateway.commands import output, place
from gateway.flows import bootstrap as flow


@click.command()
def bootstrap() -> None:
    """Give the source `default` and the API key what the environment says, and say what was done.

    Example: GATEWAY_API_KEY_FILE=/run/secrets/key python -m gateway bootstrap
    """
    settings = place.settings()
    with place.database(settings) as pool:
        for line in flow.bootstrap(pool, settings, now=place.now()):
            output.say(line)
