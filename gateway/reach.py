"""Where a connection to a customer's database may go: resolved once, checked, and by address."""

from __future__ import annotations

import concurrent.futures
import dataclasses
import ipaddress
import socket
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qsl, unquote, urlsplit

from gateway import errors, outbound

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from gateway.outbound import Address, Resolve

# Addresses at which clouds tell their machines secrets; most are link-local, these are not.
_METADATA: Final = frozenset(
    ipaddress.ip_address(text)
    for text in (
        "100.100.100.200",
        "168.63.129.16",
        "192.0.0.192",
        "fd00:ec2::254",
        "fd00:ec2::23",
        "fd20:ce::254",
        "fd00:42::42",
    )
)
RESOLVE_SECONDS: Final = 5.0
# Of those that a name has; trying all of many would take too long.
MOST_ADDRESSES: Final = 3
_PORTS: Final = {"redis": 6379, "rediss": 6379}
_POSTGRES_PORT: Final = 5432


@dataclasses.dataclass(frozen=True)
class Own:
    """A server of the gateway itself, to which no source may be aimed."""

    host: str
    port: int


def owned(url: str | None) -> Iterator[Own]:
    """Read the servers that an address of Postgres or Redis names; a socket's path is none."""
    if url is None:
        return
    parts = urlsplit(url)
    if parts.scheme == "unix":
        return
    given = dict(parse_qsl(parts.query))
    default = _PORTS.get(parts.scheme, _POSTGRES_PORT)
    network = parts.netloc.rpartition("@")[2]
    places = [one for one in unquote(network).split(",") if one]
    ports = [one for one in given.get("port", "").split(",") if one]
    for host in (given.get("host", "") + "," + given.get("hostaddr", "")).split(","):
        places += [host] if host and not host.startswith(("/", "@")) else []
    for place in places or ["localhost"]:
        host, port = _split(place)
        yield from (Own(host, int(one)) for one in ([port] if port else ports or [str(default)]))


def _split(place: str) -> tuple[str, str]:
    if place.startswith("["):
        host, _, port = place[1:].partition("]")
        return host, port.removeprefix(":")
    host, _, port = place.partition(":") if place.count(":") == 1 else (place, "", "")
    return host, port


class Reach:
    """Finds the addresses of a host that may be connected to."""

    def __init__(
        self,
        *,
        own: Sequence[Own] = (),
        allow_local: bool = False,
        resolve: Resolve = outbound.resolve,
    ) -> None:
        self._own = tuple(own)
        self._allow_local = allow_local
        self._resolve = resolve
        # A resolver may take as long as it likes.
        self._threads = concurrent.futures.ThreadPoolExecutor(outbound.THREADS, "resolver")

    def find(self, host: str, port: int) -> list[str]:
        """Resolve a host, and return its addresses; each was checked.

        Raises errors.Unreachable if it has none, errors.ForbiddenAddress if any is not allowed.
        """
        found = self._addresses(host, port)
        if not found:
            raise errors.Unreachable(f"the name {host!a} has no address; check the host")
        for text in found:
            address = _address(text)
            why = _refusal(address, allow_local=self._allow_local)
            if why is None and self._is_own(_plain(address), port):
                why = "a server of this gateway itself"
            if why is not None:
                raise errors.ForbiddenAddress(
                    f"{host} has the address {text}, which is {why}; sources may not be there"
                )
        return found

    def _is_own(self, address: Address, port: int) -> bool:
        """Tell whether a server of ours answers there, by whichever address of this machine."""
        for one in self._own:
            if one.port != port:
                continue
            ours = {_plain(_address(text)) for text in self._addresses(one.host, port)}
            if address in ours or (any(o.is_loopback for o in ours) and _is_local(address)):
                return True
        return False

    def _addresses(self, host: str, port: int) -> list[str]:
        asked = self._threads.submit(self._resolve, host, port)
        try:
            return list(asked.result(RESOLVE_SECONDS))[:MOST_ADDRESSES]
        except (OSError, UnicodeError, concurrent.futures.TimeoutError):
            return []


def _address(text: str) -> Address:
    return ipaddress.ip_address(text.partition("%")[0])


def _is_local(address: Address) -> bool:
    """Tell whether an address is one of this machine: only then it can be bound to."""
    family = socket.AF_INET if isinstance(address, ipaddress.IPv4Address) else socket.AF_INET6
    with socket.socket(family) as probe:
        try:
            probe.bind((str(address), 0))
        except OSError:
            return False
    return True


def _plain(address: Address) -> Address:
    """Return the address of IPv4 that one of IPv6 leads to, or itself."""
    inner = outbound.inner(address)
    if inner is not None:
        return inner
    # `::a.b.c.d`, of old; `::` and `::1` are themselves.
    if isinstance(address, ipaddress.IPv6Address) and 1 < int(address) < 1 << 32:
        return ipaddress.IPv4Address(address.packed[-4:])
    return address


def _refusal(address: Address, *, allow_local: bool) -> str | None:
    """Say what an address is if no source may be there; None if one may."""
    plain = _plain(address)
    if plain in _METADATA:
        return "one at which clouds tell secrets"
    if plain.is_link_local:
        return "of the link alone (link-local)"
    if plain.is_unspecified or plain.is_multicast or plain == _BROADCAST or _is_this(plain):
        return "none of a server"
    if plain.is_loopback and not allow_local:
        return "this machine (loopback); GATEWAY_ALLOW_LOCAL_SOURCES=1 allows it for trying"
    return None


_BROADCAST: Final = ipaddress.ip_address("255.255.255.255")
_THIS_NETWORK: Final = ipaddress.ip_network("0.0.0.0/8")


def _is_this(address: Address) -> bool:
    return isinstance(address, ipaddress.IPv4Address) and address in _THIS_NETWORK


def open_socket(addresses: Sequence[str], port: int, *, seconds: float) -> socket.socket:
    """Connect to the first address that answers, in that time.

    Raises errors.Unreachable or errors.OutboundTimeout.
    """
    last: OSError | None = None
    for address in addresses:
        try:
            return socket.create_connection((address, port), timeout=seconds / len(addresses))
        except OSError as error:
            last = error
    if isinstance(last, TimeoutError):
        message = f"port {port} did not answer within {seconds:g} seconds"
        raise errors.OutboundTimeout(message) from last
    reason = (last and last.strerror) or "no connection"
    raise errors.Unreachable(f"port {port} cannot be reached: {reason}") from last
