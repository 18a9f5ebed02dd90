"""What a command prints: for people at most 80 columns wide at a terminal, for programs JSON."""

from __future__ import annotations

import json
import sys

import click

from gateway import columns

as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


def document(value: object) -> None:
    """Print a value as JSON."""
    click.echo(json.dumps(value, indent=2))


def say(line: str, *, indent: str = "  ") -> None:
    """Print a line, folded at a terminal; elsewhere it stays one, as `grep` wants it."""
    click.echo(columns.fold(line, indent=indent) if sys.stdout.isatty() else line)


def note(line: str) -> None:
    """Print a hint on stderr, where it is in no program's way."""
    complain(f"note: {line}")


def complain(text: str) -> None:
    """Print lines on stderr, folded at a terminal."""
    if sys.stderr.isatty():
        text = "\n".join(columns.fold(line) for line in text.splitlines())
    click.echo(text, err=True)
