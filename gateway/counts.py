"""The folder in which web processes count together: whether it is in use, and what of it is sound.

prometheus_client maps its files into memory and believes what they say. A process that was killed,
or a disk that was full, may leave one behind that is cut or holds anything at all.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import struct
from typing import IO, TYPE_CHECKING, Final

if TYPE_CHECKING:
    import pathlib
    from collections.abc import Iterator, Mapping

# A file begins with how much of it is used, then come its entries: the length of a key, the key,
# blanks up to a multiple of 8 bytes, the value and a time.
_HEAD_BYTES: Final = 8
_NUMBERS_BYTES: Final = 16
_LENGTH: Final = struct.Struct("i")

_OWNER: Final = "owner"
_STARTING: Final = "starting-"


def claim(folder: pathlib.Path) -> IO[bytes]:
    """Make a folder that is in use for as long as what is returned is open, here or in a child.

    It has its name only once it is locked, so that no `clear` takes it for abandoned.
    """
    nascent = folder.with_name(f"{_STARTING}{folder.name}")
    nascent.mkdir(mode=0o700)
    owner = (nascent / _OWNER).open("wb")
    fcntl.flock(owner, fcntl.LOCK_EX | fcntl.LOCK_NB)
    nascent.rename(folder)
    return owner


def clear(parent: pathlib.Path, prefix: str) -> int:
    """Remove the folders of this prefix of ended processes; returns how many."""
    cleared = 0
    for owner in parent.glob(f"{prefix}*/{_OWNER}"):
        with contextlib.suppress(OSError), owner.open("rb") as opened:  # in use, or of another user
            fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(owner.parent)
            cleared += 1
    return cleared


def is_sound(path: pathlib.Path, declared: Mapping[str, frozenset[str]]) -> bool:
    """Tell whether a file can be read, and holds only samples that are declared, by their labels.

    A file that is gone is as good as damaged: its process, or an operator, has just removed it.
    """
    try:
        for name, labels in _keys(path.read_bytes()):
            if declared[name] != labels.keys():
                return False
            float(labels.get("le", 0))
            "".join(labels.values()).encode()
    except (OSError, ValueError, LookupError, TypeError, AttributeError, struct.error):
        return False
    return True


def _keys(data: bytes) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield the sample and the labels of each entry. Raises what `is_sound` takes for damage."""
    (used,) = _LENGTH.unpack_from(data)
    if used > len(data):
        raise ValueError("the file is cut")
    position = _HEAD_BYTES
    while position < used:
        (length,) = _LENGTH.unpack_from(data, position)
        begin = position + _LENGTH.size
        end = begin + length
        position = end + 8 - end % 8 + _NUMBERS_BYTES
        if length < 0 or position > used:
            raise ValueError("an entry does not fit")
        _, name, labels, _ = json.loads(data[begin:end])
        yield name, labels


def remove_damaged(path: pathlib.Path, declared: Mapping[str, frozenset[str]]) -> None:
    """Remove a file that an earlier process of the same number left damaged."""
    if os.path.lexists(path) and not is_sound(path, declared):
        path.unlink()
