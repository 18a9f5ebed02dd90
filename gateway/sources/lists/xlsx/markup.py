"""XML of a workbook, streamed through expat with bounds on everything that expat keeps."""

from __future__ import annotations

from typing import IO, TYPE_CHECKING, Final, Protocol
from xml.parsers import expat

from gateway.sources.lists import limits
from gateway.sources.lists.xlsx import archive

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

# Of names with a namespace only the end is looked at: ECMA-376 has one in its strict form and
# another in its transitional one. What else is in a workbook is in elements of its own.
_MAIN: Final = (
    "http://schemas.openxmlformats.org/spreadsheetml/2006/main",
    "http://purl.oclc.org/ooxml/spreadsheetml/main",
    "http://schemas.openxmlformats.org/package/2006/relationships",
)

# Small, because what cells refer to may be thousands of times as large as they are.
_CHUNK_BYTES: Final = 16 * 1024
# A sheet is six levels deep.
_MAX_DEPTH: Final = 100
# expat and Python keep the name of every kind of element and attribute.
_MAX_NAMES: Final = 5000
# expat keeps a tag until its end has been read.
_MAX_TAG_BYTES: Final = limits.MEBIBYTE


class Handler(Protocol):
    """What takes the elements of one part."""

    def start(self, name: str, attributes: Mapping[str, str]) -> None:
        """Take the start of an element."""

    def end(self, name: str) -> None:
        """Take the end of an element."""

    def text(self, text: str) -> None:
        """Take text, a piece at a time."""


def known(*names: str) -> dict[str, str]:
    """Return the full names of elements → their local names."""
    return {f"{space} {name}": name for space in _MAIN for name in names}


def stream(part: IO[bytes], handler: Handler) -> Iterator[None]:
    """Parse a part, and pause after each chunk. Raises errors.ReadFailed."""
    names: dict[str, str] = {}
    parser = expat.ParserCreate(namespace_separator=" ", intern=names)
    parser.buffer_text = True
    _bind(parser, handler)
    parser.CharacterDataHandler = handler.text
    parser.StartDoctypeDeclHandler = _refuse_dtd
    fed = 0
    while True:
        with archive.translated():
            raw = part.read(_CHUNK_BYTES)
        fed += len(raw)
        try:
            parser.Parse(raw, not raw)
        except expat.ExpatError as error:
            raise archive.damaged() from error
        if len(names) > _MAX_NAMES or fed - parser.CurrentByteIndex > _MAX_TAG_BYTES:
            raise archive.too_large("The workbook has a tag that is longer than 1 MiB.")
        yield
        if not raw:
            return


def _bind(parser: expat.XMLParserType, handler: Handler) -> None:
    depth = 0

    def start(name: str, attributes: Mapping[str, str]) -> None:
        nonlocal depth
        depth += 1
        if depth > _MAX_DEPTH:
            raise archive.too_large(f"The workbook has elements that are {_MAX_DEPTH} deep.")
        handler.start(name, attributes)

    def end(name: str) -> None:
        nonlocal depth
        depth -= 1
        handler.end(name)

    parser.StartElementHandler = start
    parser.EndElementHandler = end


def _refuse_dtd(*_: object) -> None:
    raise archive.too_large("The workbook has a DTD, which could make it grow without end.")
