"""The first source and the first key, at the first start and at every later one."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from sqlalchemy import text

from gateway.core.access.secrets import Verifier, hash_key
from gateway.flows.health.bootstrap import bootstrap
from gateway.settings import Settings
from gateway.store.access import api_keys
from gateway.store.sources import sources
from tests.model.desk import START

if TYPE_CHECKING:
    from gateway.store.db.engine import Pool
    from gateway.store.sources.sources import Source

PASSWORD, KEY = "a-password", "k" * 24


def start(pool: Pool, **environ: str) -> list[str]:
    return bootstrap(pool, Settings.from_environ(environ), now=START)


def default_source(pool: Pool) -> Source:
    with pool.read() as conn:
        found = sources.find(conn, "default", now=START)
    assert found is not None
    return found


def opens(pool: Pool, username: str, password: str) -> bool:
    verifier = Verifier()
    return any(
        one.username == username and verifier.verify(password.encode(), one.password)
        for one in default_source(pool).credentials
    )


def valid_keys(pool: Pool) -> list[bytes]:
    with pool.read() as conn:
        return [bytes(found) for found in conn.execute(_KEYS).scalars()]


def test_bootstrap__nothing_given__makes_a_source_that_nobody_can_use(pool: Pool) -> None:
    source, credentials, key, *others = start(pool)
    assert source == "source default: made"
    assert credentials.endswith("PASSWORD is not set: there are none, and no page is taken")
    assert key.endswith("GATEWAY_API_KEY is not set: there is none, so nothing can be asked")
    assert others == ["source lists: made", "source people: made"]
    made = default_source(pool)
    assert made.config.auth_required
    assert made.credentials == ()
    assert valid_keys(pool) == []


def test_bootstrap__password_given__opens_the_source(pool: Pool) -> None:
    done = start(pool, GATEWAY_WEBHOOK_PASSWORD=PASSWORD)
    assert done[1] == "credentials of default: set from the environment"
    assert PASSWORD not in "".join(done)
    assert opens(pool, "mixpanel", PASSWORD)


def test_bootstrap__other_credentials_at_the_next_start__replace_the_kept_ones(pool: Pool) -> None:
    start(pool, GATEWAY_WEBHOOK_PASSWORD=PASSWORD)
    source_id = default_source(pool).id
    start(pool, GATEWAY_WEBHOOK_USERNAME="other", GATEWAY_WEBHOOK_PASSWORD="another-one")
    assert default_source(pool).id == source_id
    assert opens(pool, "other", "another-one")
    assert not opens(pool, "mixpanel", PASSWORD)


def test_bootstrap__no_credentials_at_the_next_start__keeps_them(pool: Pool) -> None:
    start(pool, GATEWAY_WEBHOOK_PASSWORD=PASSWORD, GATEWAY_API_KEY=KEY)
    assert start(pool) == [
        "source default: there already",
        "credentials of default: GATEWAY_WEBHOOK_PASSWORD is not set: the kept ones stay",
        "api key: GATEWAY_API_KEY is not set: 1 kept ones stay",
        "source lists: there already",
        "source people: there already",
    ]
    assert opens(pool, "mixpanel", PASSWORD)
    assert valid_keys(pool) == [hash_key(KEY)]


def test_bootstrap__another_key__replaces_the_kept_one_but_no_others(pool: Pool) -> None:
    start(pool, GATEWAY_API_KEY=KEY)
    with pool.begin() as conn:
        api_keys.create(conn, name="mine", key_hash=hash_key("mine"), scopes=(), now=START)
    assert start(pool, GATEWAY_API_KEY="other-" + KEY)[2] == "api key: set from the environment"
    assert set(valid_keys(pool)) == {hash_key("mine"), hash_key("other-" + KEY)}
    again = start(pool, GATEWAY_API_KEY="other-" + KEY)
    assert again[2] == "api key: that of the environment is there already"
    assert len(valid_keys(pool)) == 2


def test_bootstrap__the_same_credentials_again__says_that_they_are_there(pool: Pool) -> None:
    start(pool, GATEWAY_WEBHOOK_PASSWORD=PASSWORD)
    assert start(pool, GATEWAY_WEBHOOK_PASSWORD=PASSWORD)[:2] == [
        "source default: there already",
        "credentials of default: those of the environment are there already",
    ]


def test_bootstrap__two_starts_at_once__make_one_source(pool: Pool) -> None:
    with ThreadPoolExecutor(2) as crew:
        starts = [
            crew.submit(start, pool, GATEWAY_WEBHOOK_PASSWORD=PASSWORD, GATEWAY_API_KEY=KEY)
            for _ in range(2)
        ]
        assert [len(one.result()) for one in starts] == [5, 5]
    assert opens(pool, "mixpanel", PASSWORD)
    assert valid_keys(pool) == [hash_key(KEY)]


_KEYS = text("SELECT hash FROM api_keys WHERE revoked_at IS NULL")
