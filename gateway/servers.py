"""What is accepted as the address of a server, by its client library and by what relies on it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from gateway import addresses, startup
from gateway.values import Unaccepted, whole

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

_POSTGRES_SCHEMES: Final = ("postgres", "postgresql", "postgresql+psycopg2")
_REDIS_SCHEMES: Final = ("redis", "rediss", "unix")
_POSTGRES_EXAMPLE: Final = (
    "a URL like postgresql://user:password@host:5432/database (special characters as %XX)"
)
_REDIS_EXAMPLE: Final = (
    "a URL like redis://user:password@host:6379/0 (or rediss, unix; special characters as %XX)"
)
_DATABASE_NUMBER: Final = re.compile(r"/?([0-9]{1,9}/?)?")
# A name that is shown: anything else may be a part of a password with a `?` in it.
_SHOWN_NAME: Final = re.compile(r"[a-z_]{1,40}")
_HOST_ACCEPTED: Final = "a host name of labels of 1 to 63 characters, 253 in all, or an IP address"

# A frozen server holds up a request for no longer than this.
MOST_CONNECT_SECONDS: Final = 10
_MOST_NUMBER: Final = 2**31 - 1


def postgres(text: str) -> str:
    """Read the address of a Postgres, and name the driver in it. Raises Unaccepted."""
    parts = _split(text, _POSTGRES_SCHEMES, _POSTGRES_EXAMPLE)
    given = dict(_parameters(parts, POSTGRES_PARAMETERS, "libpq takes"))
    if not parts.path.strip("/") and "dbname" not in given:
        raise Unaccepted(_POSTGRES_EXAMPLE)
    for hosts in (unquote(parts.hostname or ""), given.get("host", "")):
        for host in hosts.split(","):
            _require_host(re.sub(r":[0-9]+$", "", host))
    # The driver is named because SQLAlchemy's default for PostgreSQL is another one since 2.1.
    return f"postgresql+psycopg2{text[len(parts.scheme) :]}"


def redis(text: str) -> str:
    """Read the address of a Redis. Raises Unaccepted."""
    parts = _split(text, _REDIS_SCHEMES, _REDIS_EXAMPLE)
    accepted = {**REDIS_PARAMETERS, **(TLS_PARAMETERS if parts.scheme == "rediss" else {})}
    dict(_parameters(parts, accepted, "RQ and redis-py take here"))
    if parts.scheme == "unix":
        if parts.hostname or not parts.path.strip("/"):
            raise Unaccepted("the path of a socket, like unix:///run/redis.sock?db=0")
        return text
    _require_host(unquote(parts.hostname or ""))
    if not _DATABASE_NUMBER.fullmatch(parts.path):
        raise Unaccepted("the number of a database behind the host, like redis://host:6379/0")
    return text


def _split(text: str, schemes: tuple[str, ...], example: str) -> SplitResult:
    """Split a URL of one of the schemes; its text never gets into the problem."""
    try:
        parts = urlsplit(text)
        good = parts.scheme in schemes and parts.port != 0
    except ValueError:
        raise Unaccepted(example) from None
    # Behind # or ? it would be the rest of a password that was not escaped.
    if not good or " " in text or "#" in text or "@" in parts.query:
        raise Unaccepted(example)
    return parts


def _parameters(
    parts: SplitResult, accepted: Mapping[str, Callable[[str], object]], by: str
) -> Iterator[tuple[str, str]]:
    """Yield the parameters of a URL. Raises Unaccepted, naming the first that cannot be used."""
    seen = set()
    for name, value in parse_qsl(parts.query):
        shown = name if _SHOWN_NAME.fullmatch(name) else "a parameter"
        if name not in accepted:
            raise Unaccepted(f"{shown} is none of the parameters that {by}: {', '.join(accepted)}")
        if name in seen and name not in _REPEATABLE:
            raise Unaccepted(f"{shown} may be there once")
        try:
            accepted[name](value)
        except Unaccepted as problem:
            raise Unaccepted(f"{shown} must be {problem}") from None
        seen.add(name)
        yield name, value


def _require_host(host: str) -> None:
    """Refuse a name that resolvers do not even look for; a socket's path is none."""
    if host and not host.startswith(("/", "@")) and not addresses.is_resolvable(host):
        raise Unaccepted(_HOST_ACCEPTED)


