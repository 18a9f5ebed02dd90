"""API keys from their making to their end."""

from __future__ import annotations

import dataclasses
import datetime
from concurrent.futures import ThreadPoolExecutor

import pytest

from gateway import errors
from gateway.core.access.scopes import Scope
from gateway.flows.access import keys
from gateway.flows.access.key_ring import KeyRing
from gateway.store.access import api_keys
from gateway.store.db.engine import Pool
from tests.model import traffic
from tests.model.desk import Clock

NOW = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)


def opens(pool: Pool, key: str, scope: Scope) -> bool:
    try:
        KeyRing(pool).require(key, scope)
    except (errors.Unauthenticated, errors.Forbidden):
        return False
    return True


def make(pool: Pool, name: str, scopes: list[Scope], *, replace: bool = False) -> str:
    wanted = keys.Wanted(name=name, scopes=scopes, replace=replace)
    return keys.create(pool, wanted, now=NOW).key


def test_create__a_key__opens_its_scope_and_no_other(pool: Pool) -> None:
    key = make(pool, "crm", [Scope.READ])
    assert opens(pool, key, Scope.READ)
    assert not opens(pool, key, Scope.WRITE)
    (found,) = keys.listing(pool)
    assert (found.name, found.scopes, found.revoked_at) == ("crm", ("read",), None)
    assert key.encode() not in found.hash


def test_create__a_name_in_use__is_refused_until_it_is_revoked(pool: Pool) -> None:
    first = make(pool, "crm", [Scope.READ])
    with pytest.raises(errors.Conflict, match="'crm' already"):
        make(pool, "crm", [Scope.ADMIN])
    keys.revoke(pool, "crm", now=NOW)
    second = make(pool, "crm", [Scope.ADMIN])
    assert (opens(pool, first, Scope.READ), opens(pool, second, Scope.ADMIN)) == (False, True)


@pytest.mark.parametrize("name", ["", " ", "a\nb", "x" * 65, "12", "environment", "\ud800"])
def test_create__a_name_that_misleads__is_refused(pool: Pool, name: str) -> None:
    with pytest.raises(errors.Malformed, match="name"):
        make(pool, name, [Scope.READ])
    assert keys.listing(pool) == []


@pytest.mark.parametrize(
    ("scopes", "source"),
    [
        ([Scope.READ], "people"),
        ([Scope.INGEST, Scope.READ], "people"),
        ([Scope.INGEST], "No Slug"),
        ([Scope.INGEST], ""),
    ],
)
def test_create__a_key_of_a_source__needs_a_slug_and_ingest_alone(
    pool: Pool, scopes: list[Scope], source: str
) -> None:
    wanted = keys.Wanted(name="web", scopes=scopes, source=source)
    with pytest.raises(errors.Malformed, match="source"):
        keys.create(pool, wanted, now=NOW)
    assert keys.listing(pool) == []


def test_create__a_key_of_a_source__keeps_the_source(pool: Pool) -> None:
    keys.create(pool, keys.Wanted(name="web", scopes=[Scope.INGEST], source="people"), now=NOW)
    assert [one.source for one in keys.listing(pool)] == ["people"]


@pytest.mark.parametrize("by", ["id", "name"])
def test_revoke__by_id_or_name__ends_that_key_alone(pool: Pool, by: str) -> None:
    key = make(pool, "crm", [Scope.READ])
    other = make(pool, "web", [Scope.READ])
    which = str(keys.listing(pool)[0].id) if by == "id" else "crm"
    assert [one.name for one in keys.revoke(pool, which, now=NOW)] == ["crm"]
    assert (opens(pool, key, Scope.READ), opens(pool, other, Scope.READ)) == (False, True)
    with pytest.raises(errors.Conflict, match="revoked already"):
        keys.revoke(pool, which, now=NOW)


def test_revoke__nobodys_key__is_told_so(pool: Pool) -> None:
    with pytest.raises(errors.NotFound, match="'crm'"):
        keys.revoke(pool, "crm", now=NOW)


def test_create__a_key_that_replaces__ends_the_older_one_of_its_name(pool: Pool) -> None:
    old, other = make(pool, "crm", [Scope.READ]), make(pool, "web", [Scope.READ])
    wanted = keys.Wanted(name="crm", scopes=[Scope.READ], replace=True)
    made = keys.create(pool, wanted, now=NOW)
    assert [one.name for one in made.replaced] == ["crm"]
    assert [opens(pool, key, Scope.READ) for key in (old, made.key, other)] == [False, True, True]


def test_create__by_two_at_once__leaves_one_valid_key(pool: Pool) -> None:
    for replace, outcome in ((False, errors.Conflict), (True, None)):
        with ThreadPoolExecutor(1) as crew:
            with pool.begin() as conn:
                api_keys.lock(conn)
                api_keys.create(conn, name=f"{replace}", key_hash=bytes(32), scopes=[], now=NOW)
                second = crew.submit(make, pool, f"{replace}", [Scope.READ], replace=replace)
                traffic.await_waiting(pool)
            assert isinstance(second.exception(), outcome) if outcome else second.result()
        valid = [one for one in keys.listing(pool) if one.is_valid(NOW)]
        assert [one.name for one in valid] == [f"{replace}"]


def test_key__that_expires__opens_until_then_and_not_a_moment_longer(pool: Pool) -> None:
    clock = Clock()
    end = clock() + datetime.timedelta(seconds=10)
    wanted = keys.Wanted(name="crm", scopes=[Scope.READ], expires_at=end)
    key = keys.create(pool, wanted, now=clock()).key
    ring = KeyRing(pool, clock=lambda: clock().timestamp(), now=clock)
    for seconds in (0.0, 9.5, 0.4):
        clock.tick(seconds)
        ring.require(key, Scope.READ)
    clock.tick(0.1)
    with pytest.raises(errors.Unauthenticated, match="expired"):
        ring.require(key, Scope.READ)
    again = keys.create(pool, keys.Wanted(name="crm", scopes=[Scope.READ]), now=end)
    assert again.replaced == []
    with pytest.raises(errors.Malformed, match="future"):
        keys.create(pool, dataclasses.replace(wanted, name="late"), now=end)
