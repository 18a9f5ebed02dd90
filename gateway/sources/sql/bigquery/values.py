"""Values of BigQuery as its client hands them over, and how its types are called."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator


def type_name(kind: str, mode: str) -> str:
    """Call a type as BigQuery's SQL does."""
    name = {"RECORD": "STRUCT", "INTEGER": "INT64", "FLOAT": "FLOAT64", "BOOLEAN": "BOOL"}
    plain = name.get(kind, kind)
    return f"ARRAY<{plain}>" if mode == "REPEATED" else plain


def interval(value: Any) -> Any:  # noqa: ANN401 - a relativedelta, a list of them, or NULL
    """Write an interval by ISO 8601, as PostgreSQL does; the client has an object for it."""
    if isinstance(value, list):
        return [interval(one) for one in value]
    if value is None:
        return None
    seconds = f"{value.seconds + value.microseconds / 1_000_000:f}".rstrip("0").rstrip(".")
    date = "".join(_parts(Y=value.years, M=value.months, D=value.days))
    time = "".join(_parts(H=value.hours, M=value.minutes, S=seconds))
    return f"P{date}T{time}" if time else f"P{date or 'T0S'}"


def _parts(**numbers: float | str) -> Iterator[str]:
    for unit, number in numbers.items():
        if number not in (0, "0", "-0"):
            yield f"{number}{unit}"
