"""`python -m gateway`: every command, and how their failures are said."""

from __future__ import annotations

import os
import sys

import click

from gateway import __version__, errors, supervisor
from gateway.commands import database
from gateway.settings import Settings


@click.group()
@click.version_option(__version__, prog_name="gateway")
def cli() -> None:
    """Cohort Gateway: Mixpanel cohort syncs in, exact membership out."""


@click.command()
def up() -> None:
    """Run everything on this machine, with its own PostgreSQL and Valkey unless told otherwise."""
    sys.exit(supervisor.run(Settings.from_environ(os.environ), os.environ))


COMMANDS: tuple[click.Command, ...] = (up, database.migrate, database.bootstrap)

for command in COMMANDS:
    cli.add_command(command)


def main() -> int:
    """Run a command; a failure is one sentence on stderr and exit code 1."""
    try:
        cli(standalone_mode=True, prog_name="python -m gateway")
    except errors.GatewayError as error:
        click.echo(f"error: {error}", err=True)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
