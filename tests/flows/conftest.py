"""A desk for the tests of flows: one source, and what posts to it and applies."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.model.desk import Desk

if TYPE_CHECKING:
    from gateway.store.db.engine import Pool


@pytest.fixture
def desk(pool: Pool) -> Desk:
    """Lend a desk on an empty database."""
    return Desk(pool)
