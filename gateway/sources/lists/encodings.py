"""Encodings of text files: which one a file has, and its text, chunk by chunk."""

from __future__ import annotations

import codecs
import dataclasses
from typing import IO, TYPE_CHECKING, Final

from gateway import errors
from gateway.core.cohorts.failures import Failure
from gateway.sources.lists import limits

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

UTF_8: Final = "utf-8"
WINDOWS_1252: Final = "windows-1252"

_BOMS: Final = ((codecs.BOM_UTF8, UTF_8), (b"\xff\xfe", "utf-16le"), (b"\xfe\xff", "utf-16be"))

# WHATWG's name of an encoding → Python's. https://encoding.spec.whatwg.org/#names-and-labels; those
# with shift states are left out, and what only browsers need.
_CODECS: Final[Mapping[str, str]] = {
    UTF_8: "utf-8",
    "utf-16le": "utf-16-le",
    "utf-16be": "utf-16-be",
    WINDOWS_1252: "cp1252",
    **{f"windows-{page}": f"cp{page}" for page in (1250, 1251, 1253, 1254, 1255, 1256, 1257, 1258)},
    **{f"iso-8859-{part}": f"iso8859-{part}" for part in (2, 3, 4, 5, 6, 7, 8, 10, 13, 14, 15, 16)},
    "koi8-r": "koi8-r",
    "koi8-u": "koi8-u",
    "ibm866": "cp866",
    "macintosh": "mac-roman",
    "gbk": "gbk",
    "gb18030": "gb18030",
    "big5": "big5hkscs",
    "euc-jp": "euc-jp",
    "shift_jis": "cp932",
    "euc-kr": "cp949",
}
# WHATWG gives these labels to encodings that hold them.
_ALIASES: Final[Mapping[str, str]] = {
    "utf8": UTF_8,
    "utf-16": "utf-16le",
    "iso-8859-1": WINDOWS_1252,
    "latin1": WINDOWS_1252,
    "us-ascii": WINDOWS_1252,
    "ascii": WINDOWS_1252,
    "cp1252": WINDOWS_1252,
    "iso-8859-9": "windows-1254",
}
LABELS: Final = tuple(_CODECS)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Encoding:
    """The encoding of a file; `guessed` if nothing in the file proves it."""

    label: str
    bom_bytes: int = 0
    guessed: bool = False


def codec(label: str) -> str | None:
    """Return Python's name of the encoding that WHATWG gives this label, None if it has none."""
    return _CODECS.get(_named(label))


def has_bom(start: bytes) -> bool:
    """Tell whether the first bytes of a file say its encoding."""
    return any(start.startswith(bom) for bom, _ in _BOMS)


def of_file(file: IO[bytes], given: str | None) -> Encoding:
    """Find the encoding that all of a file has. Raises errors.ReadFailed if there is none."""
    file.seek(0)
    start = file.read(3)
    bom, marked = next(((bom, name) for bom, name in _BOMS if start.startswith(bom)), (b"", UTF_8))
    label = _named(given) if given is not None else marked
    # A BOM of another encoding than the one that was asked for is text like any other.
    found = Encoding(label=label, bom_bytes=len(bom) if label == marked else 0)
    wrong = _first_wrong_byte(file, found)
    if wrong is None:
        return found
    if given is not None or label != UTF_8:
        raise _undecodable(found, wrong)
    fallback = Encoding(label=WINDOWS_1252, bom_bytes=len(bom), guessed=True)
    wrong = _first_wrong_byte(file, fallback)
    if wrong is not None:
        raise _undecodable(fallback, wrong)
    return fallback


class Text:
    """The text of a file, read anew each time that `chunks` is called."""

    def __init__(self, file: IO[bytes], encoding: Encoding) -> None:
        self._file = file
        self._encoding = encoding
        self._size = file.seek(0, 2)
        self._position = 0

    @property
    def progress(self) -> float:
        """How much has been read, from 0 to 1."""
        return self._position / self._size if self._size else 1.0

    def start(self, most_bytes: int) -> str:
        """Read the beginning of the text."""
        self._file.seek(self._encoding.bom_bytes)
        return _decoder(self._encoding).decode(self._file.read(most_bytes))

    def chunks(self) -> Iterator[str]:
        """Read the text. The file must not have changed since its encoding was found."""
        decoder = _decoder(self._encoding)
        self._position = self._encoding.bom_bytes
        while True:
            self._file.seek(self._position)
            raw = self._file.read(limits.CHUNK_BYTES)
            self._position += len(raw)
            yield decoder.decode(raw, not raw)
            if not raw:
                return


def _named(given: str) -> str:
    lowered = given.strip().lower()
    return _ALIASES.get(lowered, lowered)


def _decoder(encoding: Encoding) -> codecs.IncrementalDecoder:
    return codecs.getincrementaldecoder(_CODECS[encoding.label])()


def _first_wrong_byte(file: IO[bytes], encoding: Encoding) -> int | None:
    """Read a whole file; return about where it stops being of this encoding."""
    decoder = _decoder(encoding)
    position = file.seek(encoding.bom_bytes)
    while True:
        raw = file.read(limits.CHUNK_BYTES)
        held = len(decoder.getstate()[0])
        try:
            decoder.decode(raw, not raw)
        except UnicodeDecodeError as error:
            return position - held + error.start
        if not raw:
            return None
        position += len(raw)


def _undecodable(encoding: Encoding, position: int) -> errors.ReadFailed:
    tried = f"neither UTF-8 nor {encoding.label}" if encoding.guessed else f"not {encoding.label}"
    return errors.ReadFailed(
        Failure.ENCODING,
        f"The file is {tried}: byte {position + 1} has no meaning there.",
        hint="Save it as UTF-8, or name its encoding.",
    )
