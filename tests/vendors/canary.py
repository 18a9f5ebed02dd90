"""A canary for secrets: it listens to what the clients of vendors log at the finest level."""

from __future__ import annotations

import contextlib
import io
import logging
from collections.abc import Iterator

from gateway import logs


@contextlib.contextmanager
def listening(*secrets: str) -> Iterator[None]:
    """Hear what is logged where the operator asks for all of it; no secret may be in it."""
    heard = io.StringIO()
    handler = logging.StreamHandler(heard)
    loggers = [logging.getLogger(name) for name in ("", *logs.QUIET)]
    levels = [one.level for one in loggers]
    loggers[0].addHandler(handler)
    for one in loggers:
        one.setLevel(logging.WARNING if one.name in logs.QUIET else logging.DEBUG)
    logging.getLogger("canary").debug("it sings")
    try:
        yield
    finally:
        loggers[0].removeHandler(handler)
        for one, level in zip(loggers, levels, strict=True):
            one.setLevel(level)
    said = heard.getvalue().replace("\\", "")  # of what is written as Python writes it
    assert "it sings" in said
    assert [number for number, secret in enumerate(secrets) if secret in said] == []
