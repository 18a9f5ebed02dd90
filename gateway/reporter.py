"""What is logged as an error goes to a function that the operator names, too.

The function gets what the line of the log has and nothing else: no exception, no traceback with
its variables. So no report holds personal data either. It runs on a thread of its own; a
slow or broken one holds nothing up.
"""

from __future__ import annotations

import contextlib
import inspect
import json
import logging
import logging.handlers
import pkgutil
import queue
import threading
from typing import TYPE_CHECKING, Any, Final

import structlog

from gateway import errors

if TYPE_CHECKING:
    from collections.abc import Callable

    Hook = Callable[[dict[str, Any]], object]

MAX_WAITING: Final = 1000
# How long the end of a process waits for what it has to report; less than a platform gives it.
FLUSH_SECONDS: Final = 3.0

_log = structlog.get_logger()


def make(name: str) -> Reporter:
    """Find a function by `module:function`. Raises errors.BadSettings if it is not there."""
    try:
        hook = pkgutil.resolve_name(name)
    except Exception as error:  # whatever the module does while it is imported
        why = " ".join(f"{type(error).__name__}: {error}".split())
        raise errors.BadSettings(_unusable(f"{name} cannot be loaded ({why})")) from error
    if not callable(hook):
        raise errors.BadSettings(_unusable(f"{name} is no function"))
    if not _takes_one(hook):
        raise errors.BadSettings(_unusable(f"{name} does not take one argument"))
    return Reporter(hook)


def _takes_one(hook: Hook) -> bool:
    try:
        inspect.signature(hook).bind({})
    except TypeError:
        return False
    except ValueError:  # written in C, it may not tell what it takes
        return True
    return True


def _unusable(why: str) -> str:
    return (
        f"These settings cannot be used:\n  GATEWAY_ERROR_HOOK: {why}; it is imported as Python"
        " would from the folder of the gateway or PYTHONPATH, and called with one dictionary"
    )


class Reporter(logging.handlers.QueueHandler):
    """Hands errors to a hook one after the other; too many at once are dropped."""

    def __init__(self, hook: Hook) -> None:
        self._waiting: queue.Queue[logging.LogRecord] = queue.Queue(MAX_WAITING)
        super().__init__(self._waiting)
        self.setLevel(logging.ERROR)
        self._hooked = _Hooked(hook)
        self._listener: logging.handlers.QueueListener | None = None

    def emit(self, record: logging.LogRecord) -> None:
        """Queue an event as the line it is in the log, unless it comes from the hook itself."""
        if threading.get_ident() != self._hooked.thread:
            super().emit(record)

    def enqueue(self, record: logging.LogRecord) -> None:
        """Start listening with the first event: by then this is the process that reports."""
        with contextlib.suppress(queue.Full, RuntimeError):  # too late in the life of a process
            self._waiting.put_nowait(record)
            if self._listener is None:
                listener = logging.handlers.QueueListener(self._waiting, self._hooked)
                listener.start()
                self._listener = listener

    def flush(self) -> None:
        """Wait until what is queued is reported, but not for long."""
        if self._listener is not None and threading.get_ident() != self._hooked.thread:
            with self._waiting.all_tasks_done:
                self._waiting.all_tasks_done.wait_for(self._is_idle, FLUSH_SECONDS)

    def _is_idle(self) -> bool:
        return not self._waiting.unfinished_tasks


class _Hooked(logging.Handler):
    """Calls the hook, on the thread of the listener."""

    def __init__(self, hook: Hook) -> None:
        super().__init__()
        self._hook = hook
        self.thread: int | None = None

    def emit(self, record: logging.LogRecord) -> None:
        self.thread = threading.get_ident()
        try:
            self._hook(json.loads(record.msg))
        except Exception as error:  # noqa: BLE001 - whatever it is, it is not ours to mend
            _log.warning("hook.failed", error=type(error).__name__)
