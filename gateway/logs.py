"""Structured logs: JSON for machines, colour for a terminal, never anybody's data."""

from __future__ import annotations

import logging
import logging.config
import os
import sys
import threading
import traceback
from typing import TYPE_CHECKING, Any, Final

import structlog

from gateway import errors, reporter
from gateway.settings import LogFormat, LogLevel

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

# Alembic tells at INFO that it has a connection, RQ each job and its arguments, Werkzeug each path.
QUIET: Final = ("alembic", "rq", "werkzeug")

_CHAIN: Final[list[structlog.typing.Processor]] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]
# Enough to see where it happened; a recursion without end would fill the log.
_MAX_FRAMES: Final = 30

_log = structlog.get_logger()


def configure(*, level: LogLevel, style: LogFormat, error_hook: str | None = None) -> None:
    """Send structlog and the standard library's logging through one renderer to stderr.

    What is an error goes to the hook as well, if one is named. Raises errors.BadSettings.
    """
    structlog.configure(
        processors=[*_CHAIN, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(level.upper())),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    logging.config.dictConfig(plan(level=level, style=style))
    if error_hook:
        handler = reporter.make(error_hook)
        handler.setFormatter(formatter(LogFormat.JSON))
        logging.getLogger().addHandler(handler)


def catch_crashes() -> None:
    """Log errors that nobody catches instead of printing them; for a process that is ours alone."""
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
    """Make what writes each event as a line."""
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[structlog.stdlib.add_logger_name, *_CHAIN],
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.ExceptionRenderer(describe),
            _renderer(style),
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


def _renderer(style: LogFormat) -> structlog.typing.Processor:
    console = sys.stderr.isatty() if style is LogFormat.AUTO else style is LogFormat.CONSOLE
    return structlog.dev.ConsoleRenderer() if console else structlog.processors.JSONRenderer()
