"""`secrets`: the key under which passwords of other systems are kept."""

from __future__ import annotations

import dataclasses

import click

from gateway import errors
from gateway.commands import output, place
from gateway.core.access.actor import COMMAND
from gateway.flows.sources import reseal
from gateway.flows.sources.setup import Setup
from gateway.flows.syncs import reseal as of_destinations
from gateway.flows.syncs.setup import Setup as Sending
from gateway.vault import Vault


@click.group()
def secrets() -> None:
    """Manage the secrets of sources and destinations, which are encrypted under GATEWAY_SECRET_KEY.

    Example: python -m gateway secrets rotate
    """


@secrets.command()
@output.as_json
def rotate(as_json: bool) -> None:  # noqa: FBT001 - a flag of the command line
    """Encrypt every secret under the newest key of GATEWAY_SECRET_KEY.

    Put the new key before the old one, with a comma between, restart all processes, run this, and
    then remove the old key. Fails if a secret cannot be read by any key; the others are done.

    Example: python -m gateway secrets rotate --json
    """
    settings = place.settings()
    vault = Vault(settings.secret_keys)
    with place.database(settings) as pool:
        now = place.now()
        done = reseal.reseal(pool, Setup(vault=vault), now=now, actor=COMMAND)
        done += of_destinations.reseal(pool, Sending(vault=vault), now=now, actor=COMMAND)
    if as_json:
        output.document(dataclasses.asdict(done))
    else:
        click.echo(f"{done.resealed} secrets were encrypted anew, {done.newest} were already.")
    if done.unreadable:
        raise errors.CommandFailed(
            f"{done.unreadable} secrets cannot be read by any of the keys: add the key they were"
            " encrypted under behind the others, or set these secrets anew",
        )
