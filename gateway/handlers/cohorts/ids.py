"""Our own ids as the outside sees them: text that is opaque there and numbers here."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from gateway import errors
from gateway.flows.cohorts import load_queue, lookup
from gateway.handlers.http.variables import Variable

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

VARIABLES: Final[Mapping[str, Variable]] = {
    "cohort_id": Variable(description="The `id` of a cohort.", example="17"),
    "member_id": Variable(
        description="The id of a person at the source, any text, percent-encoded.",
        example="u-1842",
    ),
    "delivery_id": Variable(description="The `id` of a delivery.", example="17-4"),
    "load_id": Variable(description="The `id` of a load.", example="17-42"),
}

_MAX: Final = 2**63 - 1
_NUMBER: Final = re.compile(r"[1-9][0-9]{0,18}")


def cohort(text: str) -> int:
    """Read a cohort's id. Raises errors.NotFound if the text cannot be one."""
    number = _number(text)
    if number is None:
        raise errors.NotFound(lookup.NO_COHORT)
    return number


def cohorts(ids: Iterable[str]) -> dict[str, int | None]:
    """Read cohorts' ids; None where the text cannot be one."""
    return {text: _number(text) for text in ids}


def delivery(text: str) -> tuple[int, int]:
    """Read a delivery's id, `<cohort>-<number>`. Raises errors.NotFound."""
    cohort_text, _, number_text = text.partition("-")
    cohort_id, number = _number(cohort_text), _number(number_text)
    if cohort_id is None or number is None:
        raise errors.NotFound("no such delivery")
    return cohort_id, number


def load(text: str) -> tuple[int, int]:
    """Read a load's id, `<cohort>-<number>`. Raises errors.NotFound."""
    cohort_text, _, number_text = text.partition("-")
    cohort_id, number = _number(cohort_text), _number(number_text)
    if cohort_id is None or number is None:
        raise errors.NotFound(load_queue.NO_LOAD)
    return cohort_id, number


def of_delivery(cohort_id: int, number: int) -> str:
    """Write a delivery's id."""
    return f"{cohort_id}-{number}"


def _number(text: str) -> int | None:
    number = int(text) if _NUMBER.fullmatch(text) else None
    return number if number is not None and number <= _MAX else None
