"""The seam to databases: what a session can do, whichever vendor it is with.

A driver is a module with `connect`, named by its vendor and imported when it is needed.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, Final, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from gateway.reach import Reach
    from gateway.sources.sql.queries import Query

# How a session is called on the server: application name, query tag, job label.
APPLICATION: Final = "cohort-gateway"
CONNECT_SECONDS: Final = 10.0
MOST_TABLES: Final = 1000

Row = tuple[Any, ...]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Target:
    """Where to connect, and as what: the config and secrets of a source, and what may be reached.

    A statement may take `limit_seconds` on the server; the watchdog bounds the whole read.
    """

    config: Mapping[str, Any]
    secrets: Mapping[str, str] = dataclasses.field(repr=False)
    reach: Reach
    limit_seconds: float


@dataclasses.dataclass(frozen=True, kw_only=True)
class Column:
    """A column of a result, or of a table, with its type as the vendor calls it."""

    name: str
    type: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class Table:
    """A table or view that can be read."""

    schema: str
    name: str
    columns: Sequence[Column]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Estimate:
    """What a query would cost, as far as its database tells."""

    rows: int | None = None
    bytes: int | None = None


class Result(Protocol):
    """The rows of a query while they come in; `columns` are known from the start."""

    @property
    def columns(self) -> Sequence[Column]:
        """The columns, in order, by the names that the server answers."""

    def batches(self) -> Iterator[Sequence[Row]]:
        """Read the rows, some at a time. Raises errors.ReadFailed."""


class Session(Protocol):
    """An open connection that only reads. All raise errors.ReadFailed; `cancel` and `close` none.

    `cancel` may be called by another thread; the call that it ends fails.
    """

    def read(self, query: Query, *, rows_per_batch: int) -> Result:
        """Begin to read the rows of a query, without limit."""

    def estimate(self, query: Query) -> Estimate:
        """Ask what a query would cost, without running it."""

    def tables(self, search: str, *, most: int) -> Sequence[Table]:
        """List tables with a text in their name or schema, by name."""

    def powers(self) -> Sequence[str]:
        """Say in which ways the role may do more than read; empty is as it should be."""

    def cancel(self) -> None:
        """Stop what runs, on the server."""

    def close(self) -> None:
        """Roll back, and end the connection."""


class Driver(Protocol):
    """The module of a vendor that needs the vendor's client library."""

    def connect(self, target: Target, addresses: Sequence[str]) -> Session:
        """Open a session by addresses that were checked. Raises errors.ReadFailed."""

    def greet(self, target: Target, addresses: Sequence[str]) -> None:
        """Connect without signing in, so far as the vendor allows. Raises errors.ReadFailed."""
