"""The one client of outgoing HTTP: addresses checked where they are connected to, and limits.

A name is resolved once for a connection, every address of the answer is checked, and the connection
goes to a checked address: a second answer of the resolver is never asked for. Nothing is followed
or retried, no proxy and no credentials come from the environment, and TLS is always verified.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import contextvars
import dataclasses
import ipaddress
import socket
import ssl
import time
from typing import TYPE_CHECKING, Final, Self

import httpcore2
import httpx2

import gateway
from gateway import errors

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    Address = ipaddress.IPv4Address | ipaddress.IPv6Address
    Network = ipaddress.IPv4Network | ipaddress.IPv6Network
    Networks = Sequence[Network]
    # Takes a name and a port; gives addresses as texts. Raises OSError.
    Resolve = Callable[[str, int], Sequence[str]]

# For requests that an operator aims by hand, and to this machine itself.
ANYWHERE: Final = (ipaddress.ip_network("0.0.0.0/0"), ipaddress.ip_network("::/0"))
# Nothing private, of this machine, of the link (which is where clouds have their metadata).
PUBLIC: Final[tuple[Network, ...]] = ()

MAX_BODY_BYTES: Final = 1024 * 1024
THREADS: Final = 4

_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")
_ends_at: Final = contextvars.ContextVar("outbound_ends_at", default=float("inf"))
_is_plain: Final = contextvars.ContextVar("outbound_is_plain", default=False)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Limits:
    """How long each phase of a request may take, and all of it; connecting includes resolving."""

    connect_seconds: float = 5.0
    tls_seconds: float = 5.0
    write_seconds: float = 10.0
    read_seconds: float = 30.0
    pool_seconds: float = 5.0
    total_seconds: float = 60.0
    connections: int = 10


@dataclasses.dataclass(frozen=True, kw_only=True)
class Answer:
    """A whole answer, of any status; a redirect is one. Header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def networks(text: str) -> tuple[Network, ...]:
    """Parse networks or addresses, separated by commas. Raises ValueError."""
    return tuple(ipaddress.ip_network(one.strip()) for one in text.split(",") if one.strip())


def resolve(host: str, port: int) -> Sequence[str]:
    """Ask the system's resolver for the addresses of a name."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


def is_allowed(address: Address, allow: Iterable[Network]) -> bool:
    """Tell whether an address is public, or in a network that is allowed.

    An IPv6 address that carries one of IPv4 leads there, and is judged by that one.
    """
    if any(address in network for network in allow):
        return True
    inside = inner(address)
    if inside is not None:
        return is_allowed(inside, ())
    return address.is_global and not address.is_multicast and not address.is_reserved


def inner(address: Address) -> ipaddress.IPv4Address | None:
    """Return the address of IPv4 that one of IPv6 carries."""
    if isinstance(address, ipaddress.IPv4Address):
        return None
    if address in _NAT64:
        return ipaddress.IPv4Address(address.packed[-4:])
    teredo = address.teredo[1] if address.teredo else None
    return address.ipv4_mapped or address.sixtofour or teredo


class Client:
    """Sends requests over kept connections; may be used by several threads."""

    def __init__(
        self,
        *,
        allow: Networks = PUBLIC,
        plain: Networks = ANYWHERE,
        limits: Limits = Limits(),
        context: ssl.SSLContext | None = None,
        resolve: Resolve = resolve,
    ) -> None:
        """`allow` has networks beside the public ones, `plain` those that `http:` may go to.

        `context` says which certificates count.
        """
        self._limits = limits
        self._timeout = httpx2.Timeout(
            connect=limits.connect_seconds,
            read=limits.read_seconds,
            write=limits.write_seconds,
            pool=limits.pool_seconds,
        )
        backend = _Backend(allow, plain, limits, resolve)
        transport = _Transport(backend, limits, context or ssl.create_default_context())
        self._client = httpx2.Client(
            transport=transport,
            timeout=self._timeout,
            trust_env=False,
            follow_redirects=False,
            headers={
                "User-Agent": f"cohort-gateway/{gateway.__version__}",
                "Accept-Encoding": "identity",
            },
        )

    def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        max_body_bytes: int = MAX_BODY_BYTES,
    ) -> Answer:
        """Send a request and read its whole answer. Raises errors.Outbound.

        An answer is read as it was sent: what is compressed stays so.
        """
        token = _ends_at.set(time.monotonic() + self._limits.total_seconds)
        plainly = _is_plain.set(url[:5].lower() == "http:")
        try:
            with (
                _translated(),
                self._client.stream(method, url, headers=headers, content=body) as response,
            ):
                return Answer(
                    status=response.status_code,
                    headers=dict(response.headers),
                    body=_read(response, max_body_bytes),
                )
        finally:
            _is_plain.reset(plainly)
            _ends_at.reset(token)

    def close(self) -> None:
        """Close the kept connections."""
        self._client.close()

    def __enter__(self) -> Self:
        """Lend itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the kept connections."""
        self.close()


def _read(response: httpx2.Response, most: int) -> bytes:
    read = bytearray()
    for chunk in response.iter_raw():
        read += chunk
        if len(read) > most:
            raise errors.AnswerTooLarge(f"the answer has more than {most:,} bytes")
    return bytes(read)


@contextlib.contextmanager
def _translated() -> Iterator[None]:
    """Say by type what went wrong; texts of the library may quote what was sent."""
    try:
        yield
    except httpx2.TimeoutException as error:
        raise errors.OutboundTimeout(f"no answer in time ({_phase(error)})") from error
    except (httpx2.InvalidURL, httpx2.UnsupportedProtocol, UnicodeError) as error:
        raise errors.BadAddress("it is no URL of http or https") from error
    except httpx2.RemoteProtocolError as error:
        raise errors.BadAnswer("the answer is no HTTP, or ends too early") from error
    except httpx2.TransportError as error:
        reason = _reason(error)
        raise errors.Unreachable(f"it cannot be reached: {reason}") from error


def _phase(error: httpx2.TimeoutException) -> str:
    return type(error).__name__.removesuffix("Timeout").lower()


def _reason(error: BaseException) -> str:
    """Name what the system said, from the innermost error on."""
    inner: BaseException | None = error
    while inner is not None:
        if isinstance(inner, OSError) and inner.strerror:
            return inner.strerror
        inner = inner.__cause__ or inner.__context__
    return type(error).__name__


def _left(timeout: float | None) -> float:
    """Return how long the next step may take; something above zero, which would not wait at all."""
    left = _ends_at.get() - time.monotonic()
    return max(0.001, left if timeout is None else min(timeout, left))


class _Transport(httpx2.HTTPTransport):
    """httpx's transport, with connections that our backend makes."""

    def __init__(self, backend: _Backend, limits: Limits, context: ssl.SSLContext) -> None:
        super().__init__(verify=context, trust_env=False)
        self._pool = httpcore2.ConnectionPool(
            ssl_context=context,
            max_connections=limits.connections,
            max_keepalive_connections=limits.connections,
            keepalive_expiry=5.0,
            network_backend=backend,
        )


