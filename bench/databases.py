"""`python -m bench.databases`: what a cohort takes to come out of a customer's PostgreSQL.

A second server stands for the customer's. Its million rows are read twice into one cohort, from
the request for a load until the last member can be seen. Then fifty cohorts of a hundredth of the
rows each are due at one time, while pages of a webhook keep coming. With `--scale` a reader looks
cohorts and members up while the rows are read for the first time, as one does in `bench.scale`.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import io
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Final

import click
import psycopg2
from sqlalchemy import text

from bench import cohorts, ingest, payload, reading, report, subject, wal, yardsticks
from bench.subject import Subject
from gateway.local import embedded
from gateway.local.embedded import Server

SOURCE: Final = "customer"
IDLE_PAGES: Final = 40
DUE_SECONDS: Final = 2.0
ASKED_FIRST, ASKED_AGAIN, ASKED_QUEUED_SECONDS, ASKED_MEMORY = 0.3, 0.5, 15, "300 MB"
# The bench alone uses this server; a role that may only read changes nothing in what is measured.
_USER: Final = "gateway"
_AT_ONCE: Final = 100_000


@dataclasses.dataclass
class Found:
    """Rows a second, log bytes, seconds of pages and until loads were queued, and peaks in MiB."""

    limits: list[float] = dataclasses.field(default_factory=list)
    first: list[float] = dataclasses.field(default_factory=list)
    again: list[float] = dataclasses.field(default_factory=list)
    logged: list[int] = dataclasses.field(default_factory=list)
    read: list[float] = dataclasses.field(default_factory=list)
    queued: Sequence[float] = ()
    idle: Sequence[float] = ()
    beside: Sequence[float] = ()
    peaks: Mapping[str, float] = dataclasses.field(default_factory=dict)


@click.command()
@click.option("--members", default=1_000_000, show_default=True, help="Rows of the result.")
@click.option("--scheduled", default=50, show_default=True, help="Cohorts due at one time.")
@click.option("--runs", default=3, show_default=True, help="How often; medians are shown.")
@click.option("--scale", is_flag=True, help="With a reader beside, for ten million rows.")
@click.option("--write/--print-only", default=True, help="Renew docs/performance.md.")
def main(members: int, scheduled: int, runs: int, *, scale: bool, write: bool) -> None:
    """Read a cohort from a database, read it again, and read many on schedule."""
    found, few = Found(), max(1, members // 100)
    with _both(members, few) as one:
        for turn in range(runs):
            with _looking(one, scale=scale) as read:
                cohort_id, first = _first_seconds(one, turn, members)
            found.read += read
            with wal.of_memberships(one) as count:
                again = _again_seconds(one, cohort_id, members)
                found.logged.append(count())
            found.first.append(members / first)
            found.again.append(members / again)
            found.limits.append(
                yardsticks.copied_per_second(one.pool, members, payload.listed_rows)
            )
            click.echo(f"run {turn + 1}: {members / first:,.0f} rows/s", err=True)
        found.peaks = one.peaks()
        with ingest.posting(one, "pages") as page_seconds:
            found.idle = [page_seconds() for _ in range(IDLE_PAGES)]
            found.queued, found.beside = _many(one, scheduled, few, page_seconds)
        words = describe(found, members, scheduled, runs, report.circumstances(one.pool))
    click.echo(words)
    if write:
        report.write("databases-scale" if scale else "databases", words)


@contextlib.contextmanager
def _both(members: int, few: int) -> Iterator[Subject]:
    """Start a customer's server with two tables, and a gateway that has it as a source."""
    with (
        tempfile.TemporaryDirectory() as folder,
        embedded.postgres(Path(folder, "customer")) as server,
        subject.running(Path(folder), GATEWAY_ALLOW_LOCAL_SOURCES="1") as one,
    ):
        _fill(server, members, few)
        config = {
            "host": "127.0.0.1",
            "port": server.port,
            "database": _USER,
            "user": _USER,
            "sslmode": "disable",
        }
        wanted = {
            "slug": SOURCE,
            "kind": "postgresql",
            "config": config,
            "secrets": {"password": server.password},
        }
        cohorts.call(one, "POST", "/v1/sources", wanted)
        yield one


def _fill(server: Server, members: int, few: int) -> None:
    line = psycopg2.connect(
        host="127.0.0.1",
        port=server.port,
        dbname=_USER,
        user=_USER,
        password=server.password,
    )
    with contextlib.closing(line), line, line.cursor() as cursor:
        cursor.execute(_TABLES)
        for start in range(0, members, _AT_ONCE):
            some = range(start, min(start + _AT_ONCE, members))
            cursor.copy_expert(_COPY_PEOPLE, io.BytesIO(payload.table(some)))
        cursor.copy_expert(_COPY_FEW, io.BytesIO(payload.table(range(few))))


def _looking(one: Subject, *, scale: bool) -> AbstractContextManager[list[float]]:
    return reading.looking(one) if scale else contextlib.nullcontext([])


def _definition(query: str) -> Mapping[str, Any]:
    names = {name: name for name in ("member_id", "email", "first_name", "last_name")}
    return {"query": query, **names, "properties": ["plan"]}


