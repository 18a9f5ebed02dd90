"""The shared texts of a workbook, to which its cells refer by number."""

from __future__ import annotations

import array
import re
from typing import IO, TYPE_CHECKING, Final

from gateway.sources.lists import limits
from gateway.sources.lists.xlsx import archive, markup

if TYPE_CHECKING:
    from collections.abc import Mapping

# They are all that is kept of a workbook, and the reason for most of its memory.
_MAX_BYTES: Final = 100 * limits.MEBIBYTE

# Excel has 32,767 at most. Cells repeat a text at the cost of a few bytes, so a longer one would
# take too much memory when rows are read.
_MAX_CHARACTERS: Final = 40_000

_NAMES: Final = markup.known("si", "t", "rPh")

# How Excel writes what XML cannot have: `_x000D_` is a CR, `_x005F_` an underscore.
_ESCAPED: Final = re.compile("_x([0-9A-Fa-f]{4})_")


def unescape(text: str) -> str:
    """Read the characters that Excel writes as numbers."""
    if "_x" not in text:
        return text
    return _ESCAPED.sub(lambda found: chr(int(found[1], 16)), text)


class Texts:
    """All texts as one, and where each of them ends."""

    def __init__(self) -> None:
        self._bytes = bytearray()
        self._ends = array.array("I", [0])

    def add(self, text: str) -> None:
        """Add a text. Raises errors.ReadFailed if there are too many."""
        self._bytes += unescape(text).encode("utf-8", "surrogatepass")
        self._ends.append(len(self._bytes))
        if len(self._bytes) + self._ends.itemsize * len(self._ends) > _MAX_BYTES:
            raise archive.too_large("The workbook has too many different texts (100 MiB).")

    def __getitem__(self, number: int) -> str:
        """Return a text by its number. Raises errors.ReadFailed if there is none."""
        if not 0 <= number < len(self._ends) - 1:
            raise archive.damaged()
        start, end = self._ends[number : number + 2]
        return self._bytes[start:end].decode("utf-8", "surrogatepass")


def read(part: IO[bytes]) -> Texts:
    """Read all shared texts. Raises errors.ReadFailed."""
    reader = _Reader()
    for _ in markup.stream(part, reader):
        pass
    return reader.texts


class _Reader:
    """Takes the `t` elements of each `si`, but for phonetic readings (`rPh`)."""

    def __init__(self) -> None:
        self.texts = Texts()
        self._pieces: list[str] = []
        self._characters = 0
        self._is_text = self._is_reading = False

    def start(self, name: str, _attributes: Mapping[str, str]) -> None:
        local = _NAMES.get(name)
        if local == "rPh":
            self._is_reading = True
        self._is_text = local == "t" and not self._is_reading

    def end(self, name: str) -> None:
        local = _NAMES.get(name)
        self._is_text = False
        if local == "rPh":
            self._is_reading = False
        elif local == "si":
            self.texts.add("".join(self._pieces))
            self._pieces, self._characters = [], 0

    def text(self, text: str) -> None:
        if self._is_text:
            self._pieces.append(text)
            self._characters += len(text)
            if self._characters > _MAX_CHARACTERS:
                raise archive.too_large(
                    "The workbook has a text that is longer than Excel's can be."
                )
