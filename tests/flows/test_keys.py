"""API keys from their making to their end."""

from __future__ import annotations

import datetime

import pytest

from gateway import errors
from gateway.core.scopes import Scope
from gateway.flows import keys
from gateway.flows.access import KeyRing
from gateway.store.engine import Pool

NOW = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)


def opens(pool: Pool, key: str, scope: Scope) -> bool:
    try:
        KeyRing(pool).require(key, scope)
    except (errors.Unauthenticated, errors.Forbidden):
        return False
    return True


def test_create__a_key__opens_its_scope_and_no_other(pool: Pool) -> None:
    key = keys.create(pool, "crm", [Scope.READ], now=NOW)
    assert opens(pool, key, Scope.READ)
    assert not opens(pool, key, Scope.WRITE)
    (found,) = keys.listing(pool)
    assert (found.name, found.scopes, found.revoked_at) == ("crm", ("read",), None)
    assert key.encode() not in found.hash


def test_create__a_name_in_use__is_refused_until_it_is_revoked(pool: Pool) -> None:
    first = keys.create(pool, "crm", [Scope.READ], now=NOW)
    with pytest.raises(errors.Conflict, match="'crm' already"):
        keys.create(pool, "crm", [Scope.ADMIN], now=NOW)
    keys.revoke(pool, "crm", now=NOW)
    second = keys.create(pool, "crm", [Scope.ADMIN], now=NOW)
    assert (opens(pool, first, Scope.READ), opens(pool, second, Scope.ADMIN)) == (False, True)


@pytest.mark.parametrize("name", ["", " ", "a\nb", "x" * 65, "12", "environment", "\ud800"])
def test_create__a_name_that_misleads__is_refused(pool: Pool, name: str) -> None:
    with pytest.raises(errors.Malformed, match="name"):
        keys.create(pool, name, [Scope.READ], now=NOW)
    assert keys.listing(pool) == []


@pytest.mark.parametrize("by", ["id", "name"])
def test_revoke__by_id_or_name__ends_that_key_alone(pool: Pool, by: str) -> None:
    key = keys.create(pool, "crm", [Scope.READ], now=NOW)
    other = keys.create(pool, "web", [Scope.READ], now=NOW)
    which = str(keys.listing(pool)[0].id) if by == "id" else "crm"
    assert [one.name for one in keys.revoke(pool, which, now=NOW)] == ["crm"]
    assert (opens(pool, key, Scope.READ), opens(pool, other, Scope.READ)) == (False, True)
    with pytest.raises(errors.Conflict, match="revoked already"):
        keys.revoke(pool, which, now=NOW)


def test_revoke__nobodys_key__is_told_so(pool: Pool) -> None:
    with pytest.raises(errors.NotFound, match="'crm'"):
        keys.revoke(pool, "crm", now=NOW)
