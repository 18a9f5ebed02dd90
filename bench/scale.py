"""`python -m bench.scale`: a refresh of ten million, and what it costs whom.

Prints its time, the peak memory of each process, WAL and bytes a member, how long readers waited
meanwhile, what a page costs in the large table beside an empty one, how long the diffs of another
cohort waited, and what a second worker is good for. The figures go into docs/performance.md.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import multiprocessing
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import click
from sqlalchemy import text

from bench import payload, reading, report, subject, wal, wire
from bench.subject import Subject, sync
from tests import stack

_SAMPLES: Final = 30
_SETTLING_PAGES: Final = 300
_CROWD_COHORTS: Final = 60
_CROWD_PAGES: Final = 10
_CROWD_TURNS: Final = 3
# The numbers of the first people of pages that are added to a cohort one by one.
_STRANGERS: Final = {
    "small": itertools.count(10**10, payload.PAGE_MEMBERS),
    "big": itertools.count(2 * 10**10, payload.PAGE_MEMBERS),
}
_LOGIN: Final = f"{stack.USERNAME}:{stack.PASSWORD}"


_TWIN = text("""
    INSERT INTO memberships (cohort_id, member_id, session, entered_at, distinct_id, email,
                             first_name, last_name, phone, properties)
    SELECT -cohort_id, member_id, session, entered_at, distinct_id, email,
           first_name, last_name, phone, properties
    FROM memberships ORDER BY cohort_id DESC, member_id
