"""`python -m bench.syncs`: what a sync job costs beside a plain loop of the same client.

Both send the same members by the same adapter to the same server, which answers after 20 ms: the
loop keeps no book of what it has sent. Rule 11.11 asks for half of its rate.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import http.server
import multiprocessing
import os
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click
import structlog
from sqlalchemy import text

from bench import loads, payload, report
from bench.subject import peak_mebibytes
from gateway import outbound
from gateway.core import moments
from gateway.destinations.adapter import Batch, Cohort, Row, Target
from gateway.destinations.answers import Skipped
from gateway.flows.health import schema
from gateway.flows.syncs import destinations, jobs
from gateway.flows.syncs import setup as setups
from gateway.flows.syncs.sender import Sender
from gateway.flows.syncs.setup import Setup
from gateway.local import embedded
from gateway.store.db.engine import Pool
from gateway.store.syncs import destinations as kept

if TYPE_CHECKING:
    from collections.abc import Iterator
    from multiprocessing.connection import Connection

ANSWER_SECONDS: Final = 0.02
ROWS: Final = 1000
REQUESTS: Final = 4
ASKED: Final = 0.5
HERE: Final = outbound.networks("127.0.0.0/8")
MAPPING: Final = {"email": "email", "user_id": "member_id"}
DECLARED: Final[dict[str, Any]] = {
    "status": "documented",
    "auth": {"type": "none"},
    "identifier": {
        "any_of": [
            {"name": "email", "normalise": ["trim", "lower"], "hash": "sha256"},
            {"name": "user_id"},
        ]
    },
    "audience": {"mode": "attribute"},
    "ops": {
        name: {
            "method": "POST",
            "path": f"/{name}",
            "body": {"people": "{{members}}"},
            "item": {"email": "{{member.email}}", "id": "{{member.user_id}}"},
            "max_items": ROWS,
        }
        for name in ("add", "remove")
    },
    "response": {"ok": {"status": [200]}},
    "concurrency": REQUESTS,
}


@click.command()
@click.option("--members", default=100_000, show_default=True)
@click.option("--runs", default=3, show_default=True, help="How often; medians are shown.")
@click.option("--write/--print-only", default=True, help="Renew docs/performance.md.")
def main(members: int, runs: int, *, write: bool) -> None:
    """Send a cohort by a job and by a plain loop, in turn."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    plain, kept_book, bytes_a_row = [], [], 0.0
    with (
        tempfile.TemporaryDirectory() as folder,
        embedded.postgres(Path(folder)) as server,
        _answering() as url,
        outbound.Client(allow=HERE, plain=HERE) as client,
    ):
        pool = Pool(server.url, name="bench", size=16, limit_seconds=900)
        schema.migrate(pool)
        setup = Setup(client=client)
        source = loads.make_source(pool)
        for turn in range(runs):
            name = f"turn-{turn}"
            cohort_id = loads.make_cohort(pool, source, name)
            loads.take_load(pool, source, name, cohort_id, members)
            loads.apply_all(pool, source, name, cohort_id, members)
            _make(pool, setup, name, url)
            plain.append(members / _loop(pool, setup, name, members))
            kept_book.append(members / _job(pool, setup, name, cohort_id))
            click.echo(f"{name}: {plain[-1]:,.0f} and {kept_book[-1]:,.0f} members/s", err=True)
            bytes_a_row = _bytes_a_row(pool, members * (turn + 1))
        machine = report.machine(pool)
        pool.close()
    words = _words(plain, kept_book, bytes_a_row, members, runs, machine)
    click.echo(words)
    if write:
        report.write("syncs", words)


def _words(
    plain: list[float],
    kept_book: list[float],
    bytes_a_row: float,
    members: int,
    runs: int,
    machine: str,
) -> str:
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
    return (
        f"{members:,} members in batches of {ROWS:,}, {REQUESTS} requests at once, answers after"
        f" {ANSWER_SECONDS * 1000:.0f} ms; medians of {runs} runs; {machine}; load average"
        f" {os.getloadavg()[0]:.1f}.\n\n{table.markdown()}"
    )


def _make(pool: Pool, setup: Setup, slug: str, url: str) -> None:
    config = {**DECLARED, "endpoint": url}
    wanted = destinations.Wanted(slug=slug, kind="http", config=config)
    destinations.add(pool, wanted, setup, now=moments.now())


def _loop(pool: Pool, setup: Setup, slug: str, members: int) -> float:
    """Send everybody without any bookkeeping; returns the seconds."""
    with pool.read() as conn:
        (found,) = kept.listing(conn, slug=slug)
    adapter = setups.adapter(setup.require("http"), setup.account(found, []))
    told = Cohort(id="0", name=slug, description=None, created_at=moments.now())
    target = Target(cohort=told, identifiers=tuple(MAPPING), audience="cohort_0")

    def send(first: int) -> None:
        rows = []
        for number in range(first, min(members, first + ROWS)):
            member = payload.member(number)
            raw = {"email": member["email"], "user_id": member["mixpanel_distinct_id"]}
            sent = adapter.prepare(target, raw)
            if isinstance(sent, Skipped):
                raise SystemExit(f"{raw} is skipped")
            rows.append(Row(member_id=str(raw["user_id"]), key="-", sent=sent))
        adapter.add(target, Batch(rows=rows, session=1, members=len(rows)))

    began = time.perf_counter()
    with concurrent.futures.ThreadPoolExecutor(REQUESTS) as threads:
        list(threads.map(send, range(0, members, ROWS)))
    return time.perf_counter() - began


def _job(pool: Pool, setup: Setup, slug: str, cohort_id: int) -> float:
    """Send everybody by a sync job; returns the seconds."""
    wanted = jobs.Wanted(
        cohort_id=str(cohort_id), destination=slug, frequency="once", mapping=MAPPING
    )
    jobs.create(pool, wanted, setup, now=moments.now())
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


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        """Take a batch, and answer after a while."""
        self.rfile.read(int(self.headers["Content-Length"]))
        time.sleep(ANSWER_SECONDS)
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def _serve(sending: Connection) -> None:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    sending.send(server.server_port)
    server.serve_forever()


@contextlib.contextmanager
def _answering() -> Iterator[str]:
    """Lend the address of a server in a process of its own."""
    context = multiprocessing.get_context("spawn")
    receiving, sending = context.Pipe(duplex=False)
    process = context.Process(target=_serve, args=(sending,), daemon=True)
    process.start()
    try:
        yield f"http://127.0.0.1:{receiving.recv()}"
    finally:
        process.terminate()
        process.join()


_SIZES = text("""
    SELECT pg_total_relation_size('sync_ledger'),
           (SELECT sum(octet_length(member_id) + octet_length(sent)) FROM sync_ledger)
""")


if __name__ == "__main__":
    main()
