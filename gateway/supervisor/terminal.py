"""Writes to the person at the terminal, who may have left."""

import os
from contextlib import suppress

_STDOUT = 1
_STDERR = 2


def say(text: str) -> None:
    """Write a line to standard output."""
    _write(_STDOUT, text)


def complain(text: str) -> None:
    """Write a line to standard error."""
    _write(_STDERR, f"gateway: {text}")


def _write(descriptor: int, text: str) -> None:
    # Unbuffered, and not sys.stdout: a closed terminal or pipe must neither stop the gateway nor
    # turn its exit code into 120 when Python flushes.
    with suppress(OSError):
        os.write(descriptor, f"{text}\n".encode("utf-8", "replace"))
