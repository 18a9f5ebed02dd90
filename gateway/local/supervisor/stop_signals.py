"""Whether a signal asked for a stop, and how urgently."""

import os
import pathlib
import signal
import time
from contextlib import suppress

# One Ctrl-C may arrive twice: from the terminal, and passed on by make.
_SAME_REQUEST_SECONDS = 1.0
_MAKES = frozenset({"make", "gmake"})


class StopRequests:
    """Counts what asks us to stop: signals, and the end of the `make` that started us."""

    def __init__(self) -> None:
        self._count = 0
        self._last_at = 0.0
        self._make_pid = _parent_make()

    def listen(self) -> None:
        """Take SIGINT and SIGTERM, also where a shell started us with SIGINT ignored."""
        numbers = {signal.SIGINT, signal.SIGTERM}
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # else nohup means it
            numbers.add(signal.SIGHUP)
        for number in numbers:
            signal.signal(number, self._note)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, numbers)

    def _note(self, _number: int, _frame: object) -> None:
        now = time.monotonic()
        if self._count == 0 or now - self._last_at > _SAME_REQUEST_SECONDS:
            self._count += 1
            self._last_at = now

    def made(self) -> bool:
        """Whether we should stop."""
        return self._count > 0 or self._make_pid not in {None, os.getppid()}

    def hurried(self) -> bool:
        """Whether we should stop at once."""
        return self._count > 1


def _parent_make() -> int | None:
    """Process id of the `make` that waits for us, if there is one; a killed one sends no signal."""
    with suppress(OSError):
        if pathlib.Path(f"/proc/{os.getppid()}/comm").read_text("utf-8").strip() in _MAKES:
            return os.getppid()
    return None
