"""What tests of sync jobs may ask for."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from gateway.core import moments
from gateway.store.db.engine import Pool
from tests.http.world import Clock
from tests.syncs import office
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
