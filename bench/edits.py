"""`python -m bench.edits`: what edits of single members leave behind once retention has passed.

They are nine days old, so retention takes all that is told of edits, and they come in ten parts
with a round of retention after each. What is then larger than before the first edit has been left:
the changes, which are kept for 91 days, stand by themselves. The files of tables keep the room that
one part took for the next, so they are measured once more when they have been written anew.
"""

from __future__ import annotations

import concurrent.futures
import datetime
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

import click
import structlog
from sqlalchemy import TextClause, text

from bench import loads, payload, report
from gateway.core import moments
from gateway.core.cohorts.edit import Edit
from gateway.flows.cohorts import retention
from gateway.flows.cohorts.apply import Applier
from gateway.flows.cohorts.edit import Editor
from gateway.flows.health import schema
from gateway.flows.sources import built_in, cohorts
from gateway.local import embedded
from gateway.sources.lists import entries
from gateway.store.db.engine import Pool
from gateway.waits import Waits

LISTS: Final = 4
PEOPLE: Final = 1000
PARTS: Final = 10
AGE: Final = datetime.timedelta(days=9)
LIMIT_SECONDS: Final = 900.0
# A million may leave 100 MB.
ASKED_BYTES: Final = 100
CHANGES: Final = "changes"
Sizes = Mapping[str, int]

_VACUUM = text("VACUUM")
_REWRITE = text("VACUUM (FULL)")


@click.command()
@click.option("--members", default=50_000, show_default=True, help="Edits.")
@click.option("--runs", default=1, show_default=True, help="Not used: what is left adds up.")
@click.option("--write/--print-only", default=True, help="Renew docs/performance.md.")
def main(members: int, runs: int, *, write: bool) -> None:
    """Edit lists one member at a time, and have retention pass."""
    del runs
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    with tempfile.TemporaryDirectory() as folder, embedded.postgres(Path(folder)) as server:
        pool = Pool(server.url, name="bench", size=4 * LISTS, limit_seconds=LIMIT_SECONDS)
        schema.migrate(pool)
        made, seconds = _lists(pool), 0.0
        before = after = _sizes(pool)
        for part in range(PARTS):
            numbers = range(part * members // PARTS, (part + 1) * members // PARTS)
            seconds += _edit(pool, made, numbers)
            retention.run(pool, every_seconds=0, seconds=LIMIT_SECONDS)
            after = _sizes(pool)
            click.echo(f"{numbers.stop:,} edits: {_left(before, after):,} bytes", err=True)
        circumstances, rewritten = report.circumstances(pool), _sizes(pool, _REWRITE)
        pool.close()
    words = f"{circumstances}.\n\n{describe(before, after, rewritten, members, seconds)}"
    click.echo(words)
    if write:
        report.write("edits", words)


def _lists(pool: Pool) -> Sequence[int]:
    built_in.make(pool, now=moments.now())
    wanted = [cohorts.Wanted(source="lists", name=f"list {number}") for number in range(LISTS)]
    return [cohorts.create(pool, one, max_cohorts=LISTS, now=moments.now()).id for one in wanted]


def _edit(pool: Pool, made: Sequence[int], numbers: range) -> float:
    """Make edits in each list side by side; returns the seconds."""
    moment = moments.now() - AGE
    editor = Editor(
        pool=pool,
        applier=Applier(pool, now=lambda: moment),
        wake_ups=loads.Silent(),
        waits=Waits(LISTS),
        at_once=LISTS,
    )

    def edit_list(place: int) -> None:
        for number in numbers[place::LISTS]:
            done = editor.edit(made[place], edit_of(number), now=moment, request_id="-")
            if done.entered + done.exited != 1:
                raise SystemExit(f"edit {number}: {done}")

    began = time.perf_counter()
    with concurrent.futures.ThreadPoolExecutor(LISTS) as threads:
        list(threads.map(edit_list, range(LISTS)))
    return time.perf_counter() - began


def edit_of(number: int) -> Edit:
    """Add the next of a thousand people, or take them out again when all are in."""
    turn, person = divmod(number, PEOPLE)
    ids = [payload.member_id(person)]
    edit, faults = entries.read([], ids) if turn % 2 else entries.read(ids, [])
    if faults:
        raise SystemExit(f"{faults}")
    return edit


def _sizes(pool: Pool, vacuum: TextClause = _VACUUM) -> Sizes:
    """Return the bytes of each table with its indexes, after a vacuum."""
    with pool.read() as conn:
        conn.execute(vacuum)
        return {row.name: row.bytes for row in conn.execute(_SIZES)}


def _left(before: Sizes, after: Sizes) -> int:
    """Return by how much everything but the changes has grown."""
    return sum(after[name] - before[name] for name in after if name != CHANGES)


def describe(before: Sizes, after: Sizes, rewritten: Sizes, edits: int, seconds: float) -> str:
    """Tell what is left, and the tables that most of it is in."""
    grown = {name: after[name] - before[name] for name in after if name != CHANGES}
    largest = sorted(grown, key=lambda name: grown[name], reverse=True)[:3]
    rows = [
        [
            "left of them in files, the changes excepted",
            _mega(_left(before, after)),
            _mega(ASKED_BYTES * edits),
        ],
        ["the same once the files are written anew", _mega(_left(before, rewritten)), ""],
        *([f"of it in `{name}`", _mega(grown[name]), ""] for name in largest),
        ["their changes, kept for 91 days", _mega(after[CHANGES] - before[CHANGES]), ""],
        ["edits a second", report.count(edits / seconds), ""],
    ]
    columns = (f"{edits:,} edits of a member each", "", "asked, at most")
    return report.Table(name="edits", columns=columns, rows=rows).markdown()


def _mega(count: float) -> str:
    return f"{count / 1_000_000:.1f} MB"


_SIZES = text("""
    SELECT c.relname AS name, pg_total_relation_size(c.oid) AS bytes
    FROM pg_class c WHERE c.relkind = 'r' AND c.relnamespace = CAST('public' AS regnamespace)
""")


if __name__ == "__main__":
    main()
