"""`bootstrap`: the first source and the first key."""

from __future__ import annotations

import click

from gateway.commands import output, place
from gateway.flows.health import bootstrap as flow


@click.command()
@output.as_json
def bootstrap(as_json: bool) -> None:  # noqa: FBT001 - a flag of the command line
    """Give the source `default` and the API key what the environment says, and say what was done.

    Example: GATEWAY_API_KEY_FILE=/run/secrets/key python -m gateway bootstrap
    """
    settings = place.settings()
    with place.database(settings) as pool:
        done = flow.bootstrap(pool, settings, now=place.now())
    if as_json:
        output.document({"done": done})
        return
    for line in done:
        output.say(line)
