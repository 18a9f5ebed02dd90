"""Writes to the terminal, which may be closed."""

import os
from contextlib import suppress

from gateway import columns

_STDOUT = 1
_STDERR = 2


def say(text: str) -> None:
    _write(_STDOUT, text)


def complain(text: str) -> None:
    """Write to standard error why it ends, behind the word that all commands use."""
    _write(_STDERR, _folded(f"error: {text}"))


def warn(text: str) -> None:
    """Write to standard error what is wrong and does not end it."""
    _write(_STDERR, _folded(f"warning: {text}"))


def is_there() -> bool:
    """Tell whether standard output is a terminal, and not a file or a pipe that others may read."""
    return os.isatty(_STDOUT)


def _folded(text: str) -> str:
    if not os.isatty(_STDERR):
        return text
    return "\n".join(columns.fold(line) for line in text.splitlines())


def _write(descriptor: int, text: str) -> None:
    # Unbuffered, and not sys.stdout: a closed terminal or pipe must neither stop the gateway nor
    # turn its exit code into 120 when Python flushes.
    with suppress(OSError):
        os.write(descriptor, f"{text}\n".encode("utf-8", "replace"))
