"""Arrays of texts, written for Postgres all at once: the driver would quote them one by one."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

# Ids have 1,024 bytes at most, so an array of these has some megabytes at most, quotes included.
AT_ONCE: Final = 5000

_BETWEEN = '","'


def cut(texts: Iterable[str]) -> Iterator[list[str]]:
    """Cut many ids into as many at a time as one statement is asked about."""
    some = iter(texts)
    while part := list(itertools.islice(some, AT_ONCE)):
        yield part


def of_texts(texts: Collection[str]) -> str:
    """Write a `text[]`: section 8.15.2 of Postgres' manual."""
    if not texts:
        return "{}"
    joined = _BETWEEN.join(texts)
    if "\\" in joined or joined.count('"') != 2 * (len(texts) - 1):
        joined = _BETWEEN.join(one.replace("\\", "\\\\").replace('"', '\\"') for one in texts)
    return f'{{"{joined}"}}'


def of_numbers(numbers: Iterable[int]) -> str:
    """Write an array of whole numbers."""
    return f"{{{','.join(map(str, numbers))}}}"
