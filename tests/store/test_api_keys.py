"""API keys as they are kept."""

from __future__ import annotations

import datetime
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from gateway.core.access.scopes import Scope
from gateway.store.access import api_keys
from tests.model import traffic

if TYPE_CHECKING:
    from gateway.store.db.engine import Pool

NOW = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
HASH = b"h" * 32


def create(pool: Pool, name: str) -> None:
    with pool.begin() as conn:
        api_keys.create(conn, name=name, key_hash=HASH, scopes=[Scope.READ], now=NOW)


def test_create__of_one_key_by_two_at_once__keeps_one(pool: Pool) -> None:
    with ThreadPoolExecutor(1) as crew:
        with pool.begin() as conn:
            api_keys.create(conn, name="first", key_hash=HASH, scopes=[Scope.ADMIN], now=NOW)
            second = crew.submit(create, pool, "second")
            traffic.await_waiting(pool)
        second.result()
    with pool.read() as conn:
        (kept,) = api_keys.listing(conn)
    assert (kept.name, kept.scopes, kept.revoked_at) == ("second", ("read",), None)


def test_revoke__by_two_at_once__is_done_once(pool: Pool) -> None:
    create(pool, "key")
    with pool.read() as conn:
        (kept,) = api_keys.listing(conn)

    def revoke() -> bool:
        with pool.begin() as conn:
            return api_keys.revoke(conn, kept.id, now=NOW)

    with ThreadPoolExecutor(1) as crew:
        with pool.begin() as conn:
            assert api_keys.revoke(conn, kept.id, now=NOW)
            second = crew.submit(revoke)
            traffic.await_waiting(pool)
        assert second.result() is False
    with pool.read() as conn:
        assert api_keys.find(conn, HASH) is None
