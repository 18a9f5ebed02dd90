"""Sessions of the console, from the key that opens one to each of their ends."""

from __future__ import annotations

import datetime
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import pytest

from gateway import errors
from gateway.core.access import secrets
from gateway.core.access.actor import Actor, Via
from gateway.core.access.scopes import Scope
from gateway.flows.access import keys, sign_in
from gateway.store.access import api_keys
from gateway.store.db import audit
from gateway.store.db.engine import Pool

NOW: Final = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
HOUR: Final = datetime.timedelta(hours=1)
SECOND: Final = datetime.timedelta(seconds=1)


def make(pool: Pool, *scopes: Scope, ends_at: datetime.datetime | None = None) -> str:
    wanted = keys.Wanted(name="crm", scopes=scopes or (Scope.READ,), expires_at=ends_at)
    return keys.create(pool, wanted, now=NOW).key


def is_open(pool: Pool, session_id: str | None, at: datetime.datetime) -> bool:
    try:
        sign_in.visitor(pool, session_id, now=at)
    except errors.Unauthenticated:
        return False
    return True


def log(pool: Pool) -> list[tuple[str | None, str]]:
    with pool.read() as conn:
        entries = audit.listing(conn, before=2**63 - 1, limit=100)
    return [(one.by, one.action) for one in entries if one.action.startswith("session.")]


def test_sign_in__with_a_key__opens_what_its_scopes_allow(pool: Pool) -> None:
    session_id = sign_in.sign_in(pool, make(pool, Scope.WRITE), now=NOW)
    found = sign_in.visitor(pool, session_id, now=NOW)
    assert found.actor == Actor(via=Via.CONSOLE, name="crm")
    assert (found.may(Scope.READ), found.may(Scope.WRITE), found.may(Scope.ADMIN)) == (
        True,
        True,
        False,
    )
    found.require(Scope.WRITE)
    with pytest.raises(errors.Forbidden, match="admin"):
        found.require(Scope.ADMIN)


def test_sign_in__with_what_is_no_valid_key__is_refused_and_noted(pool: Pool) -> None:
    key = make(pool, ends_at=NOW + HOUR)
    for sent, at in (("", NOW), ("cg_unknown", NOW), (key, NOW + HOUR)):
        with pytest.raises(errors.Unauthenticated):
            sign_in.sign_in(pool, sent, now=at)
    assert log(pool) == [("crm", "session.refused"), *[(None, "session.refused")] * 2]


def test_sign_in__with_a_key_without_scopes__is_refused(pool: Pool) -> None:
    key = make(pool)
    with pool.begin() as conn:
        api_keys.create(conn, name="none", key_hash=secrets.hash_key(key), scopes=[], now=NOW)
    with pytest.raises(errors.Forbidden, match="read"):
        sign_in.sign_in(pool, key, now=NOW)


def test_sign_in__refused_again_and_again__is_noted_ten_times_a_minute(pool: Pool) -> None:
    for at in (NOW, NOW + datetime.timedelta(minutes=2)):
        for _ in range(15):
            with pytest.raises(errors.Unauthenticated):
                sign_in.sign_in(pool, "wrong", now=at)
    assert len(log(pool)) == 2 * sign_in.REFUSALS


@pytest.mark.parametrize("session_id", [None, "", "made-up"])
def test_visitor__without_a_session__is_none(pool: Pool, session_id: str | None) -> None:
    assert not is_open(pool, session_id, NOW)


def test_session__not_used_for_an_hour__ends(pool: Pool) -> None:
    session_id = sign_in.sign_in(pool, make(pool), now=NOW)
    assert is_open(pool, session_id, NOW + HOUR - SECOND)
    assert is_open(pool, session_id, NOW + 2 * HOUR - 2 * SECOND)
    assert not is_open(pool, session_id, NOW + 3 * HOUR)


def test_session__used_all_the_time__ends_after_twelve_hours(pool: Pool) -> None:
    session_id, half = sign_in.sign_in(pool, make(pool), now=NOW), HOUR / 2
    assert all(is_open(pool, session_id, NOW + step * half) for step in range(24))
    assert not is_open(pool, session_id, NOW + 12 * HOUR)


def test_session__of_a_key_that_is_revoked__ends_with_it(pool: Pool) -> None:
    session_id = sign_in.sign_in(pool, make(pool), now=NOW)
    keys.revoke(pool, "crm", now=NOW)
    assert not is_open(pool, session_id, NOW)


def test_session__of_a_key_that_expires__ends_with_it(pool: Pool) -> None:
    session_id = sign_in.sign_in(pool, make(pool, ends_at=NOW + HOUR / 2), now=NOW)
    assert is_open(pool, session_id, NOW + HOUR / 2 - SECOND)
    assert not is_open(pool, session_id, NOW + HOUR / 2)


def test_sign_out__of_one_session__leaves_the_others_and_is_noted_once(pool: Pool) -> None:
    key = make(pool)
    one, other = (sign_in.sign_in(pool, key, now=NOW) for _ in range(2))
    found = sign_in.visitor(pool, one, now=NOW)
    for _ in range(2):
        sign_in.sign_out(pool, one, found, now=NOW)
    assert not is_open(pool, one, NOW)
    assert is_open(pool, other, NOW)
    assert log(pool) == [("crm", "session.closed"), *[("crm", "session.opened")] * 2]


def test_sign_out__at_once_with_itself__ends_the_session_once(pool: Pool) -> None:
    session_id = sign_in.sign_in(pool, make(pool), now=NOW)
    found = sign_in.visitor(pool, session_id, now=NOW)
    with ThreadPoolExecutor(4) as threads:
        ends = [
            threads.submit(sign_in.sign_out, pool, session_id, found, now=NOW) for _ in range(4)
        ]
        for one in ends:
            one.result()
    assert log(pool).count(("crm", "session.closed")) == 1


def test_sign_in__later__forgets_sessions_that_have_ended(pool: Pool) -> None:
    key = make(pool)
    ended = sign_in.sign_in(pool, key, now=NOW)
    sign_in.sign_in(pool, key, now=NOW + 2 * HOUR)
    assert not is_open(pool, ended, NOW)
