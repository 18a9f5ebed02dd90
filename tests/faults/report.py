"""The report: one row for each scenario, from what the run that had it saw itself."""

from __future__ import annotations

import dataclasses
import datetime
import enum
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from tests.faults.judge import Verdict

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
PLAY_HEAD = (
    "seed",
    "seconds",
    "faults",
    "kills",
    "pages acknowledged",
    "lost",
    "applied twice",
    "recovered",
    "503 or 429",
    "no answer",
    "slowest takeover",
    "first 200 afterwards",
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


@dataclasses.dataclass(frozen=True, kw_only=True)
class Play:
    """What only a random run has; its faults follow from the seed."""

    seed: str
    seconds: float
    faults: int
    recovered: int


@dataclasses.dataclass
class Row:
    """What one trial came to; seconds are None where they mean nothing."""

    name: str
    ended_at: str = ""
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
    play: Play | None = None
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
            self._also_seen(),
        )

    def play_cells(self, play: Play) -> Sequence[str]:
        """Return the row of a random run as texts, in the order of `PLAY_HEAD`."""
        return (
            f"`{play.seed}`",
            f"{play.seconds:.0f}",
            f"{play.faults:,}",
            f"{self.kills:,}",
            f"{self.acknowledged:,}",
            f"{self.lost:,}",
            f"{self.twice:,}",
            f"{play.recovered:,}",
            f"{self.refused:,}",
            f"{self.unanswered:,}",
            _seconds(self.takeover_seconds),
            _seconds(self.recovered_seconds),
            self._also_seen(),
        )

    def end(self) -> None:
        """Note when it ended."""
        self.ended_at = datetime.datetime.now(datetime.UTC).isoformat(" ", "minutes")

    def take(self, verdict: Verdict) -> None:
        """Take in what was found of lists, events or what was sent."""
        self.stored += verdict.stored
        self.lost += verdict.lost
        self.twice += verdict.twice
        self.differences += verdict.differences

    def _also_seen(self) -> str:
        return "; ".join([*self.notes, *(f"**{one}**" for one in self.differences)])


def table(rows: Iterable[Row]) -> str:
    """Write what the scenarios came to, as a sentence and a Markdown table."""
    mine = [row for row in rows if row.play is None]
    if not mine:
        return "No run has been recorded here yet; `make faults` writes one."
    times = sorted(row.ended_at for row in mine)
    totals = (
        f"{len(mine)} scenarios, which ended between {times[0]} and {times[-1]}:"
        f" {sum(row.kills for row in mine):,} kills,"
        f" {sum(row.acknowledged for row in mine):,} pages acknowledged,"
        f" {sum(row.lost for row in mine):,} lost,"
        f" {sum(row.twice for row in mine):,} applied twice."
    )
    lines = [HEAD, ["---", *["--:"] * 9, "---"], *(row.cells() for row in mine)]
    return f"{totals}\n\n{_markdown(lines)}"


def plays(rows: Iterable[Row]) -> str:
    """Write a Markdown table of the random runs, and what they come to together."""
    mine = [(row, row.play) for row in rows if row.play is not None]
    if not mine:
        return "No run has been recorded here yet."
    together = Row(
        name="",
        kills=sum(row.kills for row, _ in mine),
        acknowledged=sum(row.acknowledged for row, _ in mine),
        lost=sum(row.lost for row, _ in mine),
        twice=sum(row.twice for row, _ in mine),
        refused=sum(row.refused for row, _ in mine),
        unanswered=sum(row.unanswered for row, _ in mine),
        takeover_seconds=max(row.takeover_seconds or 0.0 for row, _ in mine),
    )
    total = Play(
        seed="",
        seconds=sum(play.seconds for _, play in mine),
        faults=sum(play.faults for _, play in mine),
        recovered=sum(play.recovered for _, play in mine),
    )
    lines = [
        PLAY_HEAD,
        ["---", *["--:"] * 11, "---"],
        *(row.play_cells(play) for row, play in mine),
        ["together", *together.play_cells(total)[1:]],
    ]
    return _markdown(lines)


def bounds(rows: Iterable[Row]) -> str:
    """Write a Markdown table of what was measured against the limits: the worst, of how many."""
    measured: dict[Bound, list[float]] = {}
    for row in rows:
        for bound, seconds in row.measured:
            measured.setdefault(bound, []).append(seconds)
    lines = [["bound", "at most", "median", "worst", "measured"], ["---", *["--:"] * 4]]
    for bound, found in sorted(measured.items()):
        found.sort()
        limit, worst, median = LIMIT_SECONDS[bound], found[-1], found[len(found) // 2]
        times = "once" if len(found) == 1 else f"{len(found)} times"
        lines.append([bound, f"{limit:g} s", f"{median:.2f} s", f"{worst:.2f} s", times])
    return _markdown(lines)


TABLES: Final = {"report": table, "plays": plays, "bounds": bounds}


def read(log: Path) -> list[Row]:
    """Read the rows that earlier runs have kept."""
    return [_row(json.loads(line)) for line in log.read_text("utf-8").splitlines()]


def keep(log: Path, rows: Sequence[Row], *, whole: bool) -> list[Row]:
    """Keep the rows of a run and return all that are kept.

    A row takes the place of the one of its name. A whole run leaves of the others only random runs
    of other seeds.
    """
    kept = {row.name: row for row in read(log) if row.play or not whole} if log.exists() else {}
    kept |= {row.name: row for row in rows}
    lines = [json.dumps(dataclasses.asdict(row)) + "\n" for row in kept.values()]
    log.write_text("".join(lines), "utf-8")
    return list(kept.values())


def write(path: Path, name: str, content: str) -> None:
    """Put content between the marks of a name in a file, instead of what is there."""
    page = path.read_text("utf-8")
    head, begin, rest = page.partition(BEGIN.format(name))
    _, end, tail = rest.partition(END.format(name))
    assert begin, f"{path} has no mark for {name}"
    assert end, f"{path} has no end mark for {name}"
    path.write_text(f"{head}{begin}\n\n{content}\n\n{end}{tail}", "utf-8")


def _row(kept: dict[str, Any]) -> Row:
    measured = [(Bound(bound), seconds) for bound, seconds in kept.pop("measured")]
    play = kept.pop("play")
    return Row(**kept, measured=measured, play=None if play is None else Play(**play))


def _markdown(lines: Iterable[Iterable[str]]) -> str:
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _seconds(seconds: float | None) -> str:
    return "" if seconds is None else f"{seconds:.1f} s"
