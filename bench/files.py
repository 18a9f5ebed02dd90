"""`python -m bench.files`: what a list takes to come out of a file, and a change made by hand.

A file of CSV goes up in parts, is read by a loader and applied by a worker; the time is that from
the first byte sent until the last member can be seen. It comes twice, then a fifth of it as a
workbook. A member that is added by hand is looked for as soon as its POST is sent.
"""

from __future__ import annotations

import contextlib
import dataclasses
import http.client
import json
import statistics
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import click

from bench import cohorts, ingest, payload, report, subject, yardsticks
from bench.subject import Subject
from tests import stack
from tests.sources.lists import workbooks

PART_BYTES: Final = 16 * 1024 * 1024
CHANGES: Final = 100
ASKED_FIRST, ASKED_AGAIN, ASKED_MEMORY, ASKED_SECONDS = 0.25, 0.4, "200 MB", 0.05


@dataclasses.dataclass
class Found:
    """Rows a second of each run, the seconds of each change, and peaks of memory in MiB."""

    limits: list[float] = dataclasses.field(default_factory=list)
    first: list[float] = dataclasses.field(default_factory=list)
    again: list[float] = dataclasses.field(default_factory=list)
    workbook: list[float] = dataclasses.field(default_factory=list)
    changes: list[float] = dataclasses.field(default_factory=list)
    peaks: Mapping[str, float] = dataclasses.field(default_factory=dict)


@click.command()
@click.option("--members", default=1_000_000, show_default=True, help="Rows of the file.")
@click.option("--runs", default=3, show_default=True, help="How often; medians are shown.")
@click.option("--write/--print-only", default=True, help="Renew docs/performance.md.")
def main(members: int, runs: int, *, write: bool) -> None:
    """Load a file, the same file again, and a workbook; then change members by hand."""
    found, fifth = Found(), max(1, members // 5)
    table, book = payload.table(range(members)), workbook(fifth)
    with tempfile.TemporaryDirectory() as folder, subject.running(Path(folder)) as one:
        for turn in range(runs):
            cohort_id = cohorts.make(one, source="lists", name=f"file {turn}")
            for rates in (found.first, found.again):
                rates.append(members / load_seconds(one, cohort_id, table, members))
                found.limits.append(
                    yardsticks.copied_per_second(one.pool, members, payload.listed_rows)
                )
            cohort_id = cohorts.make(one, source="lists", name=f"workbook {turn}")
            found.workbook.append(fifth / load_seconds(one, cohort_id, book, fifth))
            click.echo(f"run {turn + 1}: {found.first[-1]:,.0f} rows/s", err=True)
        found.peaks = one.peaks()
        found.changes = change_seconds(one)
        words = describe(found, members, runs, report.circumstances(one.pool))
    click.echo(words)
    if write:
        report.write("files", words)


def load_seconds(one: Subject, cohort_id: str, file: bytes, members: int) -> float:
    """Send a file in parts; returns the seconds until its last member can be seen."""
    began = time.perf_counter()
    upload = cohorts.call(one, "POST", "/v1/uploads", {"bytes": len(file)})["id"]
    for number, start in enumerate(range(0, len(file), PART_BYTES), 1):
        part = file[start : start + PART_BYTES]
        cohorts.call(one, "PUT", f"/v1/uploads/{upload}/parts/{number}", part)
    cohorts.call(one, "POST", f"/v1/cohorts/{cohort_id}/loads?upload={upload}")
    cohorts.await_loads(one, [cohort_id])
    seconds = time.perf_counter() - began
    cohorts.require(one, cohort_id, members=members, last=payload.member_id(members - 1))
    return seconds


def change_seconds(one: Subject) -> list[float]:
    """Add members by hand, one after the other; returns the seconds until each can be seen."""
    cohort_id, taken = cohorts.make(one, source="lists", name="by hand"), []
    place = f"/v1/cohorts/{cohort_id}/members"
    headers = {"Authorization": f"Bearer {stack.API_KEY}", "Content-Type": "application/json"}
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", one.stack.port)) as line:
        for number in range(CHANGES):
            member_id = payload.member_id(number)
            began = time.perf_counter()
            line.request("POST", place, json.dumps({"add": [member_id]}), headers)
            line.getresponse().read()
            ingest.await_member(line, f"{place}/{member_id}")
            taken.append(time.perf_counter() - began)
    return taken


def workbook(members: int) -> bytes:
    """Write the first people of the file as a workbook."""
    rows = (payload.COLUMNS, *map(payload.listed, range(members)))
    content = workbooks.rows(*([workbooks.text(cell) for cell in row] for row in rows))
    return workbooks.zipped(workbooks.parts(workbooks.sheet(content)))


def describe(found: Found, members: int, runs: int, circumstances: str) -> str:
    """Put it into words."""
    limit = report.median(found.limits)
    rates = {
        f"CSV of {members:,} rows, a new list": (found.first, report.share(ASKED_FIRST)),
        "the same file again": (found.again, report.share(ASKED_AGAIN)),
        f"XLSX of {max(1, members // 5):,} rows, a new list": (found.workbook, ""),
    }
    rows = [["`COPY` of the same rows (L)", report.count(limit), "1.00", ""]]
    for name, (each, asked) in rates.items():
        rate = report.median(each)
        rows.append([name, report.count(rate), report.share(rate / limit), asked])
    ordered = sorted(found.changes)
    others = [
        [
            "a change by hand, from its POST until it is seen, p50",
            report.milliseconds(statistics.median(ordered)),
            report.milliseconds(ASKED_SECONDS),
        ],
        ["the same, slowest", report.milliseconds(ordered[-1]), ""],
        *report.peaks(found.peaks, ASKED_MEMORY),
    ]
    loaded = report.Table(name="loads", columns=("", "rows/s", "of L", "asked"), rows=rows)
    rest = report.Table(name="others", columns=("", "", "asked"), rows=others)
    return f"{circumstances}; medians of {runs} runs.\n\n{loaded.markdown()}\n\n{rest.markdown()}"


if __name__ == "__main__":
    main()
