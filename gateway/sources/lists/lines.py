"""Lines of a text, grouped as they are read; a line ends in LF, CR or CRLF."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.sources.lists import limits

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


def groups(chunks: Iterable[str]) -> Iterator[str]:
    """Cut a text between lines: each piece is made of whole lines, the last one may lack its end.

    A piece may be longer than a chunk, by a line that began earlier. Raises errors.ReadFailed at a
    line that surely is longer than a record may be.
    """
    rest, line = "", 1
    for chunk in chunks:
        text = rest + chunk
        # A CR at the end may be half of a CRLF.
        until = len(text) - text.endswith("\r")
        end = max(text.rfind("\n", 0, until), text.rfind("\r", 0, until)) + 1
        if end:
            line += count(text[:end])
            yield text[:end]
        rest = text[end:]
        if len(rest) > limits.MAX_RECORD_BYTES:
            raise limits.record_too_large(line)
    if rest:
        yield rest


def count(text: str) -> int:
    """Count the ends of lines."""
    if "\r" not in text:
        return text.count("\n")
    return text.count("\n") + text.count("\r") - text.count("\r\n")
