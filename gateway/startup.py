"""Options that a session of Postgres starts with: those of a URL, and those the gateway needs."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

# What a text, a number or a time means between us and the server. Roles, databases and the
# environment may have other values; a session that took those would store other texts than it was
# given, or fail on them.
MEANING: Final[Mapping[str, str]] = {
    "client_encoding": "UTF8",
    "timezone": "UTC",
    "datestyle": "ISO, MDY",
    "intervalstyle": "postgres",
    "bytea_output": "hex",
    "extra_float_digits": "1",
    "standard_conforming_strings": "on",
    "array_nulls": "on",
    "transform_null_equals": "off",
    # Only read committed sees, after a wait for a lock, what the lock was waited for.
    "default_transaction_isolation": "read committed",
    "client_min_messages": "warning",
}
# How long a session may wait for what; the values are those of each pool.
LIMITS: Final = ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout")
# How soon each side notices that the other is gone.
PRESENCE: Final[Mapping[str, str]] = {
    "client_connection_check_interval": "2000",
    "tcp_keepalives_idle": "10",
    "tcp_keepalives_interval": "3",
    "tcp_keepalives_count": "3",
}
OURS: Final = frozenset({*MEANING, *LIMITS, *PRESENCE})

# As the server splits them: at white space, unless a backslash is before it.
_WORD: Final = re.compile(r"(?:\\.|[^\\\s])+", re.DOTALL)
_SWITCH: Final = re.compile(r"(?:-c|--)(?P<name>[\w.-]+)=(?P<value>.*)", re.ASCII | re.DOTALL)
_ESCAPED: Final = re.compile(r"\\(.)", re.DOTALL)


def parse(options: str) -> dict[str, str]:
    """Read the settings of a start-up option text (`-c name=value …`), names in lower case.

    Raises ValueError for anything else than settings: a proxy, or a transaction, takes no other.
    """
    found = {}
    for switch in _switches(options):
        match = _SWITCH.fullmatch(switch)
        if match is None:
            raise ValueError("no setting")
        # The server takes a dash for an underscore in --name=value.
        found[match["name"].replace("-", "_").lower()] = match["value"]
    return found


def write(settings: Mapping[str, str]) -> str:
    """Write settings as a start-up option text."""
    return " ".join(f"-c {name}={_escaped(value)}" for name, value in settings.items())


def _switches(options: str) -> Iterator[str]:
    """Yield the words of an option text, with `-c` and its value as one."""
    words = (_ESCAPED.sub(r"\1", word) for word in _WORD.findall(options))
    for word in words:
        yield word + next(words, "") if word == "-c" else word


def _escaped(value: str) -> str:
    return re.sub(r"([\\\s])", r"\\\1", value)