def _first_seconds(one: Subject, turn: int, members: int) -> tuple[str, float]:
    """Make a cohort, which loads it; returns its id, and the seconds until all can be seen."""
    began = time.perf_counter()
    name, definition = f"query {turn}", _definition(_PEOPLE)
    cohort_id = cohorts.make(one, source=SOURCE, name=name, definition=definition)
    cohorts.await_loads(one, [cohort_id])
    seconds = time.perf_counter() - began
    cohorts.require(one, cohort_id, members=members, last=payload.member_id(members - 1))
    return cohort_id, seconds


def _again_seconds(one: Subject, cohort_id: str, members: int) -> float:
    began = time.perf_counter()
    cohorts.call(one, "POST", f"/v1/cohorts/{cohort_id}/loads")
    cohorts.await_loads(one, [cohort_id])
    seconds = time.perf_counter() - began
    cohorts.require(one, cohort_id, members=members, last=payload.member_id(members - 1))
    return seconds


def _many(
    one: Subject, count: int, members: int, page_seconds: Callable[[], float]
) -> tuple[Sequence[float], Sequence[float]]:
    """Have cohorts due at one time; returns how late each was queued, and what pages took beside.

    The time of a schedule is set in the database: waiting for a real one would take a minute.
    """
    definition, schedule = _definition(_FEW), {"every": "1d"}
    made = [
        cohorts.make(one, source=SOURCE, name=f"due {n}", definition=definition, schedule=schedule)
        for n in range(count)
    ]
    cohorts.await_loads(one, made)
    due_at = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=DUE_SECONDS)
    given = {"ids": [int(each) for each in made], "due_at": due_at}
    with one.pool.begin() as conn:
        conn.execute(_SET_DUE, given)
    pages, end = [], time.monotonic() + cohorts.PATIENCE_SECONDS
    while cohorts.are_running(one, made, end) or len(_queued(one, given)) < count:
        pages.append(page_seconds())
    cohorts.await_loads(one, made)
    for each in made:
        cohorts.require(one, each, members=members, last=payload.member_id(members - 1))
    return _queued(one, given), pages


def _queued(one: Subject, given: Mapping[str, object]) -> Sequence[float]:
    """Return how many seconds after they were due the scheduled loads were queued."""
    with one.pool.read() as conn:
        return conn.execute(_QUEUED, given).scalars().all()


def describe(found: Found, members: int, scheduled: int, runs: int, circumstances: str) -> str:
    """Put it into words."""
    limit = report.median(found.limits)
    rates = report.Table(
        name="rates",
        columns=("", "rows/s", "of L", "asked"),
        rows=[
            ["`COPY` of the same rows (L)", report.count(limit), "1.00", ""],
            _rate(f"a query of {members:,} rows, a new cohort", found.first, limit, ASKED_FIRST),
            _rate("the same result again", found.again, limit, ASKED_AGAIN),
        ],
    )
    others = report.Table(
        name="others",
        columns=("", "", "asked"),
        rows=[
            [
                "log of `memberships` that the same result again writes",
                f"{max(found.logged):,} bytes",
                "0 bytes",
            ],
            _queued_late(scheduled, max(1, members // 100), found.queued),
            *_looked(found.read),
            _pages("a page of a webhook on an idle gateway", found.idle),
            _pages("a page of a webhook beside those", found.beside, "not delayed"),
            *report.peaks(found.peaks, ASKED_MEMORY),
        ],
    )
    return f"{circumstances}; medians of {runs} runs.\n\n{rates.markdown()}\n\n{others.markdown()}"


def _rate(what: str, rates: Sequence[float], limit: float, asked: float) -> list[str]:
    """Tell a rate and its share of that of COPY."""
    rate = report.median(rates)
    return [what, report.count(rate), report.share(rate / limit), report.share(asked)]


def _queued_late(scheduled: int, members: int, seconds: Sequence[float]) -> list[str]:
    many = f"{scheduled} scheduled cohorts of {members:,} rows each"
    what = f"{many}, the last one queued after it was due"
    return [what, f"{max(seconds):.1f} s", f"{ASKED_QUEUED_SECONDS} s"]


def _looked(seconds: Sequence[float]) -> list[list[str]]:
    if not seconds:
        return []
    p99 = report.milliseconds(report.percentile(seconds, 99))
    return [["a reader's look-up meanwhile, p99", p99, "as in a webhook refresh"]]


def _pages(what: str, seconds: Sequence[float], asked: str = "") -> list[str]:
    """Tell how long pages took until they were seen."""
    middle, slowest = report.milliseconds(report.median(seconds)), max(seconds)
    return [
        f"{what}, p50 and slowest of {len(seconds)}",
        f"{middle}, {report.milliseconds(slowest)}",
        asked,
    ]


_TABLES: Final = """
    CREATE TABLE people (member_id text, email text, first_name text, last_name text, plan text);
    CREATE TABLE few (LIKE people)
"""

_COPY_PEOPLE: Final = "COPY people FROM STDIN (FORMAT csv, HEADER)"

_COPY_FEW: Final = "COPY few FROM STDIN (FORMAT csv, HEADER)"

_PEOPLE: Final = "SELECT member_id, email, first_name, last_name, plan FROM people"

_FEW: Final = "SELECT member_id, email, first_name, last_name, plan FROM few"

_SET_DUE = text("UPDATE cohorts SET planned_at = :due_at, due_at = :due_at WHERE id = ANY(:ids)")

_QUEUED = text("""
    SELECT CAST(extract(epoch FROM queued_at - :due_at) AS double precision) FROM loads
    WHERE cohort_id = ANY(:ids) AND trigger = 'schedule'
""")


if __name__ == "__main__":
    main()
