"""The report of a run: one row for each scenario, from what that run itself saw."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from pathlib import Path

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
