"""`python -m bench.loads`: what a load costs beside the same refresh by webhook, in the database.

Both ways take the same pages, normalised beforehand: one submits each as the webhook does, the
other stages them and seals; a worker then applies. Each part runs in a process of its own, whose
peak memory is told.
"""

from __future__ import annotations

import datetime
import hashlib
import json
import multiprocessing
import os
import statistics
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click
import structlog

from bench import payload, report
from bench.subject import peak_mebibytes
from gateway.core.cohorts.load import Mode
from gateway.core.cohorts.page import Action, Page, SourceRef
from gateway.flows.cohorts import load
from gateway.flows.cohorts.apply import Applier, Drained
from gateway.flows.cohorts.backlog_limit import Limits
from gateway.flows.cohorts.submit import Submitter
from gateway.flows.health import schema
from gateway.jobs import WakeUps
from gateway.local import embedded
from gateway.sources import member_writer
from gateway.store.cohorts import cohorts
from gateway.store.cohorts.cohorts import Filter
from gateway.store.db.engine import Pool
from gateway.store.sources import sources

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

LIMIT_SECONDS: Final = 900.0
ASKED, ASKED_MEMORY = 1.15, "200 MB"
Measured = tuple[float, int]  # seconds in the database, and peak memory in MiB


class Silent(WakeUps):
    """Wake-ups that reach no worker."""

    def __init__(self) -> None:
        super().__init__("redis://127.0.0.1:1/0")

    def notify(self, cohort_id: int) -> bool:
        """Ring for a cohort."""
        return cohort_id > 0


@click.command()
@click.option("--members", default=1_000_000, show_default=True)
@click.option("--runs", default=3, show_default=True, help="How often; medians are shown.")
@click.option("--write/--print-only", default=True, help="Renew docs/performance.md.")
def main(members: int, runs: int, *, write: bool) -> None:
    """Refresh a cohort of its own in both ways, in turn."""
    found: dict[str, list[Measured]] = {}
    with tempfile.TemporaryDirectory() as folder, embedded.postgres(Path(folder)) as server:
        pool = Pool(server.url, name="bench", size=2, limit_seconds=LIMIT_SECONDS)
        schema.migrate(pool)
        source = make_source(pool)
        for turn in range(runs):
            for way, take in (("webhook", _submit), ("load", take_load)):
                name = f"{way}-{turn}"
                cohort_id = make_cohort(pool, source, name)
                given = _apart(take, server.url, source, name, cohort_id, members)
                applied = _apart(apply_all, server.url, source, name, cohort_id, members)
                for part, measured in ((f"{way} in", given), (f"{way} applied", applied)):
                    found.setdefault(part, []).append(measured)
                    click.echo(f"{name} {part}: {measured[0]:.1f} s, {measured[1]} MiB", err=True)
        words = _words(found, members, runs, report.machine(pool))
        pool.close()
    click.echo(words)
    if write:
        report.write("loads", words)


def _words(found: dict[str, list[Measured]], members: int, runs: int, machine: str) -> str:
    seconds = {part: statistics.median(one[0] for one in all_) for part, all_ in found.items()}
    peak = {part: max(one[1] for one in all_) for part, all_ in found.items()}
    whole = {way: seconds[f"{way} in"] + seconds[f"{way} applied"] for way in ("webhook", "load")}
    rows = [
        ["taken in", *(f"{seconds[f'{way} in']:.1f} s" for way in whole)],
        ["applied", *(f"{seconds[f'{way} applied']:.1f} s" for way in whole)],
        ["both", *(f"{one:.1f} s" for one in whole.values())],
        ["peak memory of what takes in", *(f"{peak[f'{way} in']} MiB" for way in whole)],
        ["peak memory of the worker", *(f"{peak[f'{way} applied']} MiB" for way in whole)],
    ]
    table = report.Table(name="loads", columns=("", "webhook", "load"), rows=rows)
    ratio = whole["load"] / whole["webhook"]
    return (
        f"A refresh of {members:,} members into an empty cohort, medians of {runs} runs; {machine};"
        f" load average {os.getloadavg()[0]:.1f}. A load costs"
        f" {ratio:.2f} times the refresh by webhook; asked are {ASKED} at most, and {ASKED_MEMORY}."
        f"\n\n{table.markdown()}"
    )


