"""What tests of BigQuery are lent: its API on loopback."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.vendors.bigquery import api as apis
from tests.vendors.bigquery.state import Api


@pytest.fixture
def api() -> Iterator[Api]:
    """Run the API."""
    with apis.running() as made:
        yield made
