"""What tests of worker processes may ask for: a Valkey, and the environment of a worker."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator

import pytest
import redis

from gateway import jobs
from gateway.local import embedded
from gateway.store.db.engine import Pool
from tests.model.desk import Desk
from workers import runtime
from workers.runtime import Runtime


@pytest.fixture(autouse=True)
def _quiet_afterwards() -> Iterator[None]:
    """Take down the log that a test set up: what it writes to ends with the test."""
    yield
    root = logging.getLogger()
    for handler in [one for one in root.handlers if type(one) is logging.StreamHandler]:
        root.removeHandler(handler)


@pytest.fixture(scope="session")
def valkey_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Start one Valkey for all tests of workers."""
    with embedded.valkey(tmp_path_factory.mktemp("valkey")) as server:
        yield server.url


@pytest.fixture
def client(valkey_url: str) -> Iterator[redis.Redis]:
    """Lend a client of a Valkey that is empty, and empty it again afterwards."""
    connection = jobs.connect(valkey_url, timeout_seconds=5)
    yield connection
    connection.flushall()
    connection.close()


@pytest.fixture
def environ(database_url: str, valkey_url: str, client: redis.Redis) -> dict[str, str]:
    """Return the environment of a worker process; also the one that coverage needs."""
    assert client.ping()
    return {
        **os.environ,
        "DATABASE_URL": database_url,
        "REDIS_URL": valkey_url,
        "GATEWAY_LOG_FORMAT": "json",
    }


@pytest.fixture
def made(environ: dict[str, str]) -> Iterator[Runtime]:
    """Lend what a worker process is made of."""
    run = runtime.make(environ)
    yield run
    run.pool.close()
    run.beating.close()
    run.chores.close()


@pytest.fixture
def desk(pool: Pool) -> Desk:
    """Lend a desk at which pages can be posted; its wake-ups reach nobody."""
    return Desk(pool)
