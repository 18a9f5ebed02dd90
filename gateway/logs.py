"""Structured logs: JSON for machines, colour for a terminal, never anybody's data."""

from __future__ import annotations

import logging
import sys

import structlog

from gateway.settings import LogFormat, LogLevel


def configure(*, level: LogLevel, style: LogFormat) -> None:
    """Send structlog and the standard library's logging through one renderer to stderr."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(level.upper())),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                _renderer(style),
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())


def _renderer(style: LogFormat) -> structlog.typing.Processor:
    console = sys.stderr.isatty() if style is LogFormat.AUTO else style is LogFormat.CONSOLE
    return structlog.dev.ConsoleRenderer() if console else structlog.processors.JSONRenderer()