""")


@click.command()
@click.option("--members", default=10_000_000, show_default=True)
@click.option("--write/--print-only", default=True, help="Renew docs/performance.md.")
def main(members: int, *, write: bool) -> None:
    """Refresh one cohort of ten million."""
    with tempfile.TemporaryDirectory() as folder, subject.running(Path(folder)) as one:
        machine = report.machine(one.pool)
        small = _page_milliseconds(one, "small")
        with reading.looking(one) as read, _neighbour(one) as neighbour:
            logged = wal.written(one)
            seconds = _refresh(one, members)
            logged = wal.written(one) - logged
        size = _size(one)
        _double(one)
        cold = _page_milliseconds(one, "big")
        _settle_into(one, "big")
        large = _page_milliseconds(one, "big")
        rows = [
            ["the refresh, from the first byte to the last member seen", f"{seconds:,.0f} s"],
            ["members a second", report.count(members / seconds)],
            *([f"peak memory, {name}", f"{peak:.0f} MiB"] for name, peak in one.peaks().items()),
            ["WAL a member", f"{logged / members:.0f} bytes"],
            ["`memberships` with its index, a member", f"{size / members:.0f} bytes"],
            ["a reader's look-up meanwhile, p99", report.milliseconds(report.percentile(read, 99))],
            [
                "the diffs of another cohort meanwhile, slowest",
                f"{max(neighbour, default=0):.1f} s",
            ],
            [
                f"applying a page of 1,000, empty table → one of {2 * members:,} members",
                f"{small:.1f} → {large:.1f} ms ({large / small:.2f} times)",
            ],
            [
                "the same right after a checkpoint, when each page of the index goes into the WAL",
                f"{cold:.1f} ms",
            ],
        ]
    rows.append(_two_workers())
    table = report.Table(name="scale", columns=(f"{members:,} members", ""), rows=rows)
    words = f"{machine}.\n\n{table.markdown()}"
    click.echo(words)
    if write:
        report.write("scale", words)


def _refresh(one: Subject, members: int) -> float:
    """Send the pages as they are made, so that the sender needs no memory either."""
    total = members // payload.PAGE_MEMBERS
    began = time.perf_counter()
    wire.serve(one.stack.port, _requests(members, total), connections=subject.CONNECTIONS)
    one.settle()
    seconds = time.perf_counter() - began
    if one.members("big") != members:
        message = f"{one.members('big')} members instead of {members}"
        raise RuntimeError(message)
    return seconds


def _requests(members: int, total: int) -> Iterator[bytes]:
    big = sync("big", "1", "members")
    with multiprocessing.get_context("fork").Pool(1) as maker:
        starts = range(0, members, payload.PAGE_MEMBERS)
        spans = (range(start, start + payload.PAGE_MEMBERS) for start in starts)
        for number, (page,) in enumerate(maker.imap(payload.crowd, spans, chunksize=20), 1):
            body = payload.page_body(big, page, number=number, total=total)
            yield wire.post(stack.DEFAULT, body, login=_LOGIN)


def _page_milliseconds(one: Subject, cohort: str) -> float:
    """Median time of the transaction that applies a page of new people, as workers log it."""
    for _ in range(_SAMPLES):
        first = next(_STRANGERS[cohort])
        pages = payload.crowd(range(first, first + payload.PAGE_MEMBERS))
        one.post(payload.bodies(sync(cohort, f"from-{first}", "add_members"), pages))
        one.settle()
    return statistics.median(_applied_milliseconds(one, cohort)[-_SAMPLES:])


def _settle_into(one: Subject, cohort: str) -> None:
    """Add people all over a cohort, until most pages of its index have changed once."""
    first = 10**9 + next(_STRANGERS[cohort])
    pages = payload.crowd(range(first, first + _SETTLING_PAGES * payload.PAGE_MEMBERS))
    one.post(payload.bodies(sync(cohort, "settling", "add_members"), pages))
    one.settle()


def _applied_milliseconds(one: Subject, cohort: str) -> list[float]:
    cohort_id = int(one.stack.cohort(cohort)["id"])
    told = [line for line in one.stack.said().splitlines() if "pages.applied" in line]
    events = [json.loads(line) for line in told]
    return [event["milliseconds"] for event in events if event["cohort_id"] == cohort_id]


def _double(one: Subject) -> None:
    """Fill the table with as many again, as another cohort, and have it tidied up."""
    with one.pool.begin() as conn:
        conn.execute(_TWIN)
    with one.pool.read() as conn:
        conn.execute(text("VACUUM (ANALYZE) memberships"))
        conn.execute(text("CHECKPOINT"))


def _two_workers() -> list[str]:
    """Tell what a second worker is worth where many cohorts wait."""
    alone, both = _crowded_seconds(workers=1), _crowded_seconds(workers=2)
    crowd = f"{_CROWD_COHORTS} cohorts of {_CROWD_PAGES} pages each, one worker → two"
    return [crowd, f"{alone:.1f} → {both:.1f} s ({alone / both:.2f} times)"]


def _crowded_seconds(workers: int) -> float:
    """Median seconds that a gateway with so many workers takes for what waits of many cohorts."""
    taken = []
    pages = payload.crowd(range(_CROWD_PAGES * payload.PAGE_MEMBERS))
    with (
        tempfile.TemporaryDirectory() as folder,
        subject.running(Path(folder), GATEWAY_WORKERS=str(workers)) as one,
    ):
        for turn in range(_CROWD_TURNS):
            with one.resting_workers():
                for number in range(_CROWD_COHORTS):
                    name = f"crowd-{turn}-{number}"
                    one.post(payload.bodies(sync(name, "1", "add_members"), pages))
            began = time.perf_counter()
            one.settle()
            taken.append(time.perf_counter() - began)
    return statistics.median(taken)


@contextlib.contextmanager
def _neighbour(one: Subject) -> Iterator[list[float]]:
    """Post a diff of another cohort every two seconds, and wait until it is seen."""
    taken: list[float] = []
    ended = threading.Event()

    def post() -> None:
        number = 0
        while not ended.wait(2.0):
            pages = payload.crowd(range(number * 1000 + 10**9, (number + 1) * 1000 + 10**9))
            body = next(payload.bodies(sync("neighbour", str(number), "add_members"), pages))
            number += 1
            began = time.perf_counter()
            one.stack.post(body)
            stack.until(lambda: one.members("neighbour") == number * 1000, seconds=600)  # noqa: B023
            taken.append(time.perf_counter() - began)

    with _thread(post, ended):
        yield taken


@contextlib.contextmanager
def _thread(target: object, ended: threading.Event) -> Iterator[None]:
    thread = threading.Thread(target=target)  # type: ignore[arg-type]
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _size(one: Subject) -> int:
    with one.pool.read() as conn:
        size = text("SELECT pg_total_relation_size('memberships')")
        return int(conn.execute(size).scalar_one())


if __name__ == "__main__":
    main()
