"""`notices`: messages to people, tried from a command line."""

from __future__ import annotations

import dataclasses

import click

from gateway import errors, messenger
from gateway.commands import output, place
from gateway.core.access.actor import COMMAND
from gateway.flows.notices import trial


@click.group()
def notices() -> None:
    """Try the channels of GATEWAY_NOTIFY, in which people are told what needs them.

    Example: python -m gateway notices test
    """


@notices.command()
@click.argument("channels", nargs=-1)
@output.as_json
def test(channels: tuple[str, ...], as_json: bool) -> None:  # noqa: FBT001 - a flag
    """Send a message to channels, by name, or to all of them.

    Fails if one of them does not take it.

    Example: python -m gateway notices test ops
    """
    settings = place.settings()
    if not settings.notify:
        raise errors.CommandFailed("GATEWAY_NOTIFY names no channel; docs/notices.md shows how")
    with place.database(settings) as pool:
        found = trial.run(
            pool,
            settings.notify,
            messenger.post,
            wanted=channels or None,
            now=place.now(),
            actor=COMMAND,
        )
    if as_json:
        output.document({"channels": [dataclasses.asdict(one) for one in found]})
    else:
        for one in found:
            click.echo(f"{one.channel}: {one.message}")
    refused = ", ".join(one.channel for one in found if not one.ok)
    if refused:
        raise errors.CommandFailed(f"not taken by {refused}: check the address in GATEWAY_NOTIFY")
