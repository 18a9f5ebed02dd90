"""Secrets of destinations as they are kept: encrypted texts by source and name."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from sqlalchemy import text

if TYPE_CHECKING:
    import datetime
    from collections.abc import Sequence

    from sqlalchemy import Connection


@dataclasses.dataclass(frozen=True, kw_only=True)
class Sealed:
    """A secret that only the vault can read."""

    destination_id: int
    name: str
    ciphertext: bytes
    set_at: datetime.datetime


def put(
    conn: Connection, destination_id: int, name: str, ciphertext: bytes, *, now: datetime.datetime
) -> None:
    """Set a secret, in place of the one it has."""
    parameters = {
        "destination_id": destination_id,
        "name": name,
        "ciphertext": ciphertext,
        "now": now,
    }
    conn.execute(_PUT, parameters)


def of_destinations(conn: Connection, destination_ids: Sequence[int]) -> list[Sealed]:
    """List the secrets of destinations by destination and name."""
    return [
        _sealed(row)
        for row in conn.execute(_OF_DESTINATIONS, {"destination_ids": list(destination_ids)})
    ]


def part(conn: Connection, *, after: tuple[int, str], limit: int) -> list[Sealed]:
    """List secrets by destination and name, from the first beyond `after`."""
    parameters = {"destination_id": after[0], "name": after[1], "limit": limit}
    return [_sealed(row) for row in conn.execute(_PART, parameters)]


def reseal(conn: Connection, secret: Sealed, ciphertext: bytes) -> bool:
    """Put another encryption of the same secret in its place; False if it has changed meanwhile."""
    parameters = {
        "destination_id": secret.destination_id,
        "name": secret.name,
        "before": secret.ciphertext,
        "ciphertext": ciphertext,
    }
    return conn.execute(_RESEAL, parameters).rowcount == 1


def drop(conn: Connection, destination_id: int, name: str) -> None:
    """Forget a secret."""
    conn.execute(_DROP, {"destination_id": destination_id, "name": name})


def drop_all(conn: Connection, destination_id: int) -> None:
    """Forget every secret of a destination."""
    conn.execute(_DROP_ALL, {"destination_id": destination_id})


def _sealed(row: Any) -> Sealed:  # noqa: ANN401 - a row
    return Sealed(
        destination_id=row.destination_id,
        name=row.name,
        ciphertext=bytes(row.ciphertext),
        set_at=row.set_at,
    )


_PUT = text("""
    INSERT INTO destination_secrets (destination_id, name, ciphertext, set_at)
    VALUES (:destination_id, :name, :ciphertext, :now)
    ON CONFLICT (destination_id, name) DO UPDATE
    SET ciphertext = excluded.ciphertext, set_at = excluded.set_at
""")

_OF_DESTINATIONS = text("""
    SELECT destination_id, name, ciphertext, set_at FROM destination_secrets
    WHERE destination_id = ANY(:destination_ids) ORDER BY destination_id, name
""")

_PART = text("""
    SELECT destination_id, name, ciphertext, set_at FROM destination_secrets
    WHERE (destination_id, name) > (:destination_id, :name)
    ORDER BY destination_id, name LIMIT :limit
""")

_RESEAL = text("""
    UPDATE destination_secrets SET ciphertext = :ciphertext
    WHERE destination_id = :destination_id AND name = :name AND ciphertext = :before
""")

_DROP = text(
    "DELETE FROM destination_secrets WHERE destination_id = :destination_id AND name = :name"
)

_DROP_ALL = text("DELETE FROM destination_secrets WHERE destination_id = :destination_id")
