"""Sessions with a live account, where the environment has one: `LIVE_BIGQUERY` and its like.

The value is JSON: {"config": {...}, "secrets": {...}}, as a source of that kind is set to.
"""

from __future__ import annotations

import contextlib
import json
import os

import pytest

from gateway.core import fields
from gateway.reach import Reach
from gateway.sources.sql import queries, reading
from gateway.sources.sql.session import Target
from gateway.sources.sql.vendor import Vendor


def try_out(vendor: Vendor) -> None:
    """Read one row, list tables, and see that the role may only read."""
    name = f"LIVE_{vendor.kind.upper()}"
    given = os.environ.get(name)
    if given is None:
        pytest.skip(f"{name} names no live account")
    known = json.loads(given)
    target = Target(
        config=fields.shown(vendor.config, known["config"]),
        secrets=known["secrets"],
        reach=Reach(),
        limit_seconds=60,
    )
    vendor.load().greet(target, reading.resolve(vendor, target))
    with contextlib.closing(reading.open_session(vendor, target)) as session:
        query = queries.require("SELECT 1 AS one", vendor.dialect)
        found = reading.preview(session, query, member_id="one", limit_seconds=30)
        assert [[int(value) for value in row] for row in found.rows] == [[1]]
        reading.schema(session, "", limit_seconds=30)
        assert list(session.powers()) == []
