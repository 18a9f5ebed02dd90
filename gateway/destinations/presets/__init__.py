"""List APIs that are declared already: a data file for each, read as `http` reads its config.

The files have the form of `gateway.destinations.http.schema.WHOLE`. Their settings become fields of
the config, their secrets secrets.
"""

from __future__ import annotations

import dataclasses
import functools
import pathlib
from typing import TYPE_CHECKING, Any, Final

import orjson

from gateway.destinations import settings
from gateway.destinations.http import parsing
from gateway.destinations.http import settings as http
from gateway.destinations.http.push import Push

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gateway.core.fields import Field
    from gateway.destinations.adapter import Account, Adapter
    from gateway.destinations.facts import Facts
    from gateway.destinations.http.declaration import Declaration

FOLDER: Final = pathlib.Path(__file__).parent


@dataclasses.dataclass(frozen=True, kw_only=True)
class Preset:
    """A list API that is declared already; `name` is that of its file."""

    name: str
    title: str
    declared: Declaration

    @property
    def config(self) -> tuple[Field, ...]:
        """What is set, beside secrets."""
        own = tuple(http.field(one) for one in self.declared.settings if not one.secret)
        return (http.endpoint(self.declared.base_url), settings.CONCURRENCY, *own)

    @property
    def secrets(self) -> tuple[Field, ...]:
        """What signs in."""
        return tuple(http.field(one) for one in self.declared.settings if one.secret)

    @property
    def carriers(self) -> frozenset[str]:
        """What of the config decides where secrets travel: the settings of addresses."""
        used = self.declared.base_url + self.declared.auth.token_url
        own = {one.key for one in self.declared.settings if f"{{{{settings.{one.key}}}}}" in used}
        return frozenset({"endpoint", *own})

    @property
    def facts(self) -> Facts:
        """What is to be known of it before something is sent."""
        return http.facts(self.declared)

    def connect(self, account: Account) -> Adapter:
        """Make the adapter of a destination."""
        values = http.values_of(self.declared, _given(account.config), account.secrets)
        return Push(self.declared, account, values)


@functools.cache
def all_of_them() -> tuple[Preset, ...]:
    """Read all presets, by name."""
    return tuple(_read(path) for path in sorted(FOLDER.glob("*.json")))


def _read(path: pathlib.Path) -> Preset:
    given: dict[str, Any] = orjson.loads(path.read_bytes())
    return Preset(name=path.stem, title=given["name"], declared=parsing.parse(given))


def _given(config: Mapping[str, object]) -> dict[str, object]:
    return {name: value for name, value in config.items() if value is not None}
