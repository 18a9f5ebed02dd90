"""The connections of the client library: to addresses that were checked, and with an end."""

from __future__ import annotations

import contextlib
import socket
import weakref
from typing import TYPE_CHECKING, Any, Final

from requests.adapters import HTTPAdapter
from urllib3 import connection, connectionpool
from urllib3.exceptions import NewConnectionError

from gateway import errors, reach
from gateway.core.cohorts.failures import Failure
from gateway.sources.sql import session
from gateway.sources.sql.failures import failed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import requests

    from gateway.reach import Reach

ANSWER_SECONDS: Final = 60.0
# Tables are asked for by so many threads.
AT_ONCE: Final = 8


class Lines:
    """The connections of one session, by which it can be cut off."""

    def __init__(self, reach: Reach, known: Mapping[tuple[str, int], Sequence[str]]) -> None:
        """`known` are the addresses of places that were checked before."""
        self._reach = reach
        self._known = known
        self._open: weakref.WeakSet[connection.HTTPConnection] = weakref.WeakSet()
        self._is_cut = False

    def session(self, made: requests.Session) -> Any:  # noqa: ANN401 - the session that was given
        """Let a session connect by these lines alone."""
        made.trust_env = False
        for scheme in ("https://", "http://"):
            made.mount(scheme, _Adapter(self))
        return made

    def connect(self, line: connection.HTTPConnection) -> socket.socket:
        """Connect to a checked address; TLS still checks the name."""
        if self._is_cut:  # the library does not try this again, as it would an error of a network
            raise failed(Failure.UNREACHABLE, "the connection was cut")
        place = (line.host, line.port or line.default_port)
        try:
            addresses = self._known.get(place) or self._reach.find(*place)
            made = reach.open_socket(addresses, place[1], seconds=session.CONNECT_SECONDS)
        except errors.Outbound as error:
            raise NewConnectionError(line, str(error)) from error
        made.settimeout(line.timeout if isinstance(line.timeout, int | float) else ANSWER_SECONDS)
        self._open.add(line)
        return made

    def cut(self) -> None:
        """End what is waited for, whatever the server does, and let nothing follow."""
        self._is_cut = True
        for line in list(self._open):
            with contextlib.suppress(OSError, AttributeError):
                line.sock.shutdown(socket.SHUT_RDWR)


class _Adapter(HTTPAdapter):
    def __init__(self, lines: Lines) -> None:
        self._lines = lines
        super().__init__(pool_maxsize=AT_ONCE)

    def init_poolmanager(self, *args: Any, **options: Any) -> None:  # noqa: ANN401 - as it is given
        super().init_poolmanager(*args, **options)
        self.poolmanager.pool_classes_by_scheme = _pools(self._lines)

    def send(self, request: Any, **options: Any) -> requests.Response:  # type: ignore[override] # noqa: ANN401 - as it is given
        """Send a request; none waits for ever."""
        options["timeout"] = options.get("timeout") or ANSWER_SECONDS
        return super().send(request, **options)


def _pools(lines: Lines) -> dict[str, type[connectionpool.HTTPConnectionPool]]:
    class Plain(connection.HTTPConnection):
        def _new_conn(self) -> socket.socket:
            return lines.connect(self)

    class Secure(connection.HTTPSConnection):
        def _new_conn(self) -> socket.socket:
            return lines.connect(self)

    class PlainPool(connectionpool.HTTPConnectionPool):
        ConnectionCls = Plain

    class SecurePool(connectionpool.HTTPSConnectionPool):
        ConnectionCls = Secure

    return {"http": PlainPool, "https": SecurePool}
