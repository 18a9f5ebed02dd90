"""What tests of the query API may ask for: a gateway to call."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from flask import Flask

from gateway.core import moments
from gateway.destinations.kinds import KINDS
from gateway.handlers.http import deps
from gateway.store.db.engine import Pool
from tests.http import serving
from tests.http.inside import Gateway
from tests.http.people import People
from tests.http.serving import Web
from tests.http.troubled import trouble
from tests.http.world import START, Clock, World, make_app
from tests.syncs import audience, office, receiver
from tests.syncs.audience import Vendor
from tests.syncs.office import Office


@pytest.fixture(scope="session")
def clock() -> Clock:
    """Lend the clock of the application."""
    return Clock()


@pytest.fixture(scope="session")
def application(database_url: str, clock: Clock) -> Iterator[Flask]:
    """Build the application once for the run."""
    made = make_app(database_url, clock)
    yield made
    given: deps.Deps = made.extensions[deps.EXTENSION]
    given.reading.close()
    given.accepting.close()


@pytest.fixture
def world(pool: Pool, application: Flask, clock: Clock) -> Iterator[World]:
    """Lend a gateway with one source and no cohorts; its clock goes back for no later test."""
    begun = clock.now
    yield World(pool, application, clock)
    clock.now = max(begun, clock.now)


@pytest.fixture
def people(world: World) -> People:
    """Lend a gateway with the source `people`, at a time at which events of its day are kept."""
    world.clock.now = START
    return People(world)


@pytest.fixture
def cohort(world: World) -> str:
    """Make a cohort of three, of which one has left, with a page blocked and one refused."""
    return trouble(world)


@pytest.fixture
def gateway(pool: Pool, application: Flask, clock: Clock) -> Gateway:
    """Lend a gateway as those know it that post to its webhook: `default` has a login."""
    return Gateway(pool, application, clock)


@pytest.fixture(scope="session")
def web(database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    """Run the web process of production, on the database that `world` fills."""
    with serving.serving(database_url, tmp_path_factory.mktemp("web")) as running:
        yield running


@pytest.fixture
def desk(pool: Pool, database_url: str) -> Iterator[Office]:
    """Lend a gateway with a sender, and a kind of destination for tests beside the others."""
    clock = Clock()
    clock.now = moments.now()
    with office.opened(pool, database_url, clock, {**KINDS, "sample": audience.KIND}) as made:
        yield made


@pytest.fixture
def vendor(desk: Office) -> Iterator[Vendor]:
    """Run a vendor of that kind, which the destination `crm` sends to."""
    made = Vendor()
    with receiver.serving(made) as url:
        desk.destination("sample", {"endpoint": url}, {})
        yield made
