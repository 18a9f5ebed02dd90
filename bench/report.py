"""The table: what was measured beside its baselines, as text for people and for the documents."""

from __future__ import annotations

import dataclasses
import datetime
import math
import os
import platform
import statistics
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

from sqlalchemy import text

from gateway.store.db.engine import Pool

DOCUMENT: Final = Path(__file__).resolve().parent.parent / "docs" / "performance.md"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Table:
    """A table of texts; the first column names what was measured."""

    name: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]

    def markdown(self) -> str:
        """Write it as Markdown, figures to the right."""
        lines = [
            "| " + " | ".join(self.columns) + " |",
            "|" + "|".join(["---", *["---:"] * (len(self.columns) - 1)]) + "|",
        ]
        lines += ["| " + " | ".join(row) + " |" for row in self.rows]
        return "\n".join(lines)


def median(values: Iterable[float]) -> float:
    """Return the middle one."""
    return statistics.median(values)


def percentile(values: Iterable[float], percent: float) -> float:
    """Return what this share of the values is at most."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]


def count(value: float) -> str:
    """Write a large number: three digits count."""
    digits = max(0, len(str(int(value))) - 3)
    return f"{round(value, -digits):,.0f}" if digits else f"{value:.0f}"


def share(value: float) -> str:
    """Write a ratio."""
    return f"{value:.2f}"


def milliseconds(seconds: float) -> str:
    """Write a short time."""
    return f"{seconds * 1000:.1f} ms"


def peaks(found: Mapping[str, float], asked: str) -> Iterator[list[str]]:
    """Write a row for the peak memory of each kind of process, in MiB."""
    for kind, peak in found.items():
        yield [f"peak memory, {kind}", f"{peak:.0f} MiB", asked]


def machine(pool: Pool) -> str:
    """Say on what the figures were taken."""
    with pool.read() as conn:
        postgres = conn.execute(text("SHOW server_version")).scalar_one()
    names = [
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    ]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return (
        f"{len(os.sched_getaffinity(0))} cores ({names[0] if names else platform.machine()}), "
        f"{memory:.0f} GiB of memory, Linux {platform.release().split('-')[0]}, "
        f"Python {platform.python_version()}, PostgreSQL {postgres}"
    )


def circumstances(pool: Pool) -> str:
    """Say when, on what, and beside how much other work the figures were taken."""
    today = datetime.datetime.now(datetime.UTC).date()
    return f"{today}, {machine(pool)}; load average {os.getloadavg()[0]:.1f}"


def write(name: str, body: str, document: Path = DOCUMENT) -> None:
    """Put a part between its marks in the document."""
    begin, end = f"<!-- {name} begins -->", f"<!-- {name} ends -->"
    before, found, rest = document.read_text().partition(begin)
    _, ended, after = rest.partition(end)
    if not found or not ended:
        message = f"{document} has no place marked {begin} … {end}"
        raise RuntimeError(message)
    document.write_text(f"{before}{begin}\n{body}\n{end}{after}")
