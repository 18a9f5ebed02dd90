"""What a check has found, how bad it is, and what to do about it."""

from __future__ import annotations

import dataclasses
import enum


class Level(enum.StrEnum):
    """How bad a finding is."""

    OK = "ok"
    WARNING = "warning"
    ERROR = "error"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that was looked at; `remedy` is None where there is nothing to do."""

    level: Level
    subject: str
    text: str
    remedy: str | None = None


def ok(subject: str, text: str) -> Finding:
    return Finding(level=Level.OK, subject=subject, text=text)


def warning(subject: str, text: str, remedy: str) -> Finding:
    return Finding(level=Level.WARNING, subject=subject, text=text, remedy=remedy)


def error(subject: str, text: str, remedy: str | None) -> Finding:
    return Finding(level=Level.ERROR, subject=subject, text=text, remedy=remedy)
