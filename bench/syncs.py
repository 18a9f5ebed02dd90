"""`python -m bench.syncs`: what a sync job costs beside a plain loop of the same client.

Both send the same members by the same adapter to the same server, which answers after 20 ms: the
loop keeps no book of what it has sent. Rule 11.11 asks for half of its rate. Then nine jobs send a
tenth of the members each, alone and beside one whose destination hangs.
"""

from __future__ import annotations

import concurrent.futures
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import click
import structlog
from sqlalchemy import text

from bench import crowd, destination, loads, payload, report
from bench.subject import peak_mebibytes
from gateway import outbound
from gateway.core import moments
from gateway.core.cohorts.page import SourceRef
from gateway.destinations.adapter import Batch, Cohort, Row, Target
from gateway.destinations.answers import Skipped
from gateway.flows.health import schema
from gateway.flows.syncs import setup as setups
from gateway.flows.syncs.sender import Sender
from gateway.flows.syncs.setup import Setup
from gateway.local import embedded
from gateway.store.db.engine import Pool
from gateway.store.syncs import destinations as kept

ASKED: Final = 0.5


@click.command()
@click.option("--members", default=100_000, show_default=True)
@click.option("--runs", default=3, show_default=True, help="How often; medians are shown.")
@click.option("--write/--print-only", default=True, help="Renew docs/performance.md.")
def main(members: int, runs: int, *, write: bool) -> None:
    """Send a cohort by a job and by a plain loop, in turn."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    plain, kept_book, bytes_a_row = [], [], 0.0
    few, slower = max(1, members // 10), []
    with (
        tempfile.TemporaryDirectory() as folder,
        embedded.postgres(Path(folder)) as server,
        destination.running() as url,
        outbound.Client(allow=destination.HERE, plain=destination.HERE) as client,
    ):
        pool = Pool(server.url, name="bench", size=16, limit_seconds=900)
        schema.migrate(pool)
        setup = Setup(client=client)
        source = loads.make_source(pool)
        for turn in range(runs):
            name = f"turn-{turn}"
            cohort_id = _fill(pool, source, name, members)
            destination.add(pool, setup, name, url)
            plain.append(members / _loop(pool, setup, name, members))
            kept_book.append(members / _job(pool, setup, name, cohort_id))
            click.echo(f"{name}: {plain[-1]:,.0f} and {kept_book[-1]:,.0f} members/s", err=True)
            bytes_a_row = _bytes_a_row(pool, members * (turn + 1))
        cohort_id = _fill(pool, source, "few", few)
        for turn in range(runs):
            alone, beside = crowd.measure(pool, url, cohort_id, f"crowd-{turn}")
            slower.append(beside / alone)
            click.echo(f"ten at once: {alone:.1f} and {beside:.1f} s", err=True)
        size = f"{report.circumstances(pool)}; {members:,} members"
        pool.close()
    words = f"{describe(plain, kept_book, bytes_a_row, size)}\n\n{describe_crowd(slower, few)}"
    click.echo(words)
    if write:
        report.write("syncs", words)


def _fill(pool: Pool, source: SourceRef, name: str, members: int) -> int:
    """Make a cohort of so many members; returns its id."""
    cohort_id = loads.make_cohort(pool, source, name)
    loads.take_load(pool, source, name, cohort_id, members)
    loads.apply_all(pool, source, name, cohort_id, members)
    return cohort_id


def describe(
    plain: Sequence[float], kept_book: Sequence[float], bytes_a_row: float, size: str
) -> str:
    """Put job and loop beside each other; each ratio is of one turn."""
    rows = [
        ["a plain loop", report.count(report.median(plain)), ""],
        ["a sync job", report.count(report.median(kept_book)), ""],
        [
            "the job by the loop",
            report.share(
                report.median(ours / theirs for ours, theirs in zip(kept_book, plain, strict=True))
            ),
            report.share(ASKED),
        ],
        ["bytes of ledger a member, beyond id and identifiers", f"{bytes_a_row:.0f}", "150"],
        ["peak memory of the process, the loop included", f"{peak_mebibytes():.0f} MiB", ""],
    ]
    table = report.Table(name="syncs", columns=("", "members/s", "asked"), rows=rows)
    answers = f"answers after {report.milliseconds(destination.ANSWER_SECONDS)}"
    return (
        f"{size} in batches of {destination.ROWS:,}, {destination.REQUESTS} requests at once,"
        f" {answers}; medians of {len(plain)} runs.\n\n{table.markdown()}"
    )


def describe_crowd(slower: Sequence[float], members: int) -> str:
    """Tell how many times as long jobs took beside one that hangs."""
    what = f"{crowd.OTHERS} jobs of {members:,} members beside one that hangs, by the same alone"
    rows = [[what, report.share(report.median(slower)), "1.00, at most"]]
    return report.Table(name="crowd", columns=("", "time", "asked"), rows=rows).markdown()


def _loop(pool: Pool, setup: Setup, slug: str, members: int) -> float:
    """Send everybody without any bookkeeping; returns the seconds."""
    with pool.read() as conn:
        (found,) = kept.listing(conn, slug=slug)
    adapter = setups.adapter(setup.require("http"), setup.account(found, []))
    told = Cohort(id="0", name=slug, description=None, created_at=moments.now())
    target = Target(cohort=told, identifiers=tuple(destination.MAPPING), audience="cohort_0")

    def send(first: int) -> None:
        rows = []
        for number in range(first, min(members, first + destination.ROWS)):
            member = payload.member(number)
            raw = {"email": member["email"], "user_id": member["mixpanel_distinct_id"]}
            sent = adapter.prepare(target, raw)
            if isinstance(sent, Skipped):
                raise SystemExit(f"{raw} is skipped")
            rows.append(Row(member_id=str(raw["user_id"]), key="-", sent=sent))
        adapter.add(target, Batch(rows=rows, session=1, members=len(rows)))

    began = time.perf_counter()
    with concurrent.futures.ThreadPoolExecutor(destination.REQUESTS) as threads:
        list(threads.map(send, range(0, members, destination.ROWS)))
    return time.perf_counter() - began


def _job(pool: Pool, setup: Setup, slug: str, cohort_id: int) -> float:
    """Send everybody by a sync job; returns the seconds."""
    destination.keep(pool, setup, slug, cohort_id)
    sender = Sender(pool, pool, setup, holder="bench")
    began = time.perf_counter()
    sender.look()
    sender.wait()
    took = time.perf_counter() - began
    sender.close()
    with pool.read() as conn:
        (state,) = conn.execute(text("SELECT DISTINCT state FROM sync_jobs")).scalars()
    if state != "done":
        raise SystemExit(f"the job is {state}")
    return took


def _bytes_a_row(pool: Pool, rows: int) -> float:
    with pool.read() as conn:
        taken, own = conn.execute(_SIZES).one()
    return float(taken - own) / rows


_SIZES = text("""
    SELECT pg_total_relation_size('sync_ledger'),
           (SELECT sum(octet_length(member_id) + octet_length(sent)) FROM sync_ledger)
""")


if __name__ == "__main__":
    main()
