"""Structured logs: JSON for machines, colour for a terminal, never personal data."""

from __future__ import annotations

import contextlib
import json
import logging
import logging.config
import os
import sys
import threading
import traceback
from typing import TYPE_CHECKING, Any, Final

import orjson
import structlog

from gateway import columns, errors, reporter
from gateway.settings import LogFormat, LogLevel

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import TracebackType

# Alembic tells at INFO that it has a connection, RQ each job and its arguments, Werkzeug each path.
# httpcore2 and httpx2 would log URLs and headers, the clients of databases answers with passwords.
QUIET: Final = (
    "alembic",
    "botocore",
    "google",
    "httpcore2",
    "httpx2",
    "pymysql",
    "rq",
    "snowflake",
    "urllib3",
    "werkzeug",
)

_CHAIN: Final[list[structlog.typing.Processor]] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]
# Told with each request and page. `logging`, with its records and handlers, would take most of the
# time; whatever is worse goes there, because error hooks listen there.
_ROUTINE: Final = ("debug", "info")
# stderr is full or broken, closed, or not there at all.
_UNWRITABLE: Final = (OSError, ValueError, AttributeError)
_COMPACT: Final = (",", ":")
# What JSON has no word for is left to the caller's own.
_PLAIN: Final = orjson.OPT_PASSTHROUGH_DATACLASS | orjson.OPT_PASSTHROUGH_DATETIME
# Hours to milliseconds of an ISO moment.
_TIME_OF_DAY: Final = slice(11, 23)
# Enough to see where it happened; a recursion without end would fill the log.
_MAX_FRAMES: Final = 30

_log = structlog.get_logger()


def configure(*, level: LogLevel, style: LogFormat, error_hook: str | None = None) -> None:
    """Send structlog and the standard library's logging to stderr, in lines of one form.

    What is an error goes to the hook as well, if one is named. Raises errors.BadSettings.
    """
    structlog.configure(
        processors=[*_CHAIN, _Exit(style)],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(level.upper())),
        logger_factory=_Sink,
        cache_logger_on_first_use=True,
    )
    logging.config.dictConfig(plan(level=level, style=style))
    if error_hook:
        handler = reporter.make(error_hook)
        handler.setFormatter(formatter(LogFormat.JSON))
        logging.getLogger().addHandler(handler)


def catch_crashes() -> None:
    """Log uncaught errors instead of printing them; for a process that is ours alone."""
    sys.excepthook = _process_crashed
    threading.excepthook = _thread_crashed


def plan(*, level: LogLevel, style: LogFormat) -> dict[str, Any]:
    """Describe the standard library's half for `logging.config`, as gunicorn takes it too."""
    quiet = {name: {"level": "WARNING"} for name in QUIET}
    gunicorn = {"gunicorn.error": {"level": level.upper(), "handlers": [], "propagate": True}}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "root": {"level": level.upper(), "handlers": ["stderr"]},
        "loggers": {**quiet, **gunicorn},
        "handlers": {
            "stderr": {
                "class": "logging.StreamHandler",
                "stream": "ext://sys.stderr",
                "formatter": "structured",
            }
        },
        "formatters": {"structured": {"()": formatter, "style": style}},
    }


def formatter(style: LogFormat) -> logging.Formatter:
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[structlog.stdlib.add_logger_name, *_CHAIN],
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            *_endings(style),
        ],
    )


def describe(exc_info: structlog.typing.ExcInfo) -> str:
    """Tell what went wrong and where, without the texts of foreign errors.

    Those quote what they choke on: Postgres names the row, SQLAlchemy the parameters, `int()` its
    argument. Kept are types, SQLSTATEs, places in the code, and our own sentences.
    """
    return "\n".join(_describe(exc_info[1]))


