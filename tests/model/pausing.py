"""A pool that calls something before each commit, while the locks of the transaction are held."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from gateway.store.db.engine import Pool
from gateway.store.db.statement import Statement

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy import Connection

    from gateway.store.db.statement import Pipeline

_NOTHING = Statement("SELECT 1")


class PausingPool(Pool):
    """Calls something once, before the first commit of a transaction."""

    def __init__(self, url: str, call: Callable[[], object]) -> None:
        super().__init__(url, name="test", size=2, limit_seconds=20)
        self._calls = [call]

    @contextlib.contextmanager
    def begin(self, limit_seconds: float | None = None) -> Iterator[Connection]:
        """Open a transaction."""
        with super().begin(limit_seconds) as conn:
            yield conn
            self._pause()

    @contextlib.contextmanager
    def pipeline(self) -> Iterator[Pipeline]:
        """Open a pipeline."""
        with super().pipeline() as trip:
            yield trip
            trip.ask(_NOTHING, {})  # takes along everything that was only left to be done
            self._pause()

    def _pause(self) -> None:
        if self._calls:
            self._calls.pop()()
