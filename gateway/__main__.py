"""`python -m gateway`: every command, and how their failures are said."""

from __future__ import annotations

import os
import sys

import click

from gateway import __version__, errors, logs, supervisor
from gateway.commands import check, database, erase, key, replay, simulate, source
from gateway.settings import LogFormat, LogLevel, Settings


@click.group(invoke_without_command=True)
@click.version_option(__version__, prog_name="gateway")
@click.pass_context
def cli(context: click.Context) -> None:
    """Cohort Gateway: Mixpanel cohort syncs in, exact membership out.

    Example: python -m gateway check
    """
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


@click.command()
def up() -> None:
    """Run everything on this machine, with its own PostgreSQL and Valkey unless told otherwise.

    Example: PORT=8080 python -m gateway up
    """
    sys.exit(supervisor.run(Settings.from_environ(os.environ), os.environ))


COMMANDS: tuple[click.Command, ...] = (
    up,
    check.check,
    source.source,
    key.key,
    replay.replay,
    erase.erase,
    database.migrate,
    database.bootstrap,
    simulate.simulate,
)

for command in COMMANDS:
    cli.add_command(command)


def main() -> int:
    """Run a command; a failure is one sentence on stderr and exit code 1."""
    # What a command does in the code of the gateway must not end up in its own output.
    logs.configure(level=LogLevel.ERROR, style=LogFormat.AUTO)
    try:
        cli(standalone_mode=True, prog_name="python -m gateway")
    except errors.GatewayError as error:
        click.echo(f"error: {error}", err=True)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