def _anything(_text: str) -> None:
    pass


def _one_of(*values: str) -> Callable[[str], None]:
    def parse(text: str) -> None:
        if text not in values:
            raise Unaccepted(f"one of {', '.join(values)}")

    return parse


def _ports(text: str) -> None:
    for port in text.split(","):
        whole(1, 65_535)(port)


def _options(text: str) -> None:
    """Read start-up options. Raises Unaccepted for what is no setting, or is the gateway's own."""
    try:
        given = startup.parse(text)
    except ValueError:
        raise Unaccepted("settings like -c search_path=app") from None
    if ours := sorted(startup.OURS.intersection(given)):
        raise Unaccepted(f"without {', '.join(ours)}, which the gateway sets itself")


def _unencoded(text: str) -> None:
    if text.lower().replace("-", "") != "utf8":
        raise Unaccepted("UTF8, or left out")


_SWITCH: Final = _one_of("0", "1")
_NUMBER: Final = whole(0, _MOST_NUMBER)
_TLS_VERSION: Final = _one_of("TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3")
_REPEATABLE: Final = ("host", "port")

# All that libpq has, but for `replication`, which makes a session of another kind.
POSTGRES_PARAMETERS: Final[Mapping[str, Callable[[str], object]]] = {
    "application_name": _anything,
    "channel_binding": _one_of("disable", "prefer", "require"),
    "client_encoding": _unencoded,
    "connect_timeout": whole(1, MOST_CONNECT_SECONDS),
    "dbname": _anything,
    "fallback_application_name": _anything,
    "gssdelegation": _SWITCH,
    "gssencmode": _one_of("disable", "prefer", "require"),
    "gsslib": _anything,
    "host": _anything,
    "hostaddr": _anything,
    "keepalives": _SWITCH,
    "keepalives_count": _NUMBER,
    "keepalives_idle": _NUMBER,
    "keepalives_interval": _NUMBER,
    "krbsrvname": _anything,
    "load_balance_hosts": _one_of("disable", "random"),
    "options": _options,
    "passfile": _anything,
    "password": _anything,
    "port": _ports,
    "require_auth": _anything,
    "requirepeer": _anything,
    "service": _anything,
    "ssl_max_protocol_version": _TLS_VERSION,
    "ssl_min_protocol_version": _TLS_VERSION,
    "sslcert": _anything,
    "sslcertmode": _one_of("disable", "allow", "require"),
    "sslcompression": _SWITCH,
    "sslcrl": _anything,
    "sslcrldir": _anything,
    "sslkey": _anything,
    "sslmode": _one_of("disable", "allow", "prefer", "require", "verify-ca", "verify-full"),
    "sslnegotiation": _one_of("postgres", "direct"),
    "sslpassword": _anything,
    "sslrootcert": _anything,
    "sslsni": _SWITCH,
    "target_session_attrs": _one_of(
        "any", "read-write", "read-only", "primary", "standby", "prefer-standby"
    ),
    "tcp_user_timeout": _NUMBER,
    "user": _anything,
}

# Not here, of what redis-py has: how answers are decoded (RQ reads bytes), how long to wait and
# how often to try (a page's answer must not wait for Redis), how many connections.
REDIS_PARAMETERS: Final[Mapping[str, Callable[[str], object]]] = {
    "client_name": _anything,
    "db": whole(0, 999_999_999),
    "health_check_interval": whole(0, 86_400),
    "password": _anything,
    "protocol": _one_of("2"),
    "socket_keepalive": _one_of("true", "false", "yes", "no", "0", "1"),
    "username": _anything,
}
TLS_PARAMETERS: Final[Mapping[str, Callable[[str], object]]] = {
    "ssl_ca_certs": _anything,
    "ssl_ca_data": _anything,
    "ssl_ca_path": _anything,
    "ssl_cert_reqs": _one_of("none", "optional", "required"),
    "ssl_certfile": _anything,
    "ssl_check_hostname": _one_of("true", "false", "yes", "no", "0", "1"),
    "ssl_ciphers": _anything,
    "ssl_keyfile": _anything,
    "ssl_password": _anything,
}
