"""The zip file that a workbook is, kept within bounds before anything of it is inflated."""

from __future__ import annotations

import contextlib
import struct
import zipfile
import zlib
from typing import IO, TYPE_CHECKING, Final

from gateway import errors
from gateway.core.cohorts.failures import Failure
from gateway.sources.lists import limits, recognition

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_FILE_BYTES: Final = 64 * limits.MEBIBYTE
MAX_INFLATED_BYTES: Final = 1024 * limits.MEBIBYTE
MAX_RATIO: Final = 100

# Those of ECMA-376 part 2; others could take more memory.
_COMPRESSIONS: Final = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)

# The directory of a workbook with a thousand sheets has a tenth of this. zipfile makes an object of
# each of its entries, so it has to be measured before.
_MAX_DIRECTORY_BYTES: Final = limits.MEBIBYTE

# https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT, sections 4.3.14 to 4.3.16
_END: Final = struct.Struct("<4s4H2LH")
_END_MAGIC: Final = b"PK\x05\x06"
_LOCATOR: Final = struct.Struct("<4sLQL")
_LOCATOR_MAGIC: Final = b"PK\x06\x07"
_END_64: Final = struct.Struct("<4sQ2H2L4Q")
_END_64_MAGIC: Final = b"PK\x06\x06"
_MAX_COMMENT_BYTES: Final = 0xFFFF


def open_zip(file: IO[bytes]) -> zipfile.ZipFile:
    """Open an archive. Raises errors.ReadFailed for one that is damaged, or beyond the limits."""
    size = file.seek(0, 2)
    if size > MAX_FILE_BYTES or _directory_bytes(file, size) > _MAX_DIRECTORY_BYTES:
        raise too_large("The workbook is larger than 64 MiB, or has too many parts.")
    with translated():
        archive = zipfile.ZipFile(file)
    parts = archive.infolist()
    if any(part.compress_type not in _COMPRESSIONS for part in parts):
        raise damaged()
    inflated = sum(part.file_size for part in parts)
    if inflated > min(MAX_INFLATED_BYTES, MAX_RATIO * size):
        raise too_large("The workbook holds more than 1 GiB, or more than 100 times its size.")
    return archive


@contextlib.contextmanager
def translated() -> Iterator[None]:
    """Raise errors.ReadFailed for whatever is wrong with an archive."""
    try:
        yield
    except (
        zipfile.BadZipFile,
        zlib.error,
        EOFError,
        KeyError,  # no such part
        NotImplementedError,  # a way to pack that zipfile does not know
        RuntimeError,  # encrypted
        ValueError,  # a name or an offset that cannot be
    ) as error:
        raise damaged() from error


def damaged() -> errors.ReadFailed:
    return recognition.not_a_table(
        "The file is no workbook (XLSX) that can be read: it is damaged, has a password, or is"
        " something else in a zip file.",
        hint="Open it and save it anew as .xlsx without a password, or as CSV.",
    )


def too_large(message: str) -> errors.ReadFailed:
    return errors.ReadFailed(Failure.TOO_LARGE, message, hint="Open it and save it as CSV.")


def _directory_bytes(file: IO[bytes], size: int) -> int:
    """Return the largest size that the directory may be taken to have; 0 if there is none."""
    tail_bytes = min(size, _MAX_COMMENT_BYTES + _END.size + _LOCATOR.size + _END_64.size)
    file.seek(size - tail_bytes)
    tail = file.read(tail_bytes)
    place = tail.rfind(_END_MAGIC)
    if place < 0 or place + _END.size > len(tail):
        return 0
    sizes: list[int] = [_END.unpack_from(tail, place)[5]]
    locator = place - _LOCATOR.size
    if locator >= 0 and tail.startswith(_LOCATOR_MAGIC, locator):
        # Releases of Python differ in where they look for the record.
        for start in (
            size - tail_bytes + locator - _END_64.size,
            _LOCATOR.unpack_from(tail, locator)[2],
        ):
            sizes += _directory_bytes_64(file, start, size)
    return max(sizes)


def _directory_bytes_64(file: IO[bytes], start: int, size: int) -> list[int]:
    if not 0 <= start <= size - _END_64.size:
        return []
    file.seek(start)
    magic, *_, directory, _ = _END_64.unpack(file.read(_END_64.size))
    return [directory] if magic == _END_64_MAGIC else []
