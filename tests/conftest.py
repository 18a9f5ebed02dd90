"""What every test may ask for: a real, migrated Postgres that is emptied after each test."""

from __future__ import annotations

import os
import pathlib
from collections.abc import Iterator

import pytest
from sqlalchemy import text

from gateway.flows.health import schema
from gateway.local import embedded
from gateway.store import tables
from gateway.store.cohorts.tables import epochs
from gateway.store.db.engine import Pool
from tests import stack as stacks

WHOLE = ("tests/e2e/", "tests/security/", "tests/flows/test_model.py")


def pytest_configure() -> None:
    """Forget the shell's variables of libpq, which are for another server than the tests' own."""
    for name in [name for name in os.environ if name.startswith("PG")]:
        del os.environ[name]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests that start processes of their own, and the sender model.

    They run without being measured, which would only slow them down.
    """
    for item in items:
        if item.location[0].startswith(WHOLE) or "stack" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.whole)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the figures that tests recorded, so that a run's output tells how much was tried."""
    for report in terminalreporter.getreports("passed") + terminalreporter.getreports("failed"):
        for name, value in getattr(report, "user_properties", ()):
            if name == "figures":
                terminalreporter.write_line(str(value))


@pytest.fixture(scope="session")
def database_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Start one Postgres for the whole run and bring its schema to its head."""
    folder: pathlib.Path = tmp_path_factory.mktemp("postgres")
    with embedded.postgres(folder, durability=embedded.Durability.NONE) as server:
        pool = Pool(server.url, name="test", size=2, limit_seconds=60)
        schema.migrate(pool)
        pool.close()
        yield server.url


@pytest.fixture(scope="session")
def shared_pool(database_url: str) -> Iterator[Pool]:
    """Lend one pool to every test of the run."""
    pool = Pool(database_url, name="test", size=16, limit_seconds=60)
    yield pool
    pool.close()


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
        for table in reversed(tables.metadata.sorted_tables):
            if table is epochs:  # its one row is part of the schema
                continue
            conn.execute(text(f"DELETE FROM {table.name}"))
