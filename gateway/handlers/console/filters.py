"""How values are written on pages: numbers in groups, times as how long ago they were."""

from __future__ import annotations

import datetime
import re
from typing import TYPE_CHECKING, Final

from markupsafe import Markup, escape

from gateway.handlers.console import controls, site, sync_words, words
from gateway.handlers.http import deps

if TYPE_CHECKING:
    from flask import Flask

_NEVER: Final = Markup('<span class="quiet">never</span>')
_CODE: Final = re.compile(r"`([^`]+)`")
_UNITS: Final = ((86400, "d"), (3600, "h"), (60, "min"))


# Pages of administrators alone, beside those of everyone.
ADMIN_AREAS: Final = (("keys", "Keys"), ("activity", "Activity"))


def install(app: Flask) -> None:
    """Make the filters and the words known to templates."""
    app.jinja_env.filters.update(
        grouped=grouped,
        ago=ago,
        when=when,
        counted=counted,
        day=day,
        exact=exact,
        coded=coded,
    )
    app.jinja_env.globals.update(
        path=site.path,
        static=site.static,
        words=words,
        sync_words=sync_words,
        controls=controls,
        span=span,
        admin_areas=ADMIN_AREAS,
    )
    app.jinja_env.trim_blocks = True
    app.jinja_env.lstrip_blocks = True


def coded(sentence: str) -> Markup:
    """Write a sentence, with what stands between backticks as code."""
    return Markup(_CODE.sub(r"<code>\1</code>", escape(sentence)))  # noqa: S704 - it is escaped


def grouped(number: int) -> str:
    return f"{number:,}"


def counted(number: int, one: str, many: str = "") -> str:
    """Write a number and its noun: 1 member, 2,000 members."""
    return f"{number:,} {one if number == 1 else many or f'{one}s'}"


def span(seconds: float) -> str:
    """Write a length of time by its largest unit."""
    for size, unit in _UNITS:
        if seconds >= size:
            return f"{int(seconds // size)} {unit}"
    return "less than a minute"


def ago(moment: datetime.datetime) -> str:
    """Write how long ago a moment was, or in how long it will be."""
    seconds = (deps.current().now() - moment).total_seconds()
    if abs(seconds) < _UNITS[-1][0]:
        return "just now"
    return f"{span(seconds)} ago" if seconds > 0 else f"in {span(-seconds)}"


def exact(moment: datetime.datetime) -> str:
    return f"{moment.astimezone(datetime.UTC):%Y-%m-%d %H:%M:%S} UTC"


def when(moment: datetime.datetime | None) -> Markup:
    """Write how long ago a moment was, with the exact one on hover; a script knows the zone."""
    if moment is None:
        return _NEVER
    utc = moment.astimezone(datetime.UTC).isoformat(timespec="seconds")
    return Markup('<time datetime="{}" title="{}" data-ago>{}</time>').format(
        utc, exact(moment), ago(moment)
    )


def day(moment: datetime.datetime) -> Markup:
    """Write the day of a moment, below a curve."""
    utc = moment.astimezone(datetime.UTC)
    return Markup('<time datetime="{}" title="{}">{}</time>').format(
        utc.isoformat(timespec="seconds"), exact(moment), f"{utc:%d %b}".lstrip("0")
    )
