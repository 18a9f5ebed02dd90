"""What the settings of all databases have: the field of a host, and limits."""

from __future__ import annotations

import dataclasses
import ipaddress
import re
from typing import TYPE_CHECKING, Any, Final

from gateway.core.fields import NOT_BLANK, Text
from gateway.errors import Fault

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MAX_PEM_CHARACTERS: Final = 64 * 1024
MAX_PASSWORD_CHARACTERS: Final = 1024
MAX_PORT: Final = 65_535
_MAX_HOST: Final = 253
_LABEL: Final = "[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_NAME: Final = re.compile(rf"{_LABEL}(\.{_LABEL})*\.?")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Host:
    """One name or address: no list, no path of a socket, no port and no options."""

    name: str
    title: str
    description: str
    required: bool = True
    default: str | None = None

    def schema(self) -> dict[str, Any]:
        """Describe it as JSON Schema does."""
        return {
            "title": self.title,
            "description": self.description,
            "type": "string" if self.required else ["string", "null"],
            "minLength": 1,
            "maxLength": _MAX_HOST,
            "pattern": r"^[A-Za-z0-9_.:-]+$",
        }

    def faults(self, value: object, path: str) -> Iterator[Fault]:
        """Tell what is wrong with a value that JSON brought."""
        if value is None and not self.required:
            return
        if type(value) is not str or not _is_host(value):
            yield Fault(path, "must be one host name or IP address, such as db.example.com")

    def read(self, value: Any) -> object:  # noqa: ANN401 - JSON without faults
        """Keep it as it is."""
        return value


@dataclasses.dataclass(frozen=True, kw_only=True)
class Checked(Text):
    """A text that must also be of a form; `wrong` says of one that is not what it must be.

    `pattern` is as much of that form as JSON Schema can say.
    """

    wrong: Callable[[str], str | None]
    pattern: str = NOT_BLANK

    def schema(self) -> dict[str, Any]:
        """Describe it as JSON Schema does."""
        return super().schema() | {"pattern": self.pattern}

    def faults(self, value: object, path: str) -> Iterator[Fault]:
        """Tell what is wrong with a value that JSON brought."""
        found = list(super().faults(value, path))
        yield from found
        said = None if value is None or found else self.wrong(str(value))
        if said is not None:
            yield Fault(path, said)


def _is_host(text: str) -> bool:
    if len(text) > _MAX_HOST:
        return False
    try:
        return "%" not in text and bool(ipaddress.ip_address(text))
    except ValueError:
        return _NAME.fullmatch(text) is not None
