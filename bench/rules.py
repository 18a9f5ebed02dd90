"""`python -m bench.rules`: how long rules take, beside counting the events they are about.

A `did` stands beside `SELECT count(*)` over the events of the same names in the same window, a tree
beside the sum of its nodes, each run by itself. With `--curve` the same is asked of a tenth of the
events, a fifth, half and all, ten events a person at any size.
"""

from __future__ import annotations

import dataclasses
import datetime
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

import click
from sqlalchemy import text

from bench import report
from gateway.core import moments
from gateway.core.behaviour import parse, rule, windows
from gateway.core.behaviour.rule import Definition, Did, Node
from gateway.core.people import source
from gateway.flows.behaviour.run import Ran, Runner, Wanted
from gateway.flows.health import schema
from gateway.local import embedded
from gateway.store.db.engine import Pool
from gateway.store.people import months
from gateway.store.sources import sources
from gateway.waits import Waits

A_PERSON: Final = 10
DAYS: Final = 100
CURVE: Final = (10, 5, 2, 1)
LIMIT_SECONDS: Final = 900.0
ASKED_DID, ASKED_TREE = 12, 1


def did(event: str, when: Mapping[str, object], **more: object) -> dict[str, Any]:
    """Write a `did`."""
    return {"did": {"event": event, "when": when, **more}}


