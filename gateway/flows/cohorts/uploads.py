"""Uploads: files that come whole or in parts, and are kept until a load has read them."""

from __future__ import annotations

import datetime
import secrets
from typing import TYPE_CHECKING, Final

from gateway import errors
from gateway.core import texts
from gateway.core.cohorts import load_codes, receipt
from gateway.store.cohorts import receipts, uploads
from gateway.store.cohorts.uploads import Upload

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Connection

    from gateway.core.cohorts.load import Load
    from gateway.store.cohorts.uploads import Part
    from gateway.store.db.engine import Pool

# Interface 6: an upload that no load took goes after this.
KEPT: Final = datetime.timedelta(hours=24)
MAX_PARTS: Final = 10_000
MAX_NAME_CHARACTERS: Final = 255
MEBIBYTE: Final = 1024 * 1024

NO_UPLOAD: Final = "no such upload, or it has expired; begin another one"


def announce(
    pool: Pool, *, name: str | None, size: int | None, max_bytes: int, now: datetime.datetime
) -> Upload:
    """Begin an upload that comes in parts. Raises errors.TooLarge if so many are too many bytes."""
    _require_room(size or 0, max_bytes)
    upload = _new(name, size, now=now)
    with pool.begin() as conn:
        uploads.create(conn, upload, now=now)
    return upload


def put_part(
    pool: Pool,
    upload_id: str,
    number: int,
    data: bytes,
    *,
    max_bytes: int,
    now: datetime.datetime,
) -> None:
    """Store a part of an upload; the same again is harmless.

    Raises errors.NotFound, errors.Conflict if a load has taken it, and errors.TooLarge if all parts
    would have more than `max_bytes`.
    """
    with pool.begin() as conn:
        _open(uploads.share(conn, upload_id), now)
        others = sum(one.bytes for one in uploads.parts(conn, upload_id) if one.number != number)
        _require_room(others + len(data), max_bytes)
        uploads.put_part(conn, upload_id, number, data)


def put_whole(pool: Pool, data: bytes, *, name: str | None, now: datetime.datetime) -> str:
    """Store a file that came at once, for a load that is about to take it."""
    upload = _new(name, len(data), now=now)
    with pool.begin() as conn:
        uploads.create(conn, upload, now=now)
        uploads.put_part(conn, upload.id, 1, data)
    return upload.id


def discard(pool: Pool, upload_id: str) -> None:
    """Delete an upload that no load takes."""
    with pool.begin() as conn:
        uploads.delete(conn, [upload_id])


def take(
    conn: Connection, upload_id: str, *, max_bytes: int, now: datetime.datetime
) -> tuple[Upload, int]:
    """Lock an upload that a load is about to take; returns how many bytes it has, too.

    Raises errors.NotFound, errors.Conflict and errors.TooLarge.
    """
    upload = _open(uploads.lock(conn, upload_id), now)
    parts = uploads.parts(conn, upload_id)
    size = sum(part.bytes for part in parts)
    _require_room(size, max_bytes)
    _require_all(parts, size, upload.bytes)
    return upload, size


def hand_over(conn: Connection, upload: Upload, load: Load) -> None:
    """Note the load that takes an upload, which the caller has locked."""
    uploads.take(conn, upload.id, cohort_id=load.cohort_id, number=load.number)


def prune(pool: Pool, *, now: datetime.datetime) -> None:
    """Delete the files that no load took in time, and those of loads that have ended."""
    with pool.read() as conn:
        over = uploads.ended(conn, now=now)
        over += [one.id for one in uploads.taken(conn) if _is_over(conn, one)]
    for upload_id in over:
        with pool.begin() as conn:
            uploads.lock(conn, upload_id)  # for a part that is being added
            uploads.delete(conn, [upload_id])


def _is_over(conn: Connection, upload: Upload) -> bool:
    state = receipts.state(conn, upload.load_cohort or 0, upload.load_number or 0)
    return state not in receipt.OPEN


def _new(name: str | None, size: int | None, *, now: datetime.datetime) -> Upload:
    return Upload(
        id=secrets.token_hex(12),
        name=None if name is None else texts.cut(texts.storable(name), MAX_NAME_CHARACTERS),
        bytes=size,
        expires_at=now + KEPT,
        load_cohort=None,
        load_number=None,
    )


def _open(upload: Upload | None, now: datetime.datetime) -> Upload:
    if upload is None or (upload.load_cohort is None and upload.expires_at <= now):
        raise errors.NotFound(NO_UPLOAD)
    if upload.load_cohort is not None:
        message = "a load has taken this upload; begin another one"
        raise errors.Conflict(message, code=load_codes.UPLOAD_TAKEN)
    return upload


def _require_room(size: int, max_bytes: int) -> None:
    if size > max_bytes:
        raise errors.TooLarge(
            f"an upload has at most {max_bytes // MEBIBYTE} MiB (GATEWAY_MAX_UPLOAD_MIB); split the"
            " file, and load the first piece with mode=replace and the others with mode=add"
        )


def _require_all(parts: Sequence[Part], size: int, announced: int | None) -> None:
    missing = next((n for n, part in enumerate(parts, start=1) if part.number != n), None)
    if missing is None and not parts:
        missing = 1
    if missing is not None:
        message = f"part {missing} of this upload is missing; send it, then go on"
        raise errors.Conflict(message, code=load_codes.PART_MISSING)
    if announced is not None and size != announced:
        message = (
            f"the parts of this upload have {size} bytes, and {announced} were announced; send the"
            " parts that are missing or cut"
        )
        raise errors.Conflict(message, code=load_codes.PART_MISSING)
