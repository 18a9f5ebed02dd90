"""A watchdog for reads: at the end of its time, or when told so, it cancels on the server.

A server's own limit counts for each fetch of a cursor, and starts anew with each.
"""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING, Final

from gateway import errors
from gateway.core.cohorts.failures import Failure
from gateway.database_errors import ReadCanceled

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from gateway.sources.sql.session import Session

LOOK_SECONDS: Final = 2.0
# A cancel may come between two statements, where it ends nothing.
AGAIN_SECONDS: Final = 1.0


@contextlib.contextmanager
def watched(
    session: Session,
    *,
    seconds: float,
    is_wanted: Callable[[], bool] = lambda: True,
    look_seconds: float = LOOK_SECONDS,
) -> Iterator[None]:
    """Bound what a session does in the block.

    Raises errors.ReadFailed (`timed_out`) if it took too long, ReadCanceled if it was not
    wanted any more; what the session raised because of that is the cause.
    """
    ended = threading.Event()
    watch = _Watch(session, ended, seconds=seconds, is_wanted=is_wanted, look=look_seconds)
    thread = threading.Thread(target=watch.run, name="query watchdog", daemon=True)
    thread.start()
    try:
        yield
    except errors.GatewayError as error:
        watch.explain(error)
        raise
    finally:
        ended.set()
        thread.join()
    watch.explain(None)


class _Watch:
    """One watch over a session."""

    def __init__(
        self,
        session: Session,
        ended: threading.Event,
        *,
        seconds: float,
        is_wanted: Callable[[], bool],
        look: float,
    ) -> None:
        self._session = session
        self._ended = ended
        self._seconds = seconds
        self._is_wanted = is_wanted
        self._look = look
        self._why: errors.GatewayError | None = None

    def run(self) -> None:
        """Look until the block ends; from the reason on, cancel until it does."""
        left = self._seconds
        while self._why is None:
            pause = max(0.0, min(self._look, left))
            if self._ended.wait(pause):
                return
            left -= pause
            self._why = self._reason(left)
        while not self._ended.is_set():
            self._session.cancel()
            self._ended.wait(AGAIN_SECONDS)

    def _reason(self, left: float) -> errors.GatewayError | None:
        if left <= 0:
            return timed_out(self._seconds)
        if not self._is_wanted():
            return ReadCanceled("the load was canceled")
        return None

    def explain(self, cause: errors.GatewayError | None) -> None:
        """Raise the reason for which the session was canceled, if it was."""
        if self._why is not None:
            raise self._why from cause


def timed_out(seconds: float) -> errors.ReadFailed:
    """Say that a read took too long."""
    return errors.ReadFailed(
        Failure.TIMED_OUT,
        f"the query took longer than {seconds:g} seconds, and was canceled on the server",
        hint="Make the query quicker, read fewer rows, or raise GATEWAY_QUERY_SECONDS.",
    )