PREMIUM: Final = {"trait": {"property": "plan", "op": "eq", "value": "premium"}}
OF_BRAND: Final = [
    {"property": "brand", "op": "eq", "value": "Acme"},
    {"property": "amount", "op": "gt", "value": 1000},
]
MONTH: Final = {"within": "30d"}
WEEK: Final = {"within": "7d"}
# What people ask for, by what they would call it.
DIDS: Final[Mapping[str, Any]] = {
    "installed in the last 7 days": did("signup", WEEK),
    "bought brand X above 1,000 at least twice in 30 days": did(
        "purchase", MONTH, where=OF_BRAND, count={"op": "gte", "value": 2}
    ),
    "bought three times in 90 days": did(
        "purchase", {"within": "90d"}, count={"op": "gte", "value": 3}
    ),
    "viewed brand X above 1,000, ever (the most frequent event)": did(
        "view", {"ever": True}, where=OF_BRAND
    ),
}
TREES: Final[Mapping[str, Any]] = {
    "cart but no purchase in 7 days": {"all": [did("cart", WEEK), {"not": did("purchase", WEEK)}]},
    "premium, and no view this month": {"all": [PREMIUM, {"not": did("view", {"since": "month"})}]},
    "five nodes over 7 to 30 days": {
        "all": [
            {"any": [did("cart", WEEK), did("click", WEEK, count={"op": "gte", "value": 2})]},
            did("view", MONTH, where=OF_BRAND),
            {"not": did("purchase", MONTH)},
            PREMIUM,
        ]
    },
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Timed:
    """Seconds that a rule took, those of what it stands beside, and how many people met it."""

    seconds: float
    beside: float
    people: int

    @property
    def ratio(self) -> float:
        """How many times the other it took."""
        return self.seconds / self.beside


Point = Mapping[str, Timed]


@click.command()
@click.option("--members", default=1_000_000, show_default=True, help="Events.")
@click.option("--runs", default=5, show_default=True, help="How often; medians are shown.")
@click.option("--curve", is_flag=True, help="Begin with a tenth of the events.")
@click.option("--write/--print-only", default=True, help="Renew docs/performance.md.")
def main(members: int, runs: int, *, curve: bool, write: bool) -> None:
    """Run rules over people and events that are there."""
    points: dict[int, Point] = {}
    with tempfile.TemporaryDirectory() as folder, embedded.postgres(Path(folder)) as server:
        pool = Pool(server.url, name="bench", size=2, limit_seconds=LIMIT_SECONDS)
        schema.migrate(pool)
        source_id, now, there = make_source(pool), moments.now(), 0
        for part in CURVE if curve else CURVE[-1:]:
            fill(pool, source_id, range(there, members // part), now)
            there = members // part
            points[there] = dict(_measure(pool, source_id, runs, now))
            click.echo(f"{there:,} events done", err=True)
        circumstances = f"{report.circumstances(pool)}; medians of {runs} runs"
        explained = _explain_seconds(pool, runs, now)
        pool.close()
    words = describe_curve(points) if curve else describe(points[members], explained)
    body = f"{circumstances}; {there:,} events, {A_PERSON} a person.\n\n{words}"
    click.echo(body)
    if write:
        report.write("rules-curve" if curve else "rules", body)


def make_source(pool: Pool) -> int:
    """Make the source of people, and return its id."""
    made = sources.Made(slug=source.BUILT_IN, kind=source.KIND, config={})
    with pool.begin() as conn:
        found = sources.create(conn, made, expected_every_seconds=None, now=moments.now())
    if found is None:
        raise SystemExit("the source exists")
    return found


def fill(pool: Pool, source_id: int, numbers: range, now: datetime.datetime) -> None:
    """Add events of the last hundred days, and their people, as if they had come in."""
    days = [now - datetime.timedelta(days=day) for day in range(DAYS + 1)]
    given = {
        "source_id": source_id,
        "first": numbers.start,
        "last": numbers.stop - 1,
        "people": max(1, len(numbers) // A_PERSON),
        "days": DAYS,
        "now": now,
    }
    for month in sorted({months.month_of(day) for day in days}):
        with pool.begin() as conn:
            months.create(conn, month)
    with pool.begin() as conn:
        conn.execute(_PEOPLE, given)
        conn.execute(_EVENTS, given)
    with pool.read() as conn:
        conn.execute(text("VACUUM (ANALYZE) people, events"))


def _measure(
    pool: Pool, source_id: int, runs: int, now: datetime.datetime
) -> Iterator[tuple[str, Timed]]:
    """Time each rule and what it stands beside, in turn."""
    runner = Runner(pool, Waits(1), seconds=LIMIT_SECONDS)

    def ask(sent: object) -> Ran:
        wanted = Wanted(source=source.BUILT_IN, definition=_definition(sent), as_of=now)
        return runner.run(wanted, with_nodes=False, compare=None, now=now)

    def run(sent: object) -> float:
        began = time.perf_counter()
        ask(sent)
        return time.perf_counter() - began

    def run_leaves(sent: Mapping[str, Any]) -> float:
        return sum(map(run, leaves_of(sent)))

    def count(sent: object) -> float:
        return _count(pool, source_id, sent, now)

    for name, sent in {**DIDS, **TREES}.items():
        people = ask(sent).found.count
        other = partial(run_leaves if name in TREES else count, sent)
        yield name, _beside(runs, partial(run, sent), other, people)


def _beside(runs: int, ours: Callable[[], float], other: Callable[[], float], people: int) -> Timed:
    """Take both in turn; by now what they read is in memory."""
    pairs = [(ours(), other()) for _ in range(runs)]
    seconds, beside = (statistics.median(each) for each in zip(*pairs, strict=True))
    return Timed(seconds=seconds, beside=beside, people=people)


def _definition(sent: object) -> Definition:
    return parse.definition({"rule": sent})


def leaves_of(sent: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """List the nodes of a rule that ask for something by themselves."""
    ((kind, inner),) = sent.items()
    if kind in ("did", "trait"):
        yield sent
    for each in inner if kind in ("all", "any") else [inner] if kind == "not" else []:
        yield from leaves_of(each)


def _count(pool: Pool, source_id: int, sent: object, now: datetime.datetime) -> float:
    """Count the events of the names and of the window of a `did`; returns the seconds."""
    node = _did(_definition(sent).root)
    window = windows.of(node.when, as_of=now, time_zone=parse.UTC)
    given = {
        "source_id": source_id,
        "names": list(node.names),
        "start": window.start or now - datetime.timedelta(days=2 * DAYS),
        "end": window.end,
    }
    with pool.read() as conn:
        began = time.perf_counter()
        conn.execute(_COUNT, given)
        return time.perf_counter() - began


def _did(root: Node) -> Did:
    (found,) = (node for node in rule.walk(root) if isinstance(node, Did))
    return found


def _explain_seconds(pool: Pool, runs: int, now: datetime.datetime) -> float:
    """Say why one person is in or out of the largest tree, so many times."""
    runner = Runner(pool, Waits(1), seconds=LIMIT_SECONDS)
    definition = _definition(list(TREES.values())[-1])
    wanted = Wanted(source=source.BUILT_IN, definition=definition, as_of=now)
    taken = []
    for _ in range(runs + 1):
        began = time.perf_counter()
        runner.explain(wanted, "person-0", now=now)
        taken.append(time.perf_counter() - began)
    return statistics.median(taken[1:])


def describe(point: Point, explained: float) -> str:
    """Put the figures of one size into a table."""
    rows = [
        [
            name,
            f"{one.people:,}",
            report.milliseconds(one.seconds),
            report.milliseconds(one.beside),
            report.share(one.ratio),
            _asked(name),
        ]
        for name, one in point.items()
    ]
    rows.append(["why one person is in or out", "", report.milliseconds(explained), "", "", ""])
    columns = (
        "rule",
        "people",
        "run",
        "count(*), or the nodes one by one",
        "times",
        "asked, at most",
    )
    return report.Table(name="rules", columns=columns, rows=rows).markdown()


def _asked(name: str) -> str:
    """Say what is asked of a rule; a `did` without `where` is bound by nothing."""
    if name in TREES:
        return f"{ASKED_TREE}"
    return f"{ASKED_DID}" if "where" in DIDS[name]["did"] else ""


def describe_curve(points: Mapping[int, Point]) -> str:
    """Put all sizes beside each other; the last column is how time grew by how events did."""
    sizes: Sequence[int] = list(points)
    smallest, largest = points[sizes[0]], points[sizes[-1]]
    rows = [
        [
            name,
            *(report.milliseconds(points[size][name].seconds) for size in sizes),
            report.share(largest[name].seconds / first.seconds / (sizes[-1] / sizes[0])),
            "1.00",
        ]
        for name, first in smallest.items()
    ]
    columns = ("rule", *(f"{size:,} events" for size in sizes), "growth by that of events", "asked")
    return report.Table(name="curve", columns=columns, rows=rows).markdown()


_PEOPLE = text("""
    INSERT INTO people (source_id, person_id, traits, created_at, updated_at, changed)
    SELECT :source_id, 'person-' || n,
           jsonb_build_object('plan', CASE n % 5 WHEN 0 THEN 'premium' ELSE 'free' END,
                              'country', (ARRAY['DE', 'FR', 'IN', 'US'])[1 + n % 4]),
           :now, :now, n
    FROM generate_series(CAST(:first AS bigint) / 10, CAST(:last AS bigint) / 10) n
    ON CONFLICT DO NOTHING
""")

# A number becomes a person, a name, a second and properties by hashes that are not alike.
_EVENTS = text("""
    INSERT INTO events (source_id, person_id, time, id, name, received_at, properties)
    SELECT :source_id,
           'person-' || CAST(:first AS bigint) / 10
               + (hashint8extended(n, 1) & 2147483647) % CAST(:people AS bigint),
           :now - (1 + (hashint8extended(n, 2) & 2147483647) % (CAST(:days AS bigint) * 86400))
               * interval '1 second',
           n,
           CASE WHEN n % 100 < 70 THEN 'view' WHEN n % 100 < 84 THEN 'click'
                WHEN n % 100 < 92 THEN 'cart' WHEN n % 100 < 97 THEN 'purchase' ELSE 'signup' END,
           :now,
           jsonb_build_object('amount', (hashint8extended(n, 3) & 2147483647) % 2000,
                              'brand', (ARRAY['Acme', 'Brent', 'Corax', 'Dulwich'])[
                                  1 + (hashint8extended(n, 4) & 2147483647) % 4])
    FROM generate_series(CAST(:first AS bigint), CAST(:last AS bigint)) n
""")

_COUNT = text("""
    SELECT count(*) FROM events
    WHERE source_id = :source_id AND name = ANY(:names) AND time >= :start AND time < :end
""")


if __name__ == "__main__":
    main()
