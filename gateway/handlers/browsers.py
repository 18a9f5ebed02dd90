"""What every answer tells browsers, although none is meant for one but the page of the docs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flask import Flask, Response

# An answer is of the type it says, loads nothing and is shown in no frame: the property of a member
# is then never more than text, wherever somebody opens it.
HEADERS: Final[Mapping[str, str]] = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
}


def install(app: Flask) -> None:
    """Add the headers to each answer of an application that has none of its own by the name."""
    app.after_request(_restrain)


def _restrain(response: Response) -> Response:
    for name, value in HEADERS.items():
        response.headers.setdefault(name, value)
    return response
