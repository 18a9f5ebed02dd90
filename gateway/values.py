"""What each setting takes: its text turned into a value, or a sentence saying what is accepted."""

import enum
import ipaddress
import pathlib
import re
from collections.abc import Callable
from typing import Final, TypeVar

from gateway import addresses

_E = TypeVar("_E", bound=enum.StrEnum)

_MEBIBYTE: Final = 1024 * 1024
_FUNCTION: Final = re.compile(r"\w+(\.\w+)*:\w+", re.ASCII)


class Unaccepted(ValueError):
    """A value that a setting does not take; its text says what it takes."""


def printable(text: str) -> str:
    """Take one line of text without control characters."""
    # Undecodable bytes of the environment arrive as lone surrogates.
    if any(ord(character) < ord(" ") or "\ud800" <= character <= "\udfff" for character in text):
        raise Unaccepted("one line of UTF-8 text without control characters")
    return text


def whole(least: int, most: int) -> Callable[[str], int]:
    """Make what takes a whole number within bounds."""

    def parse(text: str) -> int:
        # int() takes more than anybody means: underscores, signs, other scripts' digits.
        digits = len(text) <= len(str(most)) and text.isascii() and text.isdecimal()
        if not digits or not least <= int(text) <= most:
            raise Unaccepted(f"a whole number from {least} to {most}")
        return int(text)

    return parse


def rate_limit(text: str) -> int | None:
    """Take requests a second."""
    return whole(1, 1_000_000)(text)


def gibibytes(text: str) -> int | None:
    """Take a size in GiB; returns bytes."""
    return whole(1, 1_000_000)(text) * 1024 * _MEBIBYTE


def one_of(kind: type[_E]) -> Callable[[str], _E]:
    """Make what takes a value of an enum, in either case."""

    def parse(text: str) -> _E:
        try:
            return kind(text.lower())
        except ValueError:
            raise Unaccepted(f"one of {', '.join(kind)}") from None

    return parse


def host(text: str) -> str:
    """Take an address to listen on."""
    try:
        return str(ipaddress.ip_address(text.removeprefix("[").removesuffix("]")))
    except ValueError:
        if not (addresses.HOST_NAME.fullmatch(text) and addresses.is_resolvable(text)):
            raise Unaccepted("an IP address or a host name, without a port") from None
    return text


def function(text: str) -> str | None:
    """Take the name of a function as `module:function`."""
    if not _FUNCTION.fullmatch(text):
        raise Unaccepted("the module and the name of a function, like package.module:function")
    return text


def path(text: str) -> pathlib.Path:
    """Take a path; `~` is a home folder."""
    try:
        return pathlib.Path(text).expanduser()
    except RuntimeError:
        raise Unaccepted("a path; ~name only for a user there is") from None


def public_url(text: str) -> str | None:
    """Take the URL that the outside uses; a slash at its end goes, as paths begin with one."""
    if not addresses.is_public(text):
        raise Unaccepted("https://host[:port][/path], to which /webhooks/… and /v1/… are added")
    return text.rstrip("/")


def username(text: str) -> str:
    """Take the user name of HTTP Basic authentication."""
    if ":" in text:
        raise Unaccepted("a name without a colon: HTTP Basic authentication ends it there")
    return text


def password(text: str) -> str:
    """Take any password."""
    return text


def api_key(text: str) -> str:
    """Take what can stand behind `Bearer`."""
    if not text.isascii() or " " in text:
        raise Unaccepted("visible ASCII characters without a space, as an HTTP header carries it")
    return text
