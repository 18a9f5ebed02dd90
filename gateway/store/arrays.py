"""Arrays of texts, written for Postgres all at once: the driver would quote them one by one."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection

_BETWEEN = '","'


def of_texts(texts: Collection[str]) -> str:
    """Write a `text[]`: section 8.15.2 of Postgres' manual."""
    if not texts:
        return "{}"
    joined = _BETWEEN.join(texts)
    if "\\" in joined or joined.count('"') != 2 * (len(texts) - 1):
        joined = _BETWEEN.join(one.replace("\\", "\\\\").replace('"', '\\"') for one in texts)
    return f'{{"{joined}"}}'
