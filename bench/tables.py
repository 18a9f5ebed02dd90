"""What was found, and the tables that show it beside the targets."""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

from bench import ingest, payload, reading
from bench.ingest import Measured
from bench.reading import Read
from bench.report import Table, count, median, milliseconds, share
from bench.wire import Served

# What was asked for: shares of COPY's rate, by the name of the case.
TARGETS: Final = {
    ingest.CASES[0].name: 0.38,
    ingest.CASES[1].name: 1.3,
    ingest.CASES[2].name: 0.5,
    ingest.CASES[3].name: 0.5,
    ingest.CASES[4].name: 0.42,
    ingest.CASES[5].name: 0.55,
    ingest.CASES[6].name: 0.55,
    ingest.CASES[7].name: 0.27,
}
# Of the oldest servers.
TARGETS_OLDEST: Final = {
    ingest.CASES[0].name: 0.4,
    ingest.CASES[2].name: 0.4,
    ingest.CASES[6].name: 0.45,
}


@dataclasses.dataclass
class Found:
    """Every figure of every run, and the shares of COPY's rate that were asked for."""

    targets: Mapping[str, float]
    limits: list[float] = dataclasses.field(default_factory=list)
    ingest: defaultdict[str, list[Measured]] = dataclasses.field(
        default_factory=lambda: defaultdict(list)
    )
    settled_wal: list[int] = dataclasses.field(default_factory=list)
    one_page: list[float] = dataclasses.field(default_factory=list)
    idle: list[Read] = dataclasses.field(default_factory=list)
    busy: list[Read] = dataclasses.field(default_factory=list)
    beside: list[float] = dataclasses.field(default_factory=list)
    plain: list[float] = dataclasses.field(default_factory=list)

    def tables(self) -> Iterator[Table]:
        """Put it into tables."""
        yield self._ingest()
        if self.plain:
            yield self._accepting()
            yield self._reading()

    def _ingest(self) -> Table:
        # One COPY may take twice as long as the next; the median of all of them stays put.
        limit = median(self.limits)
        rows = [["`COPY` of the same rows (L)", count(limit), "1.00", "", "", ""]]
        for name, runs in self.ingest.items():
            rows.append(
                [
                    name,
                    count(median(one.whole for one in runs)),
                    share(median(one.whole for one in runs) / limit),
                    share(self.targets[name]) if name in self.targets else "",
                    share(median(map(_accepted, runs)) / limit),
                    ""
                    if name == ingest.REPLAY
                    else share(median(one.applying for one in runs) / limit),
                ]
            )
        return Table(
            name="Ingest",
            columns=("sync", "members/s", "of L", "asked", "accepting alone", "applying alone"),
            rows=[*rows, *(self._beside(limit) if self.plain else [])],
        )

    def _beside(self, limit: float) -> list[list[str]]:
        plain = median(self.plain)
        fresh = [one.whole for one in self.ingest[ingest.ADD]]
        times = median(quick / slow for quick, slow in zip(fresh, self.plain, strict=True))
        slower = f"the plain way ({times:.0f} times slower; 100 was asked for)"
        silent = "log of `memberships` that a settled refresh writes which changes nothing"
        return [
            [slower, count(plain), f"{plain / limit:.4f}", "", "", ""],
            [silent, f"{max(self.settled_wal):,} bytes", "", "0 bytes", "", ""],
        ]

    def _accepting(self) -> Table:
        runs = self.ingest[ingest.ADD]
        return Table(
            name="Accepting pages of 1,000",
            columns=("when", "pages/s", "asked", "p50", "p99"),
            rows=[
                _accepting("workers at rest", [one.accepting for one in runs], "400"),
                _accepting("workers draining", [one.posted for one in runs], "250, p99 ≤ 80 ms"),
                [
                    "one page on an idle gateway, until its members are seen",
                    "",
                    "p50 ≤ 25 ms",
                    milliseconds(median(self.one_page)),
                    "",
                ],
            ],
        )

    def _reading(self) -> Table:
        streamed = [one.streamed for one in self.idle], [one.streamed for one in self.busy]
        checked = reading.CHECKED_COHORTS * payload.PAGE_MEMBERS
        return Table(
            name=f"Reading, idle and beside {count(median(self.beside))} members/s coming in",
            columns=("what", "idle", "beside ingest", "asked", "p99 idle", "p99 beside"),
            rows=[
                self._answers("a static route, 32 connections", lambda one: one.static, ""),
                self._answers(
                    "is somebody in a cohort",
                    lambda one: one.point,
                    f"{share(self._of_static())} of static; 0.60, p99 ≤ 15 ms",
                ),
                self._answers(
                    f"all cohorts of somebody, of {reading.MANY_COHORTS}",
                    lambda one: one.cohorts,
                    "1,000",
                ),
                self._answers(
                    f"memberships checked, {checked:,} a request",
                    lambda one: one.check,
                    "250,000",
                    times=checked,
                ),
                [
                    "members streamed as NDJSON",
                    *(count(median(each)) for each in streamed),
                    "300,000",
                    "",
                    "",
                ],
            ],
        )

    def _of_static(self) -> float:
        return median(one.point.per_second / one.static.per_second for one in self.idle)

    def _answers(
        self, what: str, pick: Callable[[Read], Served], asked: str, *, times: int = 1
    ) -> list[str]:
        both = [[pick(one) for one in runs] for runs in (self.idle, self.busy)]
        return [
            what,
            *(count(median(one.per_second * times for one in runs)) for runs in both),
            asked,
            *(milliseconds(median(one.percentile(99) for one in runs)) for runs in both),
        ]


def _accepted(one: Measured) -> float:
    return one.accepting.per_second * payload.PAGE_MEMBERS


def _accepting(when: str, served: Sequence[Served], asked: str) -> list[str]:
    return [
        when,
        count(median(one.per_second for one in served)),
        asked,
        milliseconds(median(one.percentile(50) for one in served)),
        milliseconds(median(one.percentile(99) for one in served)),
    ]
