"""`python -m gateway`: every command, and how their failures are said."""

from __future__ import annotations

import contextlib
import importlib
import os
import re
import sys
from typing import Any, Final, NoReturn

import click

from gateway import __version__, errors, heap
from gateway.commands import output
from gateway.settings import TABLE, LogFormat, LogLevel, Settings

# Each is in the module of its name, with _ for -, and loaded when it is asked for: all of them take
# four times as long as the one that is wanted.
NAMES: Final = (
    "activity",
    "bootstrap",
    "check",
    "cohort",
    "credentials",
    "database",
    "destination",
    "erase",
    "event-index",
    "key",
    "load",
    "member",
    "migrate",
    "notices",
    "replay",
    "restored",
    "secrets",
    "simulate",
    "source",
    "status",
    "sync-job",
    "upload",
)

# A link, of which the text stays, and what stands in backticks.
_MARKS: Final = re.compile(r"\[(.*?)\]\(.*?\)|`")


class Commands(click.Group):
    """The commands, each loaded when it is needed."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted({*super().list_commands(ctx), *NAMES})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Load one; None if there is none of this name."""
        if cmd_name not in NAMES:
            return super().get_command(ctx, cmd_name)
        name = cmd_name.replace("-", "_")
        with heap.for_good():
            from gateway import logs  # noqa: PLC0415 - `up` needs none of it

            module = importlib.import_module(f"gateway.commands.{name}")
        # What a command does in the code of the gateway must not end up in its own output.
        logs.configure(level=LogLevel.ERROR, style=LogFormat.AUTO)
        command: click.Command = getattr(module, name)
        return command

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the settings, without the marks that they have in the README."""
        super().format_epilog(ctx, formatter)
        meanings = ((one.name, f"{one.help} ({one.shown_default})") for one in TABLE)
        with formatter.section("Settings, as environment variables (and their defaults)"):
            formatter.write_dl([(name, _MARKS.sub(r"\1", text)) for name, text in meanings])

    def main(self, *args: Any, **kwargs: Any) -> NoReturn:  # noqa: ANN401 - as click has it
        """Run a command and exit; each failure is said on stderr behind the same word."""
        try:
            with output.guarded():
                code = super().main(*args, **{**kwargs, "standalone_mode": False})
        except click.exceptions.NoArgsIsHelpError as error:
            click.echo(error.format_message(), err=True)
            sys.exit(error.exit_code)
        except click.UsageError as error:
            _say_error(f"{error.format_message()}{_hint(error.ctx)}")
            sys.exit(error.exit_code)
        except click.Abort:
            _say_error("stopped by the operator")
            sys.exit(1)
        except (click.ClickException, errors.GatewayError) as error:
            _say_error(str(error))
            sys.exit(1)
        sys.exit(code if isinstance(code, int) else 0)


@click.group(cls=Commands, invoke_without_command=True)
@click.version_option(__version__, prog_name="gateway")
@click.pass_context
def cli(context: click.Context) -> None:
    """Cohort Gateway: Mixpanel cohort syncs in, exact membership out.

    Example: python -m gateway check
    """
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


@cli.command()
def up() -> None:
    """Run everything on this machine, with its own PostgreSQL and Valkey unless told otherwise.

    Example: PORT=8080 python -m gateway up
    """
    with heap.for_good():
        from gateway.local import supervisor  # noqa: PLC0415 - as with the other commands

    sys.exit(supervisor.run(Settings.from_environ(os.environ), os.environ))


def _say_error(sentence: str) -> None:
    with contextlib.suppress(OSError):  # then the exit code alone says it
        output.complain(f"error: {sentence}")


def _hint(context: click.Context | None) -> str:
    return "" if context is None else f" `{context.command_path} --help` shows what it takes."


def main() -> None:
    """Run a command; a failure is one sentence on stderr and exit code 1, or 2 for its usage."""
    cli(prog_name="python -m gateway")


if __name__ == "__main__":
    main()
