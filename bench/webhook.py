"""`python -m bench.webhook`: syncs by webhook and what is read, beside COPY and a static route."""

from __future__ import annotations

import datetime
import tempfile
import time
from pathlib import Path

import click

from bench import ingest, payload, plain, reading, report, subject, tables, yardsticks
from bench.subject import sync

PLAIN_MEMBERS = 5_000
# The large cohort has so many times the members of a sync.
READ_TIMES = 5


@click.command()
@click.option("--members", default=200_000, show_default=True, help="Of each sync.")
@click.option("--runs", default=3, show_default=True, help="How often; medians are shown.")
@click.option("--write/--print-only", default=True, help="Renew docs/performance.md.")
@click.option("--ingest", "part", flag_value="bench-oldest", help="Ingest alone, in its own place.")
@click.option("--all", "part", flag_value="bench", default=True, help="Ingest and reading.")
def main(members: int, runs: int, part: str, *, write: bool) -> None:
    """Measure the gateway beside what the database and HTTP allow on this machine."""
    began = time.monotonic()
    found = tables.Found(tables.TARGETS if part == "bench" else tables.TARGETS_OLDEST)
    with tempfile.TemporaryDirectory() as folder, subject.running(Path(folder)) as one:
        machine = report.machine(one.pool)
        _ingest(one, found, members, runs)
        if part == "bench":
            _rest(one, found, members, runs)
            _read(one, found, READ_TIMES * members, runs)
    today = datetime.datetime.now(datetime.UTC).date()
    took = time.monotonic() - began
    how = f"{members:,} members a sync, medians of {runs} runs, {took:.0f} s in all"
    body = "\n\n".join(
        [
            f"{today}, {machine}; {how}.",
            *(f"### {table.name}\n\n{table.markdown()}" for table in found.tables()),
        ]
    )
    click.echo(body)
    if write:
        report.write(part, body)


def _ingest(one: subject.Subject, found: tables.Found, members: int, runs: int) -> None:
    crowds = ingest.Crowds.of(members)
    for turn in range(runs):
        for name, measured in ingest.measure(one, crowds, turn):
            limit = yardsticks.copied_per_second(one.pool, members)
            found.limits.append(limit)
            found.ingest[name].append(measured)
            _say(f"run {turn + 1}: {name}: {measured.whole:,.0f} members/s, COPY {limit:,.0f}")


def _rest(one: subject.Subject, found: tables.Found, members: int, runs: int) -> None:
    """Measure what is compared with nothing, or with another program."""
    crowds = ingest.Crowds.of(members)
    for turn in range(runs):
        found.settled_wal.append(ingest.settled_wal_bytes(one, crowds, turn))
        found.one_page.append(ingest.one_page_seconds(one, turn))
        found.plain.append(_plain_per_second())
        _say(f"run {turn + 1}: the plain way: {found.plain[-1]:,.0f} members/s")


def _read(one: subject.Subject, found: tables.Found, members: int, runs: int) -> None:
    places = reading.prepare(one, members)
    for turn in range(runs):
        found.idle.append(reading.measure(one, places))
        with reading.ingest_running(one) as members_per_second:
            found.busy.append(reading.measure(one, places))
            found.beside.append(members_per_second())
        _say(f"run {turn + 1}: reading done")


def _plain_per_second() -> float:
    pages = payload.crowd(range(PLAIN_MEMBERS))
    bodies = payload.bodies(sync("plain", "1", "add_members"), pages)
    with tempfile.TemporaryDirectory() as folder:
        return plain.members_per_second(Path(folder), bodies, members=PLAIN_MEMBERS)


def _say(text: str) -> None:
    click.echo(text, err=True)


if __name__ == "__main__":
    main()
