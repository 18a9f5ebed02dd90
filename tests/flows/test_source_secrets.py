"""Secrets of sources: encrypted when they are written, never shown, and rotated."""

from __future__ import annotations

import dataclasses
import datetime

import pytest
from sqlalchemy import text

from gateway import errors
from gateway.core.health.finding import Level
from gateway.flows.access.reseal import Resealed
from gateway.flows.health import installation
from gateway.flows.sources import admin, catalog, reseal
from gateway.flows.sources import setup as setups
from gateway.flows.sources.setup import Setup
from gateway.settings import Settings
from gateway.store.db.engine import Pool
from gateway.store.sources import secrets
from gateway.vault import Vault
from tests.sources.sample_kind import DATABASE

NOW = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
HOUR = datetime.timedelta(hours=1)
OLD, NEW = "an old key of thirty-two characters", "a new key of thirty-two characters!"
SECRET = "a password of another system"


SETUP = Setup(kinds={"database": DATABASE}, vault=Vault([OLD]))
WANTED = admin.Wanted(
    slug="db", kind="database", config={"host": "a"}, secrets={"password": SECRET}
)


def entry(pool: Pool, setup: Setup = SETUP) -> catalog.Entry:
    return catalog.entry(pool, setup, "db", now=NOW)


def opened(pool: Pool, setup: Setup = SETUP) -> dict[str, str]:
    with pool.read() as conn:
        ids = [row.id for row in conn.execute(text("SELECT id FROM sources"))]
        return {
            one.name: setup.vault.open(one.ciphertext, setups.place(one.source_id, one.name))
            for one in secrets.of_sources(conn, ids)
        }


def test_secret__of_a_new_source__is_kept_encrypted_and_shown_by_its_time(pool: Pool) -> None:
    assert admin.make(pool, WANTED, SETUP, now=NOW) is None
    found = entry(pool)
    assert found.secrets == {"password": catalog.SecretSet(set_at=NOW), "key": None}
    assert found.config == {"host": "a", "role": None}
    assert found.last_error is None
    assert opened(pool) == {"password": SECRET}
    with pool.read() as conn:
        dumped = conn.execute(text("SELECT s::text || p::text FROM sources s, source_secrets p"))
        assert SECRET.encode().hex() not in dumped.scalar_one()
    assert SECRET not in repr(WANTED) + repr(admin.Changes(secrets={"password": SECRET}))


def test_secret__changed_or_forgotten__is_no_more_what_it_was(pool: Pool) -> None:
    admin.add(pool, WANTED, SETUP, now=NOW)
    changes = admin.Changes(secrets={"password": "another", "key": "k"})
    admin.change(pool, "db", changes, SETUP, now=NOW + HOUR)
    assert opened(pool) == {"password": "another", "key": "k"}
    assert entry(pool).secrets["password"] == catalog.SecretSet(set_at=NOW + HOUR)
    admin.change(pool, "db", admin.Changes(secrets={"key": None}), SETUP, now=NOW)
    assert opened(pool) == {"password": "another"}
    assert admin.remove(pool, "db", now=NOW) == 0
    with pool.read() as conn:
        assert conn.execute(text("SELECT count(*) FROM source_secrets")).scalar_one() == 0


def test_secret__without_a_key__is_refused_and_nothing_is_made(pool: Pool) -> None:
    bare = dataclasses.replace(SETUP, vault=Vault(()))
    with pytest.raises(errors.NoSecretKey):
        admin.add(pool, WANTED, bare, now=NOW)
    assert admin.listing(pool, now=NOW) == []
    admin.add(pool, dataclasses.replace(WANTED, secrets={}), bare, now=NOW)
    assert entry(pool, bare).secrets == {"password": None, "key": None}


def test_secret__whose_host_changes__must_come_again(pool: Pool) -> None:
    admin.add(pool, WANTED, SETUP, now=NOW)
    admin.change(pool, "db", admin.Changes(config={"role": "r", "host": "a"}), SETUP, now=NOW)
    moved = admin.Changes(config={"host": "b"})
    with pytest.raises(errors.SecretsNeeded, match="host") as caught:
        admin.change(pool, "db", moved, SETUP, now=NOW)
    assert [fault.path for fault in caught.value.faults] == ["secrets.password"]
    assert (caught.value.status, caught.value.code) == (422, "secrets_needed")
    assert entry(pool).config == {"host": "a", "role": "r"}
    again = dataclasses.replace(moved, secrets={"password": "b's"})
    admin.change(pool, "db", again, SETUP, now=NOW)
    assert (entry(pool).config["host"], opened(pool)) == ("b", {"password": "b's"})


