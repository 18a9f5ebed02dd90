"""Exporting: a whole cohort as it is at one moment, in constant memory."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Final, Self

from gateway import errors
from gateway.flows import lookup
from gateway.store import cohorts, exports

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from sqlalchemy import Connection

    from gateway.store.engine import Pool

    Copy = Callable[[Connection, int, Callable[[bytes], object]], None]

# A reader of a large cohort may be slow; one that is slower holds back vacuum for too long.
LIMIT_SECONDS: Final = 900.0


class Export:
    """An open view of a cohort; it is a context manager, and closed when that ends."""

    def __init__(self, pool: Pool, cohort_id: int, copy: Copy) -> None:
        self._cohort_id = cohort_id
        self._copy = copy
        with contextlib.ExitStack() as opening:
            self._conn = opening.enter_context(pool.begin(limit_seconds=LIMIT_SECONDS))
            exports.begin(self._conn, limit_seconds=LIMIT_SECONDS)
            if not cohorts.exists(self._conn, cohort_id):
                raise errors.NotFound(lookup.NO_COHORT)
            self._opened = opening.pop_all()

    def __enter__(self) -> Self:
        """Return itself; it is open already."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        raised: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Roll back what was raised in between, and give the connection back."""
        self._opened.__exit__(kind, raised, traceback)

    def send(self, write: Callable[[bytes], object]) -> None:
        """Write all of it, in chunks of whole lines. Raises what `write` raises."""
        self._copy(self._conn, self._cohort_id, write)

    def close(self) -> None:
        """Close it if it was never entered."""
        self._opened.close()


def ndjson(pool: Pool, cohort_id: int) -> Export:
    """Open a cohort to be sent as JSON lines. Raises errors.NotFound or Unavailable."""
    return Export(pool, cohort_id, exports.ndjson)


def csv(pool: Pool, cohort_id: int) -> Export:
    """Open a cohort to be sent as CSV. Raises errors.NotFound or Unavailable."""
    return Export(pool, cohort_id, exports.csv)
