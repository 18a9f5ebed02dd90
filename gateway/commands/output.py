"""What a command prints: for people at most 80 columns wide at a terminal, for programs JSON."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from typing import TYPE_CHECKING, Any

import click

from gateway import columns, errors

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import TextIO

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


@contextlib.contextmanager
def guarded() -> Iterator[None]:
    """Raise errors.CommandFailed from whatever prints in the block if nothing can be printed."""
    stream = sys.stdout
    if stream is None:  # `>&-`
        raise errors.CommandFailed("standard output is closed; nothing was done")
    sys.stdout = _Guarded(stream)
    try:
        yield
        sys.stdout.flush()
    finally:
        sys.stdout = stream


class _Guarded:
    """A stream whose failures are told apart from those of everything else that is written to."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever it is of the stream's
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        self._tried(lambda: self._stream.write(text))
        return len(text)

    def flush(self) -> None:
        self._tried(self._stream.flush)

    def _tried(self, write: Callable[[], object]) -> None:
        try:
            write()
        except (OSError, ValueError) as error:
            _drop_rest(self._stream)
            why = getattr(error, "strerror", None) or "it is closed"
            raise errors.CommandFailed(
                f"standard output cannot be written ({why}); what was asked for may be done"
            ) from error


def _drop_rest(stream: TextIO) -> None:
    """Let what is still buffered go nowhere, or Python would complain of it at its end."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
