"""What tests of sync jobs may ask for."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from flask import Flask

from gateway.core import moments
from gateway.store.db.engine import Pool
from tests.http.world import Clock, make_app
from tests.syncs import branch as branches
from tests.syncs import office
from tests.syncs.branch import Branch
from tests.syncs.office import Office


@pytest.fixture
def clock() -> Clock:
    """Lend a clock that begins now: signatures have a time."""
    made = Clock()
    made.now = moments.now()
    return made


@pytest.fixture
def desk(pool: Pool, database_url: str, clock: Clock) -> Iterator[Office]:
    with office.opened(pool, database_url, clock) as made:
        yield made


@pytest.fixture(scope="session")
def forwarding(database_url: str) -> tuple[Flask, Clock]:
    """Make the application of all branches, and its clock."""
    clock = Clock()
    return make_app(database_url, clock, **branches.ENVIRON), clock


@pytest.fixture
def branch(pool: Pool, forwarding: tuple[Flask, Clock]) -> Iterator[Branch]:
    """Lend a gateway that forwards the actions of `default` to a project here."""
    application, clock = forwarding
    clock.now = max(clock.now, moments.now())
    with branches.opened(pool, application, clock) as made:
        yield made
