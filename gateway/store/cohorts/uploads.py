"""Uploads: files as they came, in parts that are cut into pieces."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Final

from sqlalchemy import text

from gateway.store.cohorts import staging
from gateway.store.db.statement import Statement

if TYPE_CHECKING:
    import datetime
    from collections.abc import Iterator, Sequence

    from sqlalchemy import Connection

PIECE_BYTES: Final = 256 * 1024


@dataclasses.dataclass(frozen=True, kw_only=True)
class Upload:
    """An upload; `bytes` is how many were announced, `load` the one that took it."""

    id: str
    name: str | None
    bytes: int | None
    expires_at: datetime.datetime
    load_cohort: int | None
    load_number: int | None


@dataclasses.dataclass(frozen=True)
class Part:
    """A part of an upload."""

    number: int
    bytes: int


def create(conn: Connection, upload: Upload, *, now: datetime.datetime) -> None:
    conn.execute(_CREATE, dataclasses.asdict(upload) | {"now": now})


def lock(conn: Connection, upload_id: str) -> Upload | None:
    """Read an upload that no other transaction takes meanwhile, None if there is none."""
    row = conn.execute(_LOCK, {"id": upload_id}).mappings().one_or_none()
    return None if row is None else Upload(**row)


def share(conn: Connection, upload_id: str) -> Upload | None:
    """Read an upload that no other transaction takes meanwhile; others may add parts to it."""
    row = conn.execute(_SHARE, {"id": upload_id}).mappings().one_or_none()
    return None if row is None else Upload(**row)


def take(conn: Connection, upload_id: str, *, cohort_id: int, number: int) -> None:
    """Note which load has taken an upload that the caller has locked."""
    conn.execute(_TAKE, {"id": upload_id, "cohort_id": cohort_id, "number": number})


def put_part(conn: Connection, upload_id: str, number: int, data: bytes) -> None:
    """Store a part, in place of one that was there; two at once of one number follow each other."""
    parameters = {"upload": upload_id, "number": number, "bytes": len(data)}
    conn.execute(_PUT_PART, parameters)
    conn.execute(_DROP_PIECES, parameters)
    command = "COPY upload_pieces (upload, part, number, data) FROM STDIN"
    staging.copy_in(conn, command, _lines(upload_id, number, data))


def _lines(upload_id: str, part: int, data: bytes) -> Iterator[bytes]:
    whole = memoryview(data)
    for number, start in enumerate(range(0, len(data), PIECE_BYTES)):
        piece = whole[start : start + PIECE_BYTES].hex()
        yield f"{upload_id}\t{part}\t{number}\t\\\\x{piece}\n".encode()


def parts(conn: Connection, upload_id: str) -> list[Part]:
    """List the parts of an upload in order."""
    return [Part(row.number, row.bytes) for row in conn.execute(_PARTS, {"upload": upload_id})]


def piece(conn: Connection, upload_id: str, *, part: int, number: int) -> bytes | None:
    """Read a piece, None if it is not there."""
    parameters = {"upload": upload_id, "part": part, "number": number}
    row = _PIECE.first(conn, parameters)
    return None if row is None else bytes(row.data)


def ended(conn: Connection, *, now: datetime.datetime) -> list[str]:
    """List the uploads that no load has taken in time."""
    return list(conn.execute(_ENDED, {"now": now}).scalars())


def taken(conn: Connection) -> list[Upload]:
    """List the uploads that loads have taken."""
    return [Upload(**row) for row in conn.execute(_TAKEN).mappings()]


def delete(conn: Connection, upload_ids: Sequence[str]) -> None:
    """Delete uploads with all that is kept of them."""
    parameters = {"ids": list(upload_ids)}
    conn.execute(_DELETE_PIECES, parameters)
    conn.execute(_DELETE_PARTS, parameters)
    conn.execute(_DELETE, parameters)


_CREATE = text("""
    INSERT INTO uploads (id, name, bytes, created_at, expires_at, load_cohort, load_number)
    VALUES (:id, :name, :bytes, :now, :expires_at, :load_cohort, :load_number)
""")

_READ = """
    SELECT id, name, bytes, expires_at, load_cohort, load_number FROM uploads
"""

_LOCK = text(_READ + "WHERE id = :id FOR UPDATE")

_SHARE = text(_READ + "WHERE id = :id FOR SHARE")

_TAKEN = text(_READ + "WHERE load_cohort IS NOT NULL")

_TAKE = text("""
    UPDATE uploads SET load_cohort = :cohort_id, load_number = :number WHERE id = :id
""")

_PUT_PART = text("""
    INSERT INTO upload_parts (upload, number, bytes) VALUES (:upload, :number, :bytes)
    ON CONFLICT (upload, number) DO UPDATE SET bytes = excluded.bytes
""")

_DROP_PIECES = text("DELETE FROM upload_pieces WHERE upload = :upload AND part = :number")

_PARTS = text("SELECT number, bytes FROM upload_parts WHERE upload = :upload ORDER BY number")

_PIECE = Statement("""
    SELECT data FROM upload_pieces
    WHERE upload = :upload AND part = :part AND number = :number
""")

_ENDED = text("""
    SELECT id FROM uploads WHERE load_cohort IS NULL AND expires_at <= :now
""")

_DELETE_PIECES = text("DELETE FROM upload_pieces WHERE upload = ANY(:ids)")
_DELETE_PARTS = text("DELETE FROM upload_parts WHERE upload = ANY(:ids)")
_DELETE = text("DELETE FROM uploads WHERE id = ANY(:ids)")