def _apart(
    take: Callable[[Pool, SourceRef, str, int, int], float],
    url: str,
    source: SourceRef,
    name: str,
    cohort_id: int,
    members: int,
) -> Measured:
    """Measure something in a process of its own."""
    context = multiprocessing.get_context("spawn")
    receiving, sending = context.Pipe(duplex=False)
    arguments = (take, url, source, name, cohort_id, members, sending)
    process = context.Process(target=_measure, args=arguments)
    process.start()
    found: Measured = receiving.recv()
    process.join()
    return found


def _measure(take, url, source, name, cohort_id, members, sending) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001 - what `_apart` hands over
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    pool = Pool(url, name="bench", size=2, limit_seconds=LIMIT_SECONDS)
    seconds = take(pool, source, name, cohort_id, members)
    pool.close()
    sending.send((seconds, int(peak_mebibytes())))


def _submit(pool: Pool, source: SourceRef, name: str, _: int, members: int) -> float:
    limits = Limits(pool, max_pending_pages=10**9, rate_per_second=None, max_cohorts=10**6)
    submitter, spent = Submitter(pool=pool, limits=limits, wake_ups=Silent()), 0.0
    for page in _pages(name, members):
        began = time.perf_counter()
        submitter.submit(source, page, request_id="-", now=_now())
        spent += time.perf_counter() - began
    return spent


def take_load(pool: Pool, _: SourceRef, name: str, cohort_id: int, members: int) -> float:
    began = time.perf_counter()
    one = load.begin(pool, cohort_id, Mode.REPLACE, now=_now())
    spent = time.perf_counter() - began
    for page in _pages(name, members):
        began = time.perf_counter()
        load.add(pool, one, page.number, page, now=_now())
        spent += time.perf_counter() - began
    began = time.perf_counter()
    load.seal(pool, one, wake_ups=Silent(), now=_now())
    return spent + time.perf_counter() - began


def apply_all(pool: Pool, _: SourceRef, __: str, cohort_id: int, members: int) -> float:
    applier = Applier(pool, now=lambda: _now() + datetime.timedelta(minutes=1))
    began = time.perf_counter()
    while applier.drain(cohort_id) is Drained.OUT_OF_TIME:
        pass
    spent = time.perf_counter() - began
    with pool.read() as conn:
        found = cohorts.get(conn, cohort_id, now=_now())
    if found is None or found.member_count != members:
        raise SystemExit(f"{found} should have {members} members")
    return spent


def _pages(name: str, members: int) -> Iterator[Page]:
    total = -(-members // payload.PAGE_MEMBERS)
    for number in range(1, total + 1):
        first = (number - 1) * payload.PAGE_MEMBERS
        some = [payload.member(one) for one in range(first, min(members, number * 1000))]
        written = member_writer.write_rows(some, identity=member_writer.IDENTITY, clean=True)
        yield Page(
            project_id=payload.PROJECT,
            external_id=name,
            name=name,
            description=None,
            session_id=name,
            action=Action.REPLACE,
            number=number,
            total=total,
            digest=hashlib.sha256(json.dumps(some).encode()).digest(),
            received=len(some),
            roster=written.text.encode(),
            usable=written.usable,
            skipped=dict(written.skipped),
        )


def make_source(pool: Pool) -> SourceRef:
    with pool.begin() as conn:
        made = sources.Made(slug="bench", kind="mixpanel", config={"auth_required": False})
        source_id = sources.create(conn, made, expected_every_seconds=1800, now=_now())
    if source_id is None:
        raise SystemExit("the source exists")
    return SourceRef(id=source_id, slug="bench")


def make_cohort(pool: Pool, source: SourceRef, name: str) -> int:
    with pool.begin() as conn:
        cohorts.create(
            conn,
            source.id,
            project_id=payload.PROJECT,
            external_id=name,
            name=name,
            description=None,
            now=_now(),
        )
        (one,) = cohorts.listing(conn, Filter(external_id=name), now=_now(), after=0, limit=1)
    return one.id


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)


if __name__ == "__main__":
    main()
