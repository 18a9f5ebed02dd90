"""Reading: what the gateway asks of a database, whichever vendor it is of."""

from __future__ import annotations

import dataclasses
import decimal
import re
import time
from typing import TYPE_CHECKING, Any, Final

from gateway import errors
from gateway.core.cohorts.failures import Failure
from gateway.sources.sql import columns as matching
from gateway.sources.sql import members, session, values, watchdog

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from gateway.sources.sql.definition import Definition
    from gateway.sources.sql.members import Batch
    from gateway.sources.sql.queries import Query
    from gateway.sources.sql.session import Column, Estimate, Session, Table, Target
    from gateway.sources.sql.vendor import Vendor

PREVIEW_ROWS: Final = 50
ROWS_PER_BATCH: Final = 10_000
MAX_CELL_CHARACTERS: Final = 1000
# What servers call a column that the query gives no name.
_UNNAMED: Final = re.compile(r"|\?column\?|f\d+_|_col\d+|.*\(.*\).*")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Warned:
    """Something of a sample that is likely to be a mistake."""

    code: str
    message: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class Preview:
    """The first rows of a query, as JSON shows them, and what is odd in them."""

    columns: Sequence[Column]
    rows: Sequence[Sequence[Any]]
    truncated: bool
    milliseconds: int
    estimate: Estimate
    warnings: Sequence[Warned]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Schema:
    """Tables that can be read; `truncated` if there are more."""

    tables: Sequence[Table]
    truncated: bool


def open_session(vendor: Vendor, target: Target) -> Session:
    """Connect by addresses that were checked. Raises errors.ReadFailed."""
    return vendor.load().connect(target, resolve(vendor, target))


def resolve(vendor: Vendor, target: Target) -> Sequence[str]:
    """Find the addresses of a database. Raises errors.ReadFailed."""
    try:
        return target.reach.find(*vendor.place(target.config))
    except errors.ForbiddenAddress as error:
        hint = "Name a host that is not this machine or a part of its cloud."
        raise errors.ReadFailed(Failure.FORBIDDEN_ADDRESS, str(error), hint=hint) from error
    except errors.Unreachable as error:
        hint = "Check the name of the host."
        raise errors.ReadFailed(Failure.UNREACHABLE, str(error), hint=hint) from error


def preview(
    opened: Session, query: Query, *, member_id: str | None, limit_seconds: float
) -> Preview:
    """Read the first rows. Raises errors.ReadFailed, also for a `member_id` that is no column."""
    start = time.monotonic()
    with watchdog.watched(opened, seconds=limit_seconds):
        estimate = opened.estimate(query)
        result = opened.read(query, rows_per_batch=PREVIEW_ROWS + 1)
        rows = next(iter(result.batches()), [])
    milliseconds = round((time.monotonic() - start) * 1000)
    names = [one.name for one in result.columns]
    place = None if member_id is None else matching.place(names, member_id)
    shown = rows[:PREVIEW_ROWS]
    ids = [] if place is None else [row[place] for row in shown]
    return Preview(
        columns=result.columns,
        rows=[[_shown(value) for value in row] for row in shown],
        truncated=len(rows) > PREVIEW_ROWS,
        milliseconds=milliseconds,
        estimate=estimate,
        warnings=[*_of_names(names), *_of_ids(ids)],
    )


def schema(opened: Session, search: str, *, limit_seconds: float) -> Schema:
    """List tables. Raises errors.ReadFailed."""
    with watchdog.watched(opened, seconds=limit_seconds):
        found = opened.tables(search, most=session.MOST_TABLES + 1)
    most = session.MOST_TABLES
    return Schema(tables=found[:most], truncated=len(found) > most)


def read(
    opened: Session,
    definition: Definition,
    *,
    limit_seconds: float,
    most_rows: int,
    is_wanted: Callable[[], bool],
    note_columns: Callable[[Sequence[str]], None] = lambda _: None,
    rows_per_batch: int = ROWS_PER_BATCH,
) -> Iterator[Batch]:
    """Read members until the end of the result.

    Raises errors.ReadFailed, and ReadCanceled once they are not wanted any more.
    """
    count = 0
    with watchdog.watched(opened, seconds=limit_seconds, is_wanted=is_wanted):
        result = opened.read(definition.query, rows_per_batch=rows_per_batch)
        names = [one.name for one in result.columns]
        note_columns(names)
        found = matching.find(names, definition)
        for rows in result.batches():
            first, count = count + 1, count + len(rows)
            if count > most_rows:
                raise errors.ReadFailed(
                    Failure.TOO_MANY_ROWS,
                    f"the query has more than {most_rows:,} rows",
                    hint="Select fewer rows, or raise GATEWAY_QUERY_ROWS.",
                )
            yield members.batch(rows, found, first=first)


def _shown(value: Any) -> Any:  # noqa: ANN401 - JSON
    """Turn a value into JSON that a browser shows as it is; what is long is cut."""
    if isinstance(value, list | tuple | dict):
        written = values.json_text(value)
        whole = len(written) <= MAX_CELL_CHARACTERS
        return _structure(value) if whole else written[:MAX_CELL_CHARACTERS]
    plain = values.plain(value)
    if not isinstance(plain, str) and not _is_rounded(value, plain):
        return plain
    return values.text(value)[:MAX_CELL_CHARACTERS]


def _structure(value: list[Any] | tuple[Any, ...] | dict[Any, Any]) -> Any:  # noqa: ANN401 - JSON
    if isinstance(value, dict):
        return {str(name): _shown(one) for name, one in value.items()}
    return [_shown(one) for one in value]


def _is_rounded(value: object, plain: object) -> bool:
    """Tell whether a browser, which has floats alone, would show another number."""
    if isinstance(value, decimal.Decimal) and type(plain) is float:
        return decimal.Decimal(repr(plain)) != value
    return type(plain) is int and abs(plain) > 2**53


def _of_names(names: Sequence[str]) -> Iterator[Warned]:
    unnamed = [number for number, name in enumerate(names, start=1) if _UNNAMED.fullmatch(name)]
    if unnamed:
        places = ", ".join(map(str, unnamed))
        message = f"unnamed columns ({places}): give each a name with AS"
        yield Warned(code="unnamed_columns", message=message)
    folded = [name.casefold() for name in names]
    alike = sorted({name for name in names if folded.count(name.casefold()) > 1})
    if alike:
        message = f"columns with the same name but for case: {', '.join(alike)}"
        yield Warned(code="ambiguous_column", message=message)


def _of_ids(ids: Sequence[Any]) -> Iterator[Warned]:
    nulls = sum(value is None for value in ids)
    if nulls:
        message = f"{nulls} of {len(ids)} rows have NULL for the member id, and would be rejected"
        yield Warned(code="missing_id", message=message)
    written = [values.text(value) for value in ids if value is not None]
    twice = len(written) - len(set(written))
    if twice:
        message = (
            f"{twice} of {len(ids)} rows are duplicates by member id; the last row of one wins"
        )
        yield Warned(code="duplicate", message=message)
