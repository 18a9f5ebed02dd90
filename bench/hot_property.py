"""`python -m bench.hot_property`: how long a rule takes before and after its property has an index.

Nothing is written to docs/performance.md: the figures hang on how rare the value is.
"""

from __future__ import annotations

import datetime
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any, Final

import click
from sqlalchemy import text

from bench import report, rules
from gateway.core import moments
from gateway.core.access.actor import GATEWAY
from gateway.core.behaviour import parse
from gateway.core.people.source import BUILT_IN
from gateway.flows.behaviour import indexing
from gateway.flows.behaviour.run import Runner, Wanted
from gateway.flows.health import schema
from gateway.local import embedded
from gateway.store.db.engine import Pool
from gateway.waits import Waits

EVENT, PROPERTY = "view", "amount"
RULES: Final[dict[str, Any]] = {
    "one value of 2,000, ever": rules.did(
        EVENT, {"ever": True}, where=[{"property": PROPERTY, "op": "eq", "value": 777}]
    ),
    "a twentieth of the values, in 30 days": rules.did(
        EVENT, rules.MONTH, where=[{"property": PROPERTY, "op": "gte", "value": 1900}]
    ),
}


@click.command()
@click.option("--members", default=200_000, show_default=True, help="Events.")
@click.option("--runs", default=5, show_default=True, help="How often; medians are shown.")
def main(members: int, runs: int) -> None:
    """Run rules on the most frequent event without and with an index."""
    with tempfile.TemporaryDirectory() as folder, embedded.postgres(Path(folder)) as server:
        pool = Pool(server.url, name="bench", size=2, limit_seconds=rules.LIMIT_SECONDS)
        schema.migrate(pool)
        now = moments.now()
        rules.fill(pool, rules.make_source(pool), range(members), now)
        before = _seconds(pool, runs, now)
        began = time.monotonic()
        indexing.request(pool, BUILT_IN, EVENT, PROPERTY, now=now, actor=GATEWAY)
        indexing.tend(pool, pool, now=moments.now)
        built = time.monotonic() - began
        after = _seconds(pool, runs, now)
        with pool.read() as conn:
            scans = conn.execute(_SCANS).scalar_one()
        pool.close()
    rows = [
        [name, report.milliseconds(before[name]), report.milliseconds(after[name])]
        for name in RULES
    ]
    columns = ("rule", "without", "with the index")
    click.echo(report.Table(name="hot-property", columns=columns, rows=rows).markdown())
    click.echo(f"{members:,} events; built in {built:.1f} s; {scans} scans of the index")


def _seconds(pool: Pool, runs: int, now: datetime.datetime) -> dict[str, float]:
    runner = Runner(pool, Waits(1), seconds=rules.LIMIT_SECONDS)

    def run(sent: object) -> float:
        wanted = Wanted(source=BUILT_IN, definition=parse.definition({"rule": sent}), as_of=now)
        return runner.run(wanted, with_nodes=False, compare=None, now=now).milliseconds / 1000

    return {
        name: statistics.median([run(sent) for _ in range(runs + 1)][1:])
        for name, sent in RULES.items()
    }


_SCANS: Final = text("""
    SELECT sum(idx_scan) FROM pg_stat_user_indexes WHERE indexrelname ~ '^events_.*_i[0-9]+$'
""")


if __name__ == "__main__":
    main()
