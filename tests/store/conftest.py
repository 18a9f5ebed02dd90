"""A desk for the tests of the store: how rows come about is the business of flows."""

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
