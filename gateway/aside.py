"""What is told of work that is done already: no failure of telling changes how it is answered."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import structlog

if TYPE_CHECKING:
    from collections.abc import Iterator

_log = structlog.get_logger()


@contextlib.contextmanager
def harmless(what: str) -> Iterator[None]:
    """Run a block of which nothing depends; whatever it raises is logged and goes no further.

    For what comes after a commit: a page that is stored must be answered as stored.
    """
    try:
        yield
    except Exception as error:  # noqa: BLE001 - see above
        note(what, error)


def note(what: str, error: Exception) -> None:
    """Log a failure that changes nothing; where the log is what failed, say nothing."""
    with contextlib.suppress(Exception):
        _log.warning("aside.failed", what=what, error=type(error).__name__)
