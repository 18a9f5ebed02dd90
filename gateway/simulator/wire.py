"""One kept HTTP connection to a gateway, as a sender or a service would have it."""

from __future__ import annotations

import dataclasses
import http.client
import json
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from gateway import errors

if TYPE_CHECKING:
    from collections.abc import Mapping

TIMEOUT_SECONDS: Final = 60.0
# What a server's goodbye on an idle kept connection looks like from here.
_CLOSED_MEANWHILE: Final = (
    http.client.RemoteDisconnected,
    http.client.CannotSendRequest,
    ConnectionResetError,
    BrokenPipeError,
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Answer:
    """What came back: the status and the whole body."""

    status: int
    body: bytes

    def document(self) -> dict[str, object]:
        """Parse the body as a JSON object; an empty one if it is anything else."""
        try:
            found = json.loads(self.body)
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}


class Wire:
    """Sends requests one after the other to one server, below a base URL (http or https)."""

    def __init__(self, base_url: str, *, timeout_seconds: float = TIMEOUT_SECONDS) -> None:
        """Raises errors.Malformed for what is no such URL; nothing is opened yet."""
        parts = urlsplit(base_url)
        try:
            good = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
        except ValueError:
            good = False
        if not good or parts.query or parts.fragment:
            raise errors.Malformed(
                f"{base_url!a} is no URL of a gateway; it looks like http://127.0.0.1:8000",
            )
        kind = (
            http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        )
        self.base_url = base_url.rstrip("/")
        self._prefix = parts.path.rstrip("/")
        self._connection = kind(parts.hostname or "", parts.port, timeout=timeout_seconds)

    def request(
        self, method: str, path: str, *, headers: Mapping[str, str], body: bytes | None = None
    ) -> Answer:
        """Send a request and read its answer; a kept connection that was closed is opened anew.

        Raises errors.Unavailable when no answer came.
        """
        for fresh in (self._connection.sock is None, True):
            try:
                return self._exchange(method, self._prefix + path, headers, body)
            except (OSError, http.client.HTTPException) as error:
                self.close()
                if fresh or not isinstance(error, _CLOSED_MEANWHILE):
                    raise errors.Unavailable(
                        f"{self.base_url} does not answer: {str(error) or type(error).__name__}",
                    ) from error
        raise errors.InternalError("a request was neither answered nor refused")

    def close(self) -> None:
        """Close the connection; the next request opens another."""
        self._connection.close()

    def _exchange(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes | None
    ) -> Answer:
        self._connection.request(method, path, body=body, headers=dict(headers))
        response = self._connection.getresponse()
        return Answer(status=response.status, body=response.read())
