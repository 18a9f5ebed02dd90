"""Answers of any length, written to the client as they are made."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from flask import Response

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from gateway.flows.cohorts.export import Export

NDJSON: Final = "application/x-ndjson"
CSV: Final = "text/csv"


class Stream(Response):
    """An export as an answer.

    COPY pushes, so this writes through WSGI's `write` instead of being iterated: a slow client
    slows Postgres down and nothing piles up in between. An error after the first byte is raised to
    the server, which cuts the connection without the last chunk: never a silently short file.
    """

    # Its length is known when it has been written.
    automatically_set_content_length = False

    def __init__(self, export: Export, content_type: str, *, filename: str) -> None:
        super().__init__(mimetype=content_type)
        self.headers["Content-Disposition"] = f'attachment; filename="{filename}"'
        self.headers["X-Last-Seq"] = str(export.last_seq)
        self._export = export
        self.call_on_close(export.close)

    def __call__(
        self, environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        """Send the head and, unless it is a HEAD, everything."""
        with self._export:
            write = start_response(self.status, self.get_wsgi_headers(environ).to_wsgi_list())
            if environ["REQUEST_METHOD"] != "HEAD":
                self._export.send(write)
        return ()
