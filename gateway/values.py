"""A setting: what is declared of it, and its text turned into a value or a sentence about it."""

import dataclasses
import enum
import ipaddress
import pathlib
import re
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeVar

from gateway import addresses, errors

_E = TypeVar("_E", bound=enum.StrEnum)
_T = TypeVar("_T")

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

DECLARED: Final = "setting"  # in the metadata of a field
_SHOWN_CHARACTERS: Final = 60

_MEBIBYTE: Final = 1024 * 1024
LEAST_SECRET_KEY: Final = 32
_CHANNEL: Final = re.compile(r"[a-z0-9_-]{1,64}", re.ASCII)
_FUNCTION: Final = re.compile(r"\w+(\.\w+)*:\w+", re.ASCII)


class Unaccepted(ValueError):
    """A value that a setting does not take; its text says what it takes."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Setting:
    """One variable: how its text is parsed, and its row in the README, in Markdown.

    A secret may come as NAME_FILE too: a path to a text that should be neither in an environment
    nor printed. Only what has `lines` may be more than one.
    """

    name: str
    parse: Callable[[str], object]
    secret: bool
    help: str
    shown_default: str
    lines: bool = False

    def read(self, environ: Mapping[str, str]) -> object:
        """Return the value; None if it is unset. Raises Unaccepted, which never shows a secret."""
        source, text = self.name, environ.get(self.name, "")
        if not self.secret:
            text = text.strip()
        elif file_name := environ.get(f"{self.name}_FILE", ""):
            source = f"{self.name}_FILE"
            if text:
                raise Unaccepted(f"{self.name}: set either {self.name} or {source}, not both")
            text = _file_text(source, file_name)
        try:
            for line in text.splitlines() if self.lines else (text,):
                printable(line)
            return self.parse(text) if text else None
        except Unaccepted as problem:
            shown = "" if self.secret else f"; it is {_short(text)}"
            raise Unaccepted(f"{source}: {problem}{shown}") from None


def setting(
    name: str,
    parse: Callable[[str], _T],
    default: _T | Callable[[], _T],
    help: str,  # noqa: A002 - as argparse and click call it
    *,
    shown: str | None = None,
    secret: bool = False,
    lines: bool = False,
) -> _T:
    """Declare a field; its default may be a function, and `shown` says it where it is not plain."""
    known = Setting(
        name=name,
        parse=parse,
        secret=secret,
        help=help,
        shown_default=shown or _plain(default),
        lines=lines,
    )
    made: Any = {"default_factory": default} if callable(default) else {"default": default}
    declared: _T = dataclasses.field(**made, repr=not secret, metadata={DECLARED: known})
    return declared


def secret(name: str, parse: Callable[[str], str], meaning: str, *, shown: str) -> str | None:
    """Declare a field that may come in a file, and is in no repr."""
    return setting(name, parse, None, meaning, shown=shown, secret=True)


def _plain(default: object) -> str:
    if default is None or default == ():
        return "none"
    return f"{default:,}" if isinstance(default, int) else f"`{default}`"


def _short(text: str) -> str:
    shown = ascii(text)
    return shown if len(shown) <= _SHOWN_CHARACTERS else f"{shown[:_SHOWN_CHARACTERS]}…"


def _file_text(source: str, file_name: str) -> str:
    accepted = f"{source}: the path of a readable, non-empty text file in UTF-8; {file_name!a}"
    try:
        text = pathlib.Path(file_name).read_text("utf-8").strip("\r\n")
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise Unaccepted(f"{accepted}: {reason}") from error
    if not text:
        raise Unaccepted(f"{accepted} is empty")
    return text


def printable(text: str) -> str:
    """Take one line of text without control characters."""
    # Undecodable bytes of the environment arrive as lone surrogates.
    if any(ord(character) < ord(" ") or "\ud800" <= character <= "\udfff" for character in text):
        raise Unaccepted("one line of UTF-8 text without control characters")
    return text


def whole(least: int, most: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        # int() takes more than is meant: underscores, signs, other scripts' digits.
        digits = len(text) <= len(str(most)) and text.isascii() and text.isdecimal()
        if not digits or not least <= int(text) <= most:
            raise Unaccepted(f"a whole number from {least} to {most}")
        return int(text)

    return parse


def switch(text: str) -> bool:
    """Read whether something is on. Raises Unaccepted."""
    if text not in ("0", "1"):
        raise Unaccepted("0 or 1")
    return text == "1"


def gibibytes(text: str) -> int:
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
    try:
        return str(ipaddress.ip_address(text.removeprefix("[").removesuffix("]")))
    except ValueError:
        if not (addresses.HOST_NAME.fullmatch(text) and addresses.is_resolvable(text)):
            raise Unaccepted("an IP address or a host name, without a port") from None
    return text


def networks(text: str) -> tuple[Network, ...]:
    """Take networks or addresses with commas between."""
    try:
        return tuple(ipaddress.ip_network(one) for one in listed(text) if one)
    except ValueError:
        raise Unaccepted("networks or addresses with commas between, like 10.0.0.0/8") from None


def cohort_ids(text: str) -> tuple[int, ...]:
    """Take ids of cohorts with commas between."""
    ids = [one for one in listed(text) if one]
    if not all(one.isascii() and one.isdecimal() and int(one) < 2**63 for one in ids):
        raise Unaccepted("ids of cohorts with commas between, like 17,18")
    return tuple(map(int, ids))


def channels(text: str) -> Mapping[str, str]:
    """Take names of channels and their addresses, one a line."""
    found = dict[str, str]()
    for line in filter(None, map(str.strip, text.splitlines())):
        name, _, url = line.partition("=")
        if not (_CHANNEL.fullmatch(name) and "://" in url) or name in found:
            raise Unaccepted(
                "a line for each channel, like ops=slack://…: a name of a-z, 0-9, - and _ that no"
                " other line has, and an address of Apprise"
            )
        found[name] = url
    return found


def function(text: str) -> str:
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


def public_url(text: str) -> str:
    """Take the URL that the outside uses; a slash at its end goes, as paths begin with one."""
    if not addresses.is_public(text):
        raise Unaccepted("https://host[:port][/path], to which /webhooks/… and /v1/… are added")
    return text.rstrip("/")


def username(text: str) -> str:
    if ":" in text:
        raise Unaccepted("a name without a colon: HTTP Basic authentication ends it there")
    return text


def api_key(text: str) -> str:
    if not text.isascii() or " " in text:
        raise Unaccepted("visible ASCII characters without a space, as an HTTP header carries it")
    return text


def secret_key(text: str) -> str:
    """Take keys that encrypt secrets, the newest first, with commas between."""
    if not all(len(key) >= LEAST_SECRET_KEY for key in listed(text)):
        raise Unaccepted(
            f"random texts of {LEAST_SECRET_KEY} characters or more, the newest first, with commas"
            " between, as from `openssl rand -hex 32`"
        )
    return text


def listed(text: str) -> tuple[str, ...]:
    """Part texts with commas between."""
    return tuple(one.strip() for one in text.split(","))


def required(name: str, value: str | None) -> str:
    """Return the value of a setting; raises errors.BadSettings when it is not set."""
    if value is None:
        raise errors.BadSettings(
            refusal(
                f"{name}: must be set here, or in a file named by {name}_FILE; only `make run`"
                " brings servers of its own"
            )
        )
    return value


def refusal(*problems: str) -> str:
    """Say what is wrong with settings."""
    return "\n  ".join(["These settings cannot be used:", *problems])
