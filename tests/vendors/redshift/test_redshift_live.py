"""Redshift itself, where the environment names an account."""

from __future__ import annotations

from gateway.sources.sql.redshift import settings
from tests.vendors import live


def test_account__that_is_live__is_read_and_no_more() -> None:
    live.try_out(settings.VENDOR)
