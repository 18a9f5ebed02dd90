"""Lines for a terminal: none wider than 80 columns, if its words allow it."""

from __future__ import annotations

import re
from typing import Final

WIDTH: Final = 80

# What colours a text and takes no room.
_STYLE: Final = re.compile(r"\x1b\[[0-9;]*m")


def fold(line: str, *, indent: str = "  ") -> str:
    """Break a line at spaces into lines of at most 80 columns; the ones that follow are indented.

    A word that is wider by itself, like a path or a key, stays whole: it is there to be copied.
    """
    if _width(line) <= WIDTH:
        return line
    start = line[: len(line) - len(line.lstrip(" "))]
    first, *words = line.lstrip(" ").split(" ")
    lines = [start + first]
    for word in words:
        longer = f"{lines[-1]} {word}"
        if _width(longer) <= WIDTH:
            lines[-1] = longer
        else:
            lines.append(f"{start}{indent}{word}")
    return "\n".join(lines)


def _width(text: str) -> int:
    return len(_STYLE.sub("", text))