def test_secret__whose_key_was_lost__is_the_last_error_of_its_source_alone(pool: Pool) -> None:
    admin.add(pool, WANTED, SETUP, now=NOW)
    admin.add(pool, dataclasses.replace(WANTED, slug="free", secrets={}), SETUP, now=NOW)
    lost = dataclasses.replace(SETUP, vault=Vault([NEW]))
    found = catalog.listing(pool, lost, kind="database", after="", limit=9, now=NOW).items
    troubles = {one.slug: one.last_error and one.last_error.code for one in found}
    assert troubles == {"db": "secret_unreadable", "free": None}
    admin.change(pool, "db", admin.Changes(secrets={"password": "anew"}), lost, now=NOW)
    assert entry(pool, lost).last_error is None


def test_rotate__with_a_new_key_before_the_old__encrypts_all_anew(pool: Pool) -> None:
    for number in range(5):
        admin.add(pool, dataclasses.replace(WANTED, slug=f"db{number}"), SETUP, now=NOW)
    both = dataclasses.replace(SETUP, vault=Vault([NEW, OLD]))
    admin.add(pool, dataclasses.replace(WANTED, slug="new"), both, now=NOW)
    assert reseal.reseal(pool, both, now=NOW, part=2) == Resealed(resealed=5, newest=1)
    assert reseal.reseal(pool, both, now=NOW, part=3) == Resealed(newest=6)
    only = dataclasses.replace(SETUP, vault=Vault([NEW]))
    assert opened(pool, only) == {"password": SECRET}


def test_rotate__without_the_old_key__leaves_what_it_cannot_read(pool: Pool) -> None:
    admin.add(pool, WANTED, SETUP, now=NOW)
    lost = dataclasses.replace(SETUP, vault=Vault([NEW]))
    assert reseal.reseal(pool, lost, now=NOW) == Resealed(unreadable=1)
    assert opened(pool) == {"password": SECRET}
    with pytest.raises(errors.NoSecretKey):
        reseal.reseal(pool, Setup(), now=NOW)


def test_reseal__of_a_secret_that_is_set_anew_meanwhile__leaves_the_new_one(pool: Pool) -> None:
    admin.add(pool, WANTED, SETUP, now=NOW)
    both = dataclasses.replace(SETUP, vault=Vault([NEW, OLD]))
    with pool.begin() as late:
        (seen,) = secrets.part(late, after=(0, ""), limit=1)
        admin.change(pool, "db", admin.Changes(secrets={"password": "anew"}), both, now=NOW)
        sealed = both.vault.seal(SECRET, setups.place(seen.source_id, seen.name))
        assert not secrets.reseal(late, seen, sealed)
    assert opened(pool, both) == {"password": "anew"}


def test_rotate__while_a_secret_is_set_anew__counts_it_as_newest(
    pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    admin.add(pool, WANTED, SETUP, now=NOW)
    both = dataclasses.replace(SETUP, vault=Vault([NEW, OLD]))
    changed = dataclasses.replace(reseal.SECRETS, put=lambda *_: False)
    monkeypatch.setattr(reseal, "SECRETS", changed)
    assert reseal.reseal(pool, both, now=NOW) == Resealed(newest=1)


def test_password__of_a_kind_without_one__is_not_rotated(pool: Pool) -> None:
    admin.add(pool, WANTED, SETUP, now=NOW)
    with pytest.raises(errors.Conflict, match="kind database"):
        admin.rotate(pool, "db", password="p", username=None, overlap=HOUR, now=NOW)


def test_kind__that_is_not_installed__makes_no_source(pool: Pool) -> None:
    kind = dataclasses.replace(DATABASE, package="no_such_package")
    setup = dataclasses.replace(SETUP, kinds={"database": kind})
    with pytest.raises(errors.Invalid, match="no_such_package"):
        admin.add(pool, WANTED, setup, now=NOW)


@pytest.mark.parametrize(
    ("keys", "level", "says"),
    [
        ((OLD,), Level.OK, "1 secrets are encrypted under the newest key"),
        ((NEW, OLD), Level.WARNING, "under an older key"),
        ((NEW,), Level.ERROR, "cannot be decrypted: db"),
        ((), Level.ERROR, "cannot be decrypted: db"),
    ],
)
def test_check__of_secrets__tells_by_which_keys_they_can_be_read(
    pool: Pool, keys: tuple[str, ...], level: Level, says: str
) -> None:
    admin.add(pool, WANTED, SETUP, now=NOW)
    found = installation.installation(pool, Settings(secret_key=",".join(keys) or None), now=NOW)
    assert [one.level for one in found if says in one.text] == [level]


@pytest.mark.parametrize("keys", [(), (NEW,)])
def test_check__without_secrets__says_whether_one_could_be_kept(
    pool: Pool, keys: tuple[str, ...]
) -> None:
    found = installation.installation(pool, Settings(secret_key=",".join(keys) or None), now=NOW)
    assert any("no key for secrets" in one.text for one in found) == (not keys)
