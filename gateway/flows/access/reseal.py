"""Rotation of the secret key: what older keys have sealed is sealed again under the newest."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Final, Generic, Protocol, TypeVar

from gateway import errors
from gateway.store.db import audit
from gateway.vault import Place

if TYPE_CHECKING:
    import datetime
    from collections.abc import Callable, Sequence

    from sqlalchemy import Connection

    from gateway.core.access.actor import Actor
    from gateway.store.db.engine import Pool
    from gateway.vault import Vault

# Of one transaction.
PART: Final = 500
_FIRST: Final = (0, "")


class Sealed(Protocol):
    """A secret that only the vault can read."""

    @property
    def name(self) -> str:
        """Its name, beside the row that it belongs to."""

    @property
    def ciphertext(self) -> bytes:
        """What the vault opens."""


S = TypeVar("S", bound=Sealed)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Table(Generic[S]):
    """Secrets of the rows of a table, and how the store reads and replaces them.

    `part` lists them by row and name from the first beyond a place; `put` is False where a secret
    has changed meanwhile.
    """

    name: str
    row: Callable[[S], int]
    part: Callable[[Connection, tuple[int, str], int], Sequence[S]]
    put: Callable[[Connection, S, bytes], bool]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Resealed:
    """How many secrets there are: sealed anew, under the newest key before, and unreadable."""

    resealed: int = 0
    newest: int = 0
    unreadable: int = 0

    def __add__(self, other: Resealed) -> Resealed:
        """Add up two parts."""
        return Resealed(
            resealed=self.resealed + other.resealed,
            newest=self.newest + other.newest,
            unreadable=self.unreadable + other.unreadable,
        )


def reseal(
    pool: Pool, table: Table[S], vault: Vault, *, now: datetime.datetime, actor: Actor, part: int
) -> Resealed:
    """Encrypt every secret that an older key has sealed under the newest one.

    What no key can read stays as it is. Raises errors.NoSecretKey if there is no key at all.
    """
    if not vault.has_key:
        raise errors.NoSecretKey(
            "there is no key: set GATEWAY_SECRET_KEY to the new key, a comma and the old key"
        )
    total, after = Resealed(), _FIRST
    while True:
        with pool.begin() as conn:
            found = table.part(conn, after, part)
            for one in found:
                total += _reseal(conn, table, vault, one)
            if len(found) < part:
                counts = dataclasses.asdict(total)
                audit.write(conn, actor, "secrets.rotated", table.name, now=now, **counts)
                return total
        after = (table.row(found[-1]), found[-1].name)


def _reseal(conn: Connection, table: Table[S], vault: Vault, one: S) -> Resealed:
    """Seal one again; a secret that was set anew meanwhile is under the newest key already."""
    place = Place(table=table.name, row=table.row(one), name=one.name)
    try:
        secret = vault.open(one.ciphertext, place)
    except errors.SecretUnreadable:
        return Resealed(unreadable=1)
    if vault.is_newest(one.ciphertext):
        return Resealed(newest=1)
    done = table.put(conn, one, vault.seal(secret, place))
    return Resealed(resealed=1) if done else Resealed(newest=1)
