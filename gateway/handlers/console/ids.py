"""Ids in the paths of pages, as the API writes them."""

from __future__ import annotations

import re
from typing import Final

from gateway import errors

_NUMBER: Final = re.compile(r"[1-9][0-9]{0,17}")
# Of a column of four bytes.
_SMALL: Final = re.compile(r"[1-9][0-9]{0,8}")


def cohort(text: str) -> int:
    """Read a cohort's id. Raises errors.NotFound if the text cannot be one."""
    if not _NUMBER.fullmatch(text):
        raise errors.NotFound("there is no such cohort; the list of cohorts shows those there are")
    return int(text)


def load(text: str) -> tuple[int, int]:
    """Read a load's id, `<cohort>-<number>`. Raises errors.NotFound."""
    first, _, second = text.partition("-")
    if not _NUMBER.fullmatch(first) or not _NUMBER.fullmatch(second):
        raise errors.NotFound("there is no such load; the page of its cohort lists those there are")
    return int(first), int(second)


def delivery(text: str) -> tuple[int, int]:
    """Read a delivery's id, `<cohort>-<number>`. Raises errors.NotFound."""
    first, _, second = text.partition("-")
    if not _NUMBER.fullmatch(first) or not _NUMBER.fullmatch(second):
        raise errors.NotFound("there is no such page; the list shows those that wait")
    return int(first), int(second)


def job(text: str) -> int:
    """Read a sync job's id. Raises errors.NotFound if the text cannot be one."""
    if not _SMALL.fullmatch(text):
        raise errors.NotFound("there is no such sync job; the list shows those there are")
    return int(text)


def run(text: str) -> int:
    """Read the number of a run of a sync job. Raises errors.NotFound."""
    if not _SMALL.fullmatch(text):
        raise errors.NotFound("there is no such run; the page of its job lists those there are")
    return int(text)
