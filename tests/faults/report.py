"""The report of a run: one row for each scenario, from what that run itself saw."""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

BEGIN, END = "<!-- {} begins -->", "<!-- {} ends -->"
HEAD = (
    "scenario",
    "kills",
    "pages acknowledged",
    "lost",
    "applied twice",
    "503 or 429",
    "no answer",
    "first 200 after",
    "taken over after",
    "drained after",
    "also seen",
)


class Bound(enum.StrEnum):
    """What is measured and compared with a limit that is hoped for."""

    HEALTHY = "acknowledgement under load, p99"
    WITHOUT_DOORBELL = "acknowledgement with Valkey frozen, p99"
    TAKEOVER = "a page taken over after its worker's SIGKILL"
    EMPTIED = "a backlog applied after Valkey lost everything"
    BACK = "first 200 after Postgres is back"
    HUNG = "a hung request answered 503"


LIMIT_SECONDS: Final = {
    Bound.HEALTHY: 0.25,
    Bound.WITHOUT_DOORBELL: 0.6,
    Bound.TAKEOVER: 10.0,
    Bound.EMPTIED: 20.0,
    Bound.BACK: 10.0,
    Bound.HUNG: 10.0,
}


@dataclasses.dataclass
class Row:
    """What one trial came to; seconds are None where they mean nothing."""

    name: str
    kills: int = 0
    acknowledged: int = 0
    stored: int = 0
    lost: int = 0
    twice: int = 0
    refused: int = 0
    unanswered: int = 0
    recovered_seconds: float | None = None
    takeover_seconds: float | None = None
    drained_seconds: float | None = None
    measured: list[tuple[Bound, float]] = dataclasses.field(default_factory=list)
    notes: list[str] = dataclasses.field(default_factory=list)
    differences: list[str] = dataclasses.field(default_factory=list)

    def cells(self) -> Sequence[str]:
        """Return the row as texts, in the order of `HEAD`."""
        return (
            self.name,
            f"{self.kills:,}",
            f"{self.acknowledged:,}",
            f"{self.lost:,}",
            f"{self.twice:,}",
            f"{self.refused:,}",
            f"{self.unanswered:,}",
            _seconds(self.recovered_seconds),
            _seconds(self.takeover_seconds),
            _seconds(self.drained_seconds),
            "; ".join([*self.notes, *(f"**{one}**" for one in self.differences)]),
        )


def table(rows: Iterable[Row]) -> str:
    """Write rows as a Markdown table."""
    lines = [HEAD, ["---", *["--:"] * 9, "---"], *(row.cells() for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def bounds(rows: Iterable[Row]) -> str:
    """Write a Markdown table of what was measured against the limits: the worst, of how many."""
    measured: dict[Bound, list[float]] = {}
    for row in rows:
        for bound, seconds in row.measured:
            measured.setdefault(bound, []).append(seconds)
    lines = ["| bound | at most | worst | measured |", "| --- | --: | --: | --: |"]
    for bound, found in sorted(measured.items()):
        limit, worst = LIMIT_SECONDS[bound], max(found)
        lines.append(f"| {bound} | {limit:g} s | {worst:.2f} s | {len(found)} times |")
    return "\n".join(lines)


def write(path: Path, name: str, content: str) -> None:
    """Put content between the marks of a name in a file, instead of what is there."""
    page = path.read_text("utf-8")
    head, begin, rest = page.partition(BEGIN.format(name))
    _, end, tail = rest.partition(END.format(name))
    assert begin, f"{path} has no mark for {name}"
    assert end, f"{path} has no end mark for {name}"
    path.write_text(f"{head}{begin}\n\n{content}\n\n{end}{tail}", "utf-8")


def _seconds(seconds: float | None) -> str:
    return "" if seconds is None else f"{seconds:.1f} s"
