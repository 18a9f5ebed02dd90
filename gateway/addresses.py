"""Where the gateway is reached: from this machine, and by the URL that the outside uses."""

from __future__ import annotations

import ipaddress
import re
from typing import Final
from urllib.parse import urlsplit

WEBHOOKS: Final = "/webhooks/mixpanel/"

HOST_NAME: Final = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?")
_LONGEST_HOST: Final = 253
# What a Host header may say; an underscore stands in the names of containers.
_HOST: Final = re.compile(
    r"(\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9][A-Za-z0-9._-]{0,252})(:[1-9][0-9]{0,4})?"
)
_BLANK: Final = re.compile(r"[\s\x00-\x20]")
_PATH: Final = re.compile(r"(/[A-Za-z0-9._~%-]+)*")


def is_public(url: str) -> bool:
    """Tell whether a text is https://host[:port][/path], which other paths can be put behind."""
    try:
        parts = urlsplit(url)
        good = parts.scheme == "https" and parts.port != 0 and _is_host(parts.hostname or "")
    except ValueError:
        return False
    # What urlsplit leaves out of host and path: a user, a query, a fragment, an empty one included.
    rest = url.partition("://")[2].partition("/")[0]
    return (
        good
        and not set("@?#\\ ") & set(url)
        and not rest.endswith(":")
        and _PATH.fullmatch(parts.path.rstrip("/")) is not None
        and "/webhooks/" not in f"{parts.path}/"
    )


def is_resolvable(host: str) -> bool:
    """Tell whether a resolver would look for this name: none does for empty or endless labels."""
    try:
        return not _BLANK.search(host) and len(host.encode("idna")) <= _LONGEST_HOST
    except UnicodeError:
        return False


def local_host(bind: str) -> str:
    """Return the host by which this machine reaches what is bound to an address."""
    try:
        address = ipaddress.ip_address(bind)
    except ValueError:
        return bind
    loopback = "127.0.0.1" if isinstance(address, ipaddress.IPv4Address) else "::1"
    return loopback if address.is_unspecified else bind


def local_url(bind: str, port: int) -> str:
    """Return the URL by which this machine reaches the gateway."""
    host = local_host(bind)
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def requested_url(scheme: str, host: str) -> str | None:
    """Return the URL of a scheme and Host header; None if the header names no host."""
    return f"{scheme}://{host}" if _HOST.fullmatch(host) else None


def _is_host(text: str) -> bool:
    try:
        return bool(ipaddress.ip_address(text))
    except ValueError:
        return HOST_NAME.fullmatch(text) is not None and is_resolvable(text)
