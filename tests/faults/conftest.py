"""An installation for the scenarios to break, and the report of what came of it."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

from tests.faults import report
from tests.faults.api import Api
from tests.faults.installation import installed
from tests.faults.report import Row
from tests.faults.trial import Bench

ROWS = pytest.StashKey[list[Row]]()
# A file with marks to write the tables into; without it they are only printed. The rows are kept
# beside it, so that a run of some scenarios can write new ones among the others.
REPORT_NAME = "FAULTS_REPORT"
# Not empty: every scenario is run, and what earlier runs kept is not wanted any more.
WHOLE_NAME = "FAULTS_WHOLE"


def pytest_configure(config: pytest.Config) -> None:
    """Begin with an empty report."""
    config.stash[ROWS] = []


@pytest.fixture(scope="session")
def rows(pytestconfig: pytest.Config) -> list[Row]:
    """Lend the rows of the report."""
    return pytestconfig.stash[ROWS]


@pytest.fixture(scope="session")
def wired(tmp_path_factory: pytest.TempPathFactory, rows: list[Row]) -> Iterator[Bench]:
    """Lend an installation whose programs reach their servers through proxies only."""
    folder = tmp_path_factory.mktemp("wired")
    with installed(folder, proxied=True) as here, here.pool() as pool:
        yield Bench(here, pool, rows)


@pytest.fixture(scope="session")
def bench(tmp_path_factory: pytest.TempPathFactory, rows: list[Row]) -> Iterator[Bench]:
    """Lend an installation that every scenario finds, and leaves, whole."""
    with installed(tmp_path_factory.mktemp("faults")) as here, here.pool() as pool:
        yield Bench(here, pool, rows)


@pytest.fixture
def api(bench: Bench) -> Api:
    """Lend the query API of an installation that is whole."""
    bench.installation.heal()
    return Api(bench.installation)


@pytest.fixture
def row(rows: list[Row], request: pytest.FixtureRequest) -> Iterator[Row]:
    """Lend the row of a scenario in the report."""
    made = Row(name=request.node.name)
    rows.append(made)
    yield made
    made.end()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Have the row of a scenario that fails say so."""
    row = getattr(item, "funcargs", {}).get("row")
    if isinstance(row, Row) and call.excinfo is not None and not row.differences:
        row.differences.append(f"the scenario ended early: {call.excinfo.exconly()[:200]}")
    return (yield)


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Print the report, and write it where it is asked for."""
    rows = config.stash[ROWS]
    if not rows:
        return
    terminalreporter.section("what came of it")
    for table in report.TABLES.values():
        terminalreporter.write_line(f"{table(rows)}\n")
    if path := os.environ.get(REPORT_NAME):
        document = Path(path)
        log = document.with_suffix(".jsonl")
        kept = report.keep(log, rows, whole=bool(os.environ.get(WHOLE_NAME)))
        for name, table in report.TABLES.items():
            report.write(document, name, table(kept))
