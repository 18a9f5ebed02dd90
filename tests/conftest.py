"""What every test may ask for: a real, migrated Postgres that is emptied after each test."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterator
from typing import Final

import hypothesis
import pytest
import sqlalchemy
import structlog
from sqlalchemy import text
from xdist.remote import Producer
from xdist.scheduler import LoadFileScheduling

from gateway.store import tables
from gateway.store.cohorts.feed_tables import feed_state
from gateway.store.cohorts.tables import epochs
from gateway.store.db.engine import Pool
from tests import cluster
from tests import stack as stacks

# Files of tests that start programs, or try very much: they are not measured for coverage.
WHOLE: Final = ("tests/e2e/", "tests/security/", "tests/flows/test_model.py")
# Fixtures of a session that are costly to make: the files that use one go to the same process.
COSTLY: Final = ("stack: Stack", "image: Image", "installation: Production")
# Their tests wait most of their time, and share nothing: each may go to another process.
WAITING: Final = ("tests/syncs/test_kills.py", "tests/syncs/test_forwarding_kills.py")
# What takes long begins first, so that no process is left alone with it at the end.
LONGEST_FIRST: Final = (*WHOLE, "tests/workers/", "tests/http/")


def pytest_configure() -> None:
    """Forget the shell's variables of libpq, for another server than the tests'; set Hypothesis."""
    for name in [name for name in os.environ if name.startswith("PG")]:
        del os.environ[name]
    # How fast a machine draws examples says nothing about what is tested.
    hypothesis.settings.register_profile(
        "unhurried", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
    )
    hypothesis.settings.load_profile("unhurried")
    # A logger that keeps how it was set up first would hide from later tests what it is told.
    structlog.configure = functools.partial(_configure_uncached, structlog.configure)


def _configure_uncached(configure: Callable[..., None], **wanted: object) -> None:
    configure(**{**wanted, "cache_logger_on_first_use": False})


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    """Put back how this process logs."""
    before = structlog.get_config()
    yield
    structlog.configure(**before)


class _ByFile(LoadFileScheduling):  # type: ignore[misc] # xdist is untyped
    """Gives a process whole files, and one process all files that share something costly."""

    def _split_scope(self, nodeid: str) -> str:
        path = nodeid.partition("::")[0]
        return nodeid if path in WAITING else _shared(path) or path


@functools.cache
def _shared(path: str) -> str | None:
    """Read it off the file: the process that shares tests out collects none."""
    code = (stacks.ROOT / path).read_text()
    return next((fixture for fixture in COSTLY if fixture in code), None)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> _ByFile | None:
    """Share tests out by file, unless another way was asked for than that of `make test`."""
    return _ByFile(config, log) if config.getoption("dist") == "loadfile" else None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark the tests that start programs or try very much: measuring would only slow them down."""
    for item in items:
        if item.location[0].startswith(WHOLE) or "stack" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.whole)
            item.add_marker(pytest.mark.no_cover)
    if hasattr(config, "workerinput"):
        items.sort(key=_length)


def _length(item: pytest.Item) -> int:
    """Rank a test: those that share something costly, then LONGEST_FIRST, then the rest."""
    if _shared(item.location[0]):
        return -1
    path, ranks = item.location[0], range(len(LONGEST_FIRST))
    return next((rank for rank in ranks if path.startswith(LONGEST_FIRST[rank])), len(ranks))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the figures that tests recorded, so that a run's output tells how much was tried."""
    for report in terminalreporter.getreports("passed") + terminalreporter.getreports("failed"):
        for name, value in getattr(report, "user_properties", ()):
            if name == "figures":
                terminalreporter.write_line(str(value))


@pytest.fixture(scope="session")
def database_url(
    tmp_path_factory: pytest.TempPathFactory, worker_id: str, testrun_uid: str
) -> Iterator[str]:
    """Make the database of this process, on the one Postgres of the run."""
    folder = tmp_path_factory.getbasetemp()
    if worker_id != "master":
        folder = folder.parent  # which the processes of a run have in common
    folder = folder / f"postgres-{testrun_uid}"
    folder.mkdir(exist_ok=True)
    with cluster.database(folder, f"test_{worker_id}") as url:
        yield url


@pytest.fixture(scope="session")
def shared_pool(database_url: str) -> Iterator[Pool]:
    """Lend one pool to every test of the run."""
    pool = Pool(database_url, name="test", size=16, limit_seconds=60)
    yield pool
    pool.close()


@pytest.fixture
def empty_url(database_url: str, worker_id: str) -> Iterator[str]:
    """Lend a database without any tables."""
    server, name = sqlalchemy.make_url(database_url), f"empty_{worker_id}"
    cluster.administer(server, f"CREATE DATABASE {name}")
    yield server.set(database=name).render_as_string(hide_password=False)
    cluster.administer(server, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def pool(shared_pool: Pool) -> Iterator[Pool]:
    """Lend a pool on a database that is empty, and empty it again afterwards."""
    yield shared_pool
    empty(shared_pool)


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[stacks.Stack]:
    """Lend one whole gateway to every test of the run; each brings cohorts of its own."""
    with stacks.running(tmp_path_factory.mktemp("stack")) as running:
        yield running


def empty(pool: Pool) -> None:
    """Delete every row that came after the migrations; a rollback would hide what commits do."""
    with pool.begin() as conn:
        conn.execute(text(_emptying()))


@functools.cache
def _emptying() -> str:
    """Write one statement for all tables: sixty round trips took 20 ms a test, one takes 2."""
    kept = (epochs, feed_state)  # their one row is part of the schema
    emptied = [table for table in reversed(tables.metadata.sorted_tables) if table not in kept]
    return "; ".join(f"DELETE FROM {table.name}" for table in emptied)
