"""`python -m bench.growth`: whether it stays quick and small, refresh after refresh.

Each refresh names a million people, 1 % of them others than the time before, as a daily sync would.
After each, what is older than eight of them is pruned from the inbox, as retention does after eight
days. The curves go into docs/growth.png, the figures into docs/performance.md.
"""

from __future__ import annotations

import collections
import dataclasses
import datetime
import statistics
import tempfile
import time
from pathlib import Path
from typing import Final

import click
import matplotlib as mpl
from sqlalchemy import text

from bench import payload, report, subject
from bench.subject import Subject, sync
from gateway.store.cohorts import apply_state, retention

mpl.use("Agg")
from matplotlib import pyplot as plt

KEPT: Final = 8
PICTURE: Final = report.DOCUMENT.parent / "growth.png"
_PRUNED_AT_ONCE: Final = 500
_MEBIBYTE: Final = 2**20

_SIZES = text("""
    SELECT c.relname AS name, pg_table_size(c.oid) AS heap, pg_indexes_size(c.oid) AS indexes,
           s.n_dead_tup AS dead
    FROM pg_class c JOIN pg_stat_user_tables s ON s.relid = c.oid
    WHERE c.relname IN ('memberships', 'deliveries', 'changes')
""")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Point:
    """After one refresh: how long it took, what the tables hold (bytes), and the dead rows."""

    seconds: float
    bytes: dict[str, int]
    dead: dict[str, int]


@click.command()
@click.option("--members", default=1_000_000, show_default=True)
@click.option("--refreshes", default=30, show_default=True)
@click.option("--write/--print-only", default=True, help="Renew the documents.")
def main(members: int, refreshes: int, *, write: bool) -> None:
    """Refresh a cohort again and again."""
    points: list[Point] = []
    with tempfile.TemporaryDirectory() as folder, subject.running(Path(folder)) as one:
        pages = collections.deque(payload.crowd(range(members)))
        churned = max(1, len(pages) // 100)
        begun: list[datetime.datetime] = []
        for number in range(refreshes + 1):
            begun.append(datetime.datetime.now(datetime.UTC))
            points.append(_refresh(one, number, list(pages), begun))
            click.echo(f"refresh {number}: {points[-1].seconds:.1f} s", err=True)
            first = members + number * churned * payload.PAGE_MEMBERS
            for page in payload.crowd(range(first, first + churned * payload.PAGE_MEMBERS)):
                pages.popleft()
                pages.append(page)
        words = _words(points, members, report.machine(one.pool))
    click.echo(words)
    if write:
        report.write("growth", words)
        _draw(points, members)


def _refresh(
    one: Subject, number: int, pages: list[bytes], begun: list[datetime.datetime]
) -> Point:
    bodies = list(payload.bodies(sync("daily", str(number), "members"), pages))
    began = time.perf_counter()
    one.post(bodies)
    one.settle()
    seconds = time.perf_counter() - began
    if number >= KEPT:
        _prune(one, begun[number - KEPT + 1])
    with one.pool.read() as conn:
        rows = conn.execute(_SIZES).all()
    return Point(
        seconds=seconds,
        bytes={row.name: row.heap + row.indexes for row in rows},
        dead={row.name: row.dead for row in rows},
    )


def _prune(one: Subject, before: datetime.datetime) -> None:
    cohort_id = int(one.stack.cohort("daily")["id"])
    pruned = _PRUNED_AT_ONCE
    while pruned == _PRUNED_AT_ONCE:
        with one.pool.begin() as conn:
            if apply_state.claim(conn, cohort_id) is None:
                return
            pruned = retention.prune_deliveries(
                conn, cohort_id, before=before, limit=_PRUNED_AT_ONCE
            )


def _words(points: list[Point], members: int, machine: str) -> str:
    settled = points[1:]
    third = max(1, len(settled) // 3)
    early, late = settled[:third], settled[-third:]

    def seconds(part: list[Point]) -> float:
        return statistics.median(point.seconds for point in part)

    def size(point: Point, table: str) -> str:
        return f"{point.bytes[table] / _MEBIBYTE:,.0f} MiB"

    rows = [
        ["seconds a refresh (median)", f"{seconds(early):.1f}", f"{seconds(late):.1f}"],
        *(
            [f"`{table}` with its indexes", size(early[-1], table), size(late[-1], table)]
            for table in ("memberships", "deliveries", "changes")
        ),
    ]
    table = report.Table(
        name="growth",
        columns=("", f"the first {third} refreshes", f"the last {third}"),
        rows=rows,
    )
    return (
        f"{len(settled)} refreshes of {members:,} members, 1 % of them others each time, after a"
        f" first one into an empty cohort; {machine}.\n\n{table.markdown()}"
    )


def _draw(points: list[Point], members: int) -> None:
    figure, (above, below) = plt.subplots(2, 1, sharex=True, figsize=(8, 6))
    numbers = range(len(points))
    above.plot(numbers, [point.seconds for point in points], marker="o", markersize=3)
    above.set_ylabel("seconds a refresh")
    above.set_ylim(bottom=0)
    above.set_title(f"{len(points) - 1} refreshes of {members:,} members, 1 % others each time")
    for name in ("memberships", "deliveries", "changes"):
        sizes = [point.bytes[name] / _MEBIBYTE for point in points]
        below.plot(numbers, sizes, marker="o", markersize=3, label=name)
    below.set_ylabel("MiB with indexes")
    below.set_xlabel("refresh")
    below.set_ylim(bottom=0)
    below.legend()
    figure.tight_layout()
    figure.savefig(PICTURE, dpi=110)


if __name__ == "__main__":
    main()
