"""Secrets of sources as they are kept: encrypted texts by source and name."""

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

    source_id: int
    name: str
    ciphertext: bytes
    set_at: datetime.datetime


def put(
    conn: Connection, source_id: int, name: str, ciphertext: bytes, *, now: datetime.datetime
) -> None:
    """Set a secret, in place of the one it has."""
    parameters = {"source_id": source_id, "name": name, "ciphertext": ciphertext, "now": now}
    conn.execute(_PUT, parameters)


def of_sources(conn: Connection, source_ids: Sequence[int]) -> list[Sealed]:
    """List the secrets of sources by source and name."""
    return [_sealed(row) for row in conn.execute(_OF_SOURCES, {"source_ids": list(source_ids)})]


def part(conn: Connection, *, after: tuple[int, str], limit: int) -> list[Sealed]:
    """List secrets by source and name, from the first beyond `after`."""
    parameters = {"source_id": after[0], "name": after[1], "limit": limit}
    return [_sealed(row) for row in conn.execute(_PART, parameters)]


def reseal(conn: Connection, secret: Sealed, ciphertext: bytes) -> bool:
    """Put another encryption of the same secret in its place; False if it has changed meanwhile."""
    parameters = {
        "source_id": secret.source_id,
        "name": secret.name,
        "before": secret.ciphertext,
        "ciphertext": ciphertext,
    }
    return conn.execute(_RESEAL, parameters).rowcount == 1


def drop(conn: Connection, source_id: int, name: str) -> None:
    """Forget a secret."""
    conn.execute(_DROP, {"source_id": source_id, "name": name})


def drop_all(conn: Connection, source_id: int) -> None:
    """Forget every secret of a source."""
    conn.execute(_DROP_ALL, {"source_id": source_id})


def _sealed(row: Any) -> Sealed:  # noqa: ANN401 - a row
    return Sealed(
        source_id=row.source_id,
        name=row.name,
        ciphertext=bytes(row.ciphertext),
        set_at=row.set_at,
    )


_PUT = text("""
    INSERT INTO source_secrets (source_id, name, ciphertext, set_at)
    VALUES (:source_id, :name, :ciphertext, :now)
    ON CONFLICT (source_id, name) DO UPDATE
    SET ciphertext = excluded.ciphertext, set_at = excluded.set_at
""")

_OF_SOURCES = text("""
    SELECT source_id, name, ciphertext, set_at FROM source_secrets
    WHERE source_id = ANY(:source_ids) ORDER BY source_id, name
""")

_PART = text("""
    SELECT source_id, name, ciphertext, set_at FROM source_secrets
    WHERE (source_id, name) > (:source_id, :name) ORDER BY source_id, name LIMIT :limit
""")

_RESEAL = text("""
    UPDATE source_secrets SET ciphertext = :ciphertext
    WHERE source_id = :source_id AND name = :name AND ciphertext = :before
""")

_DROP = text("DELETE FROM source_secrets WHERE source_id = :source_id AND name = :name")

_DROP_ALL = text("DELETE FROM source_secrets WHERE source_id = :source_id")
