"""`python -m bench.people`: how many events a second come in, with ids and without.

Events go in by four connections in requests of 2,000, each of which is durable when it is answered
and creates its people. Beside that, COPY puts the same rows into a table like `events`.
"""

from __future__ import annotations

import datetime
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import click
from sqlalchemy import text

from bench import report, subject, wire, yardsticks
from bench.events import A_REQUEST, Events
from bench.subject import CONNECTIONS, Subject
from gateway.store.db.engine import Pool
from tests import stack

ASKED_PLAIN, ASKED_WITH_IDS = 0.2, 0.5
_CREATE: Final = text("CREATE TABLE yardstick (LIKE events INCLUDING ALL)")
_COPY: Final = """
    COPY yardstick (source_id, person_id, time, id, name, event_id, received_at, properties)
    FROM STDIN
"""


@click.command()
@click.option("--members", default=200_000, show_default=True, help="Events of each kind.")
@click.option("--runs", default=3, show_default=True, help="How often; medians are shown.")
@click.option("--write/--print-only", default=True, help="Renew docs/performance.md.")
def main(members: int, runs: int, *, write: bool) -> None:
    """Post events without ids and with ids, and copy them, in turn."""
    limits, plain, with_ids = [], [], []
    until = datetime.datetime.now(datetime.UTC)
    with tempfile.TemporaryDirectory() as folder, subject.running(Path(folder)) as one:
        # Each month has a table, which is made by its first event.
        _post(one, Events(count=100, first=10**12, until=until))
        for turn in range(runs):
            first = 2 * turn * members
            sent = Events(count=members, first=first, until=until)
            plain.append(members / _post(one, sent))
            marked = Events(count=members, first=first + members, until=until, mark=f"t{turn}")
            with_ids.append(members / _post(one, marked))
            limits.append(copied_per_second(one.pool, sent))
            click.echo(f"run {turn + 1}: {plain[-1]:,.0f} events/s", err=True)
        words = describe(
            limits, plain, with_ids, f"{members:,} events each", report.circumstances(one.pool)
        )
    click.echo(words)
    if write:
        report.write("people", words)


def _post(one: Subject, sent: Events) -> float:
    """Post events; returns the seconds until the last was answered. All must have been taken."""
    requests = [wire.ask("/v1/events", body, key=stack.API_KEY) for body in sent.bodies()]
    before = _count(one.pool)
    seconds = wire.serve(one.stack.port, requests, connections=CONNECTIONS).seconds
    taken = _count(one.pool) - before
    if taken != sent.count:
        message = f"{taken} events instead of {sent.count}"
        raise RuntimeError(message)
    return seconds


def _count(pool: Pool) -> int:
    with pool.read() as conn:
        return int(conn.execute(text("SELECT count(*) FROM events")).scalar_one())


def copied_per_second(pool: Pool, sent: Events) -> float:
    """Rows a second that one COPY puts into a table like `events`, with its indexes."""
    lines = "".join(sent.rows()).encode()
    return sent.count / yardsticks.copied(pool, _CREATE, _COPY, lines)


def describe(
    limits: Sequence[float],
    plain: Sequence[float],
    with_ids: Sequence[float],
    size: str,
    circumstances: str,
) -> str:
    """Put it into words; each ratio is of figures that were taken one after the other."""
    of_limit = report.median(ours / limit for ours, limit in zip(plain, limits, strict=True))
    of_plain = report.median(ours / other for ours, other in zip(with_ids, plain, strict=True))
    table = report.Table(
        name="people",
        columns=("", "events/s", "ratio", "asked"),
        rows=[
            ["`COPY` of the same rows", report.count(report.median(limits)), "", ""],
            [
                "events without ids, by `COPY`",
                report.count(report.median(plain)),
                report.share(of_limit),
                report.share(ASKED_PLAIN),
            ],
            [
                "events with ids, by those without",
                report.count(report.median(with_ids)),
                report.share(of_plain),
                report.share(ASKED_WITH_IDS),
            ],
        ],
    )
    return (
        f"{circumstances}; {size} in requests of {A_REQUEST:,} on {CONNECTIONS} connections,"
        f" medians of {len(limits)} runs.\n\n{table.markdown()}"
    )


if __name__ == "__main__":
    main()
