"""Secrets of destinations under several keys, and out of what vendors write."""

from __future__ import annotations

import base64
import datetime

from gateway.flows.access.reseal import Resealed
from gateway.flows.syncs import destinations, reseal
from gateway.flows.syncs import setup as setups
from gateway.flows.syncs.setup import Setup
from gateway.store.db.engine import Pool
from gateway.store.syncs import destinations as kept
from gateway.store.syncs import secrets
from gateway.vault import Vault
from tests.destinations.silent import Silent

NOW = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
OLD, NEW = "o" * 32, "n" * 32
SECRET = "whsec_" + base64.b64encode(b"s" * 32).decode()


def setup(*keys: str) -> Setup:
    return Setup(vault=Vault(keys), client=Silent())


def add(pool: Pool, slug: str, *keys: str) -> None:
    wanted = destinations.Wanted(
        slug=slug,
        kind="webhook",
        config={"url": "https://example.com"},
        secrets={"secret": SECRET},
    )
    destinations.add(pool, wanted, setup(*keys), now=NOW)


def test_reseal__of_secrets_under_several_keys__leaves_the_newest_and_the_lost(pool: Pool) -> None:
    for slug, key in (("a", OLD), ("b", NEW), ("c", OLD), ("d", "x" * 32)):
        add(pool, slug, key)
    both = setup(NEW, OLD)
    assert reseal.reseal(pool, both, now=NOW, part=2) == Resealed(
        resealed=2, newest=1, unreadable=1
    )
    assert reseal.reseal(pool, both, now=NOW) == Resealed(newest=3, unreadable=1)


def test_reseal__of_a_secret_that_is_set_anew_meanwhile__leaves_the_new_one(pool: Pool) -> None:
    add(pool, "a", OLD)
    with pool.begin() as conn:
        (seen,) = secrets.part(conn, after=(0, ""), limit=9)
    destinations.change(
        pool, "a", destinations.Changes(secrets={"secret": SECRET}), setup(NEW), now=NOW
    )
    with pool.begin() as conn:
        assert not secrets.reseal(conn, seen, b"late")


def test_account__of_a_destination__has_its_config_whole_and_its_secrets_open(pool: Pool) -> None:
    add(pool, "a", NEW)
    with pool.read() as conn:
        (found,) = kept.listing(conn, slug="a")
        sealed = secrets.of_destinations(conn, [found.id])
    account = setup(NEW).account(found, sealed)
    assert (account.config["batch"], account.secrets) == (1, {"secret": SECRET})
    assert SECRET not in repr(account)


def test_words_of_a_vendor__that_repeat_a_secret__are_shown_without_it() -> None:
    assert setups.hide("bad key abc!", {"key": "abc", "none": ""}) == "bad key [key]!"
