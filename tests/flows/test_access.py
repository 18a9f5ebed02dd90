"""Keys: looked up, and believed for a moment."""

from __future__ import annotations

import pytest

from gateway import errors
from gateway.core.access import secrets
from gateway.core.access.scopes import Scope
from gateway.flows.access.key_ring import KeyRing
from gateway.store.access import api_keys
from gateway.store.db.engine import Pool
from tests.model.desk import START, Clock


def keep(pool: Pool, key: str, *scopes: Scope) -> None:
    with pool.begin() as conn:
        api_keys.create(
            conn, name=key, key_hash=secrets.hash_key(key), scopes=list(scopes), now=START
        )


def revoke(pool: Pool, key: str) -> None:
    with pool.begin() as conn:
        (found,) = [one for one in api_keys.listing(conn) if one.name == key]
        assert api_keys.revoke(conn, found.id, now=START)
        assert not api_keys.revoke(conn, found.id, now=START)


def test_key__revoked__is_believed_for_a_second_at_most(pool: Pool) -> None:
    clock = Clock()
    ring = KeyRing(pool, clock=lambda: clock().timestamp())
    keep(pool, "k", Scope.READ)
    ring.require("k", Scope.READ)
    revoke(pool, "k")
    clock.tick(0.9)
    ring.require("k", Scope.READ)
    clock.tick(0.2)
    with pytest.raises(errors.Unauthenticated):
        ring.require("k", Scope.READ)


def test_key__that_was_wrong__is_looked_up_again(pool: Pool) -> None:
    ring = KeyRing(pool)
    with pytest.raises(errors.Unauthenticated):
        ring.require("k", Scope.READ)
    keep(pool, "k", Scope.READ)
    ring.require("k", Scope.READ)


def test_key__with_a_lesser_scope__is_forbidden(pool: Pool) -> None:
    ring = KeyRing(pool)
    keep(pool, "k", Scope.WRITE)
    ring.require("k", Scope.READ)
    ring.require("k", Scope.WRITE)
    with pytest.raises(errors.Forbidden):
        ring.require("k", Scope.ADMIN)


def test_key__without_any__is_unauthenticated(pool: Pool) -> None:
    with pytest.raises(errors.Unauthenticated):
        KeyRing(pool).require(None, Scope.READ)


def test_key__looked_up_in_vain__is_unavailable_even_if_known_before() -> None:
    ring = KeyRing(Pool("postgresql+psycopg2://x@127.0.0.1:1/x", name="t", size=1, limit_seconds=1))
    with pytest.raises(errors.Unavailable):
        ring.require("k", Scope.READ)


def test_keys__more_than_are_remembered__are_all_let_in(pool: Pool) -> None:
    ring = KeyRing(pool, remembered=2)
    for key in "abc":
        keep(pool, key, Scope.READ)
        ring.require(key, Scope.READ)
    for key in "abc":
        ring.require(key, Scope.READ)


def test_key__kept_again__is_valid_again_with_its_new_scopes(pool: Pool) -> None:
    keep(pool, "k", Scope.ADMIN)
    revoke(pool, "k")
    keep(pool, "k", Scope.READ)
    ring = KeyRing(pool)
    ring.require("k", Scope.READ)
    with pytest.raises(errors.Forbidden):
        ring.require("k", Scope.ADMIN)
    with pool.begin() as conn:
        assert api_keys.revoke_others(conn, name="k", key_hash=b"other", now=START) == 1
