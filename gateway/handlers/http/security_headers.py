"""What every answer tells browsers, although none is meant for one but the page of the docs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from flask import Flask

    Application = Callable[..., Iterable[bytes]]

# An answer is of the type it says, loads nothing and is shown in no frame: the property of a member
# is then never more than text, wherever it is opened.
HEADERS: Final[Mapping[str, str]] = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
}


_BY_NAME: Final = tuple((name.lower(), (name, value)) for name, value in HEADERS.items())


class SecurityHeaders:
    """WSGI middleware that adds the headers to each answer that has none of its own by the name."""

    def __init__(self, application: Application) -> None:
        self._application = application

    def __call__(
        self, environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        def start(status: str, headers: list[tuple[str, str]], *error: object) -> Any:  # noqa: ANN401 - the server's
            own = {name.lower() for name, _ in headers}
            added = [header for name, header in _BY_NAME if name not in own]
            return start_response(status, headers + added, *error)

        return self._application(environ, start)


def install(app: Flask) -> None:
    app.wsgi_app = SecurityHeaders(app.wsgi_app)  # type: ignore[method-assign]
