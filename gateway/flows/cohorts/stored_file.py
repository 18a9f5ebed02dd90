"""A file that is kept in Postgres, to be read from anywhere in it like one on a disk."""

from __future__ import annotations

import bisect
import hashlib
import io
import itertools
from typing import TYPE_CHECKING, Final

from gateway import errors
from gateway.store.cohorts import uploads

if TYPE_CHECKING:
    from collections.abc import Callable

    from _typeshed import WriteableBuffer

    from gateway.store.db.engine import Pool

# A workbook is read in several places at once.
PIECES_IN_MEMORY: Final = 4


class StoredFile(io.RawIOBase):
    """The bytes of an upload; `check` is called before each piece, and may raise.

    Raises errors.Unavailable as the pool does, and errors.NotFound if it is not there any more.
    """

    def __init__(self, pool: Pool, upload_id: str, check: Callable[[], None]) -> None:
        super().__init__()
        self._pool = pool
        self._upload_id = upload_id
        self._check = check
        self._place = 0
        self._kept: dict[tuple[int, int], bytes] = {}
        with pool.read() as conn:
            self._parts = uploads.parts(conn, upload_id)
        self._starts = [0, *itertools.accumulate(part.bytes for part in self._parts)]

    @property
    def size(self) -> int:
        """How many bytes it has."""
        return self._starts[-1]

    def readable(self) -> bool:
        """Tell that it can be read."""
        return True

    def seekable(self) -> bool:
        """Tell that it can be read from anywhere."""
        return True

    def tell(self) -> int:
        """Return where the next byte is read."""
        return self._place

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go elsewhere."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: self.size}[whence]
        self._place = max(0, base + offset)
        return self._place

    def readinto(self, buffer: WriteableBuffer) -> int:
        """Read the next bytes, at most to the end of a piece."""
        if self._place >= self.size:
            return 0
        index = bisect.bisect_right(self._starts, self._place) - 1
        number, inside = divmod(self._place - self._starts[index], uploads.PIECE_BYTES)
        found = self._piece(self._parts[index].number, number)[inside:]
        view = memoryview(buffer).cast("B")
        count = min(len(view), len(found))
        view[:count] = found[:count]
        self._place += count
        return count

    def digest(self) -> str:
        """Return the SHA-256 of all bytes, in hexadecimal digits."""
        whole = hashlib.sha256()
        for part in self._parts:
            for number in range(-(-part.bytes // uploads.PIECE_BYTES)):
                whole.update(self._piece(part.number, number))
        return whole.hexdigest()

    def _piece(self, part: int, number: int) -> bytes:
        kept = self._kept.pop((part, number), None)
        if kept is None:
            self._check()
            with self._pool.read() as conn:
                kept = uploads.piece(conn, self._upload_id, part=part, number=number)
            if kept is None:
                raise errors.NotFound("the file of this load is not kept any more")
        self._kept[part, number] = kept
        if len(self._kept) > PIECES_IN_MEMORY:
            del self._kept[next(iter(self._kept))]
        return kept


def open_upload(
    pool: Pool, upload_id: str, *, check: Callable[[], None]
) -> tuple[io.BufferedReader, StoredFile]:
    """Open an upload; returns the file to read, and the one below it."""
    stored = StoredFile(pool, upload_id, check)
    return io.BufferedReader(stored, uploads.PIECE_BYTES), stored