class _Backend(httpcore2.NetworkBackend):
    """Connects to addresses that were checked, and to nothing by a name."""

    def __init__(self, allow: Networks, plain: Networks, limits: Limits, resolve: Resolve) -> None:
        self._allow = allow
        self._http = plain
        self._limits = limits
        self._resolve = resolve
        self._plain = httpcore2.SyncBackend()
        self._threads = concurrent.futures.ThreadPoolExecutor(THREADS, "resolver")

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.NetworkStream:
        """Connect to the first checked address of a name that takes it."""
        end = time.monotonic() + _left(timeout)
        last: httpcore2.ConnectError | httpcore2.ConnectTimeout | None = None
        for address in self._addresses(host, port, end - time.monotonic()):
            left = max(0.001, end - time.monotonic())
            try:
                stream = self._plain.connect_tcp(address, port, left, local_address, socket_options)
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout) as error:
                last = error
            else:
                return _Stream(stream, self._limits)
        raise last or httpcore2.ConnectError("the name has no address")

    def _addresses(self, host: str, port: int, timeout: float) -> list[str]:
        """Resolve a name, and refuse it if any of its addresses is: it may be aimed by another."""
        asked = self._threads.submit(self._resolve, host, port)
        try:
            found = asked.result(timeout)
        except concurrent.futures.TimeoutError as error:
            raise httpcore2.ConnectTimeout from error
        except (OSError, UnicodeError) as error:
            raise httpcore2.ConnectError from error
        for text in found:
            self._require_allowed(host, ipaddress.ip_address(text.partition("%")[0]))
        return list(found)

    def _require_allowed(self, host: str, address: Address) -> None:
        if not is_allowed(address, self._allow):
            raise errors.ForbiddenAddress(
                f"{host} has the address {address}, which is not public; allow its network if it"
                " is meant",
            )
        if _is_plain.get() and not any(address in network for network in self._http):
            raise errors.ForbiddenAddress(
                f"{host} has the address {address}, to which `http:` may not go; use `https:`, or"
                " allow its network",
            )


class _Stream(httpcore2.NetworkStream):
    """A connection, each step of which ends with the whole request at the latest."""

    def __init__(self, plain: httpcore2.NetworkStream, limits: Limits) -> None:
        self._plain = plain
        self._limits = limits

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Read what has come."""
        if _ends_at.get() <= time.monotonic():
            raise httpcore2.ReadTimeout
        return self._plain.read(max_bytes, _left(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Write all of it, in parts: a peer that takes byte by byte gets no time for each."""
        view = memoryview(buffer)
        while view:
            if _ends_at.get() <= time.monotonic():
                raise httpcore2.WriteTimeout
            part, view = view[:_PART_BYTES], view[_PART_BYTES:]
            self._plain.write(bytes(part), _left(timeout))

    def close(self) -> None:
        """Close the connection."""
        self._plain.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ARG002 - that of connecting
    ) -> httpcore2.NetworkStream:
        """Shake hands, by the name that was asked for. Raises errors.BadCertificate."""
        left = _left(self._limits.tls_seconds)
        try:
            plain = self._plain.start_tls(ssl_context, server_hostname, left)
        except httpcore2.ConnectError as error:
            if isinstance(error.__cause__, ssl.SSLCertVerificationError):
                said = error.__cause__.verify_message
                raise errors.BadCertificate(
                    f"the certificate of {server_hostname} is not valid: {said}",
                ) from error
            raise
        return _Stream(plain, self._limits)

    def get_extra_info(self, info: str) -> object:
        """Tell of the connection."""
        return self._plain.get_extra_info(info)


_PART_BYTES: Final = 64 * 1024
