"""A vendor of databases: what its sources are set to, and the driver that connects to them."""

from __future__ import annotations

import dataclasses
import importlib
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from gateway.core.fields import Field
    from gateway.sources.sql.session import Driver


@dataclasses.dataclass(frozen=True, kw_only=True)
class Vendor:
    """A kind of database, declared once.

    `carriers` are the fields that decide where secrets travel, and how. `driver` is the module to
    import for a connection; it needs `package`, which is None if every installation has it.
    `dialect` is its name in sqlglot. `place` gives the host and port that a config leads to.
    """

    kind: str
    title: str
    config: tuple[Field, ...]
    secrets: tuple[Field, ...]
    carriers: frozenset[str]
    dialect: str
    driver: str
    place: Callable[[Mapping[str, object]], tuple[str, int]]
    package: str | None = None

    def load(self) -> Driver:
        """Import the driver, which may take a while the first time."""
        return cast("Driver", importlib.import_module(self.driver))


def by_host(default_port: int) -> Callable[[Mapping[str, object]], tuple[str, int]]:
    """Lead to the fields `host` and `port` of a config."""
    return lambda config: (str(config["host"]), cast("int", config.get("port") or default_port))