def _describe(error: BaseException | None) -> Iterator[str]:
    """Yield the lines of an error, after those of what it came from."""
    if error is None:
        return
    before = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if before is not None:
        yield from _describe(before)
        yield "which led to"
    for frame, line in list(traceback.walk_tb(error.__traceback__))[-_MAX_FRAMES:]:
        yield f"  {_short(frame.f_code.co_filename)}:{line} in {frame.f_code.co_name}"
    yield _name(error)


def _name(error: BaseException) -> str:
    named = type(error).__qualname__
    if isinstance(error, errors.GatewayError):
        return f"{named}: {error}"
    sqlstate = getattr(error, "pgcode", None)
    return f"{named} (SQLSTATE {sqlstate})" if sqlstate else named


def _short(path: str) -> str:
    """Return the path of a file from the folder that it was imported from."""
    folders = [folder for folder in sys.path if folder and path.startswith(folder + os.sep)]
    return path[len(max(folders, key=len)) + 1 :] if folders else path


def _process_crashed(
    kind: type[BaseException], error: BaseException, trace: TracebackType | None
) -> None:
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, trace)
    else:
        _log.critical("process.crashed", exc_info=error)


def _thread_crashed(crash: threading.ExceptHookArgs) -> None:
    if crash.exc_value is not None and not isinstance(crash.exc_value, SystemExit):
        _log.critical("thread.crashed", exc_info=crash.exc_value)


class _Exit:
    """The last processor: writes out what is routine, and leaves the rest to the handlers."""

    def __init__(self, style: LogFormat) -> None:
        self._without_data, self._render = _endings(style)

    def __call__(
        self, logger: structlog.typing.WrappedLogger, name: str, event: structlog.typing.EventDict
    ) -> structlog.typing.ProcessorReturnValue:
        if name in _ROUTINE:
            return self._render(logger, name, self._without_data(logger, name, event))
        return structlog.stdlib.ProcessorFormatter.wrap_for_formatter(logger, name, event)


class _Sink:
    """Where structlog's events go: routine to stderr, all others to the standard library."""

    def __init__(self, *_: object) -> None:
        log = logging.getLogger("gateway")
        self.warning, self.error, self.critical = log.warning, log.error, log.critical

    def info(self, line: str) -> None:
        """Write a line in one piece: processes and threads share stderr.

        If it cannot be written, nothing else fails for it.
        """
        with contextlib.suppress(*_UNWRITABLE):
            sys.stderr.write(line + "\n")
            sys.stderr.flush()

    debug = info


class _Console:
    """Writes an event for a terminal: its time of day in UTC, no padding, 80 columns."""

    def __init__(self) -> None:
        self._render = structlog.dev.ConsoleRenderer(pad_event_to=0, pad_level=False)

    def __call__(
        self, logger: structlog.typing.WrappedLogger, name: str, event: structlog.typing.EventDict
    ) -> str:
        if moment := event.get("timestamp"):
            event["timestamp"] = str(moment)[_TIME_OF_DAY]
        written = self._render(logger, name, event)
        return "\n".join(columns.fold(line) for line in written.splitlines())


def _endings(
    style: LogFormat,
) -> tuple[structlog.processors.ExceptionRenderer, structlog.typing.Processor]:
    """Make what turns an event into a line, for every kind of event."""
    console = sys.stderr.isatty() if style is LogFormat.AUTO else style is LogFormat.CONSOLE
    renderer: structlog.typing.Processor = (
        _Console() if console else structlog.processors.JSONRenderer(serializer=_json)
    )
    return structlog.processors.ExceptionRenderer(describe), renderer


def _json(event: structlog.typing.EventDict, default: Callable[[object], object]) -> str:
    """Write an event in ASCII, which any stderr can take."""
    try:
        line = orjson.dumps(event, option=_PLAIN)
    except TypeError:  # a value that is not plain, a number of more than 64 bits, half a surrogate
        return json.dumps(event, default=default, separators=_COMPACT)
    if line.isascii():
        return line.decode()
    return json.dumps(event, default=default, separators=_COMPACT)
