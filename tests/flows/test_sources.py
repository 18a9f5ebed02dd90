"""Sources from their first password to their removal."""

from __future__ import annotations

import concurrent.futures
import datetime
import threading
from typing import Any

import pytest
from sqlalchemy import text

from gateway import errors
from gateway.core.access import defaults
from gateway.core.access.secrets import Verifier
from gateway.flows.cohorts import lookup
from gateway.flows.cohorts.read_routing import ReadRouter
from gateway.flows.health import bootstrap
from gateway.flows.sources import admin
from gateway.settings import Settings
from gateway.store.cohorts import cohorts
from gateway.store.db.engine import Pool
from gateway.store.sources import credentials
from gateway.store.sources import sources as rows

NOW = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
DAY = datetime.timedelta(days=1)
HOUR = datetime.timedelta(hours=1)


def wanted(**changes: object) -> admin.Wanted:
    fields: dict[str, object] = {
        "slug": "shop",
        "login": admin.Login(username="mixpanel", password="first"),
    }
    return admin.Wanted(**{**fields, **changes})  # type: ignore[arg-type]


def opened_by(pool: Pool, slug: str, *, at: datetime.datetime) -> set[str]:
    """Return which of the passwords of these tests open a source at a moment."""
    with pool.read() as conn:
        found = rows.find(conn, slug, now=at)
    assert found is not None
    verifier = Verifier()
    return {
        password
        for password in ("first", "second", "third")
        for credential in found.credentials
        if verifier.verify(password.encode(), credential.password)
    }


def config(identity: str | None, *project_ids: str) -> dict[str, object]:
    return {"identity_property": identity, "project_ids": list(project_ids)}


def kept(pool: Pool) -> tuple[object, object]:
    """Identity property and projects of the one source."""
    (found,) = admin.listing(pool, now=NOW)
    return found.config["identity_property"], found.config["project_ids"]


def rotate(pool: Pool, password: str, *, overlap: datetime.timedelta = DAY) -> admin.Login:
    return admin.rotate(
        pool, "shop", password=password, username=None, overlap=overlap, now=NOW + HOUR
    )


def make_cohort(pool: Pool, slug: str, external_id: str) -> int:
    with pool.begin() as conn:
        found = rows.find(conn, slug, now=NOW)
        assert found is not None
        cohorts.create(
            conn,
            found.id,
            project_id="1",
            external_id=external_id,
            name="n",
            description=None,
            now=NOW,
        )
    (made,) = lookup.cohorts(
        ReadRouter(pool),
        lookup.Filter(source=slug, external_id=external_id),
        after=0,
        limit=2,
        now=NOW,
    ).items
    return made.id


def test_add__a_new_slug__is_listed_with_its_login_and_pins(pool: Pool) -> None:
    admin.add(pool, wanted(config=config("email", "1", "2")), now=NOW)
    (found,) = admin.listing(pool, now=NOW)
    assert (found.slug, kept(pool)) == ("shop", ("email", ["1", "2"]))
    assert (found.usernames, found.credentials_end_at) == (("mixpanel",), (None,))
    assert (found.paused_at, found.cohorts, found.config["auth_required"]) == (None, 0, True)
    assert opened_by(pool, "shop", at=NOW) == {"first"}


def test_add__without_a_login__asks_nobody_for_one(pool: Pool) -> None:
    admin.add(pool, wanted(login=None), now=NOW)
    (found,) = admin.listing(pool, now=NOW)
    assert (found.config["auth_required"], found.usernames) == (False, ())


def test_add__a_taken_slug__is_refused_and_changes_nothing(pool: Pool) -> None:
    admin.add(pool, wanted(), now=NOW)
    with pytest.raises(errors.Conflict, match="'shop' already"):
        admin.add(pool, wanted(config=config(None, "9")), now=NOW)
    (found,) = admin.listing(pool, now=NOW)
    assert (found.config["project_ids"], found.usernames) == ([], ("mixpanel",))


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"slug": "Shop"}, "slug"),
        ({"login": admin.Login(username="a:b", password="x")}, "colon"),
        ({"login": admin.Login(username="a", password="")}, "password"),
        ({"config": config(" ")}, "config.identity_property"),
        ({"config": config(None, "1", "\x00")}, "config.project_ids.1"),
        ({"config": {"host": "x"}}, "config.host"),
        ({"secrets": {"password": "x"}}, "secrets.password"),
        ({"kind": "fax"}, "kind"),
    ],
)
def test_add__what_cannot_work__is_refused_by_name(
    pool: Pool, changes: dict[str, object], word: str
) -> None:
    with pytest.raises((errors.Malformed, errors.Invalid), match=word):
        admin.add(pool, wanted(**changes), now=NOW)
    assert admin.listing(pool, now=NOW) == []


def test_pause__and_resume__as_often_as_asked__succeed(pool: Pool) -> None:
    admin.add(pool, wanted(), now=NOW)
    admin.resume(pool, "shop", now=NOW)
    admin.pause(pool, "shop", now=NOW)
    admin.pause(pool, "shop", now=NOW + HOUR)
    assert admin.listing(pool, now=NOW)[0].paused_at == NOW
    admin.resume(pool, "shop", now=NOW)
    admin.resume(pool, "shop", now=NOW)
    assert admin.listing(pool, now=NOW)[0].paused_at is None


@pytest.mark.parametrize("act", [admin.pause, admin.resume])
def test_pause__and_resume__of_an_unknown_source__are_not_found(pool: Pool, act: Any) -> None:  # noqa: ANN401 - either
    with pytest.raises(errors.NotFound, match="no source"):
        act(pool, "shop", now=NOW)


def test_change__of_a_source__changes_what_is_named_and_nothing_else(pool: Pool) -> None:
    admin.add(pool, wanted(config=config("email", "1")), now=NOW)
    for change, becomes in (
        ({"project_ids": ["2", 3]}, ("email", ["2", "3"])),
        ({"identity_property": "user_id"}, ("user_id", ["2", "3"])),
        ({"identity_property": None, "project_ids": []}, (None, [])),
    ):
        admin.change(pool, "shop", admin.Changes(config=change), now=NOW)
        assert kept(pool) == becomes


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        (admin.Changes(config={"identity_property": " "}), "config.identity_property"),
        (admin.Changes(config={"project_ids": ["1", ""]}), "config.project_ids.1"),
    ],
)
def test_change__to_what_cannot_work__is_refused_by_name(
    pool: Pool, changes: admin.Changes, word: str
) -> None:
    admin.add(pool, wanted(), now=NOW)
    with pytest.raises(errors.Invalid, match=word):
        admin.change(pool, "shop", changes, now=NOW)


def test_config__written_by_a_process_of_the_version_before__counts_and_is_kept(
    pool: Pool,
) -> None:
    admin.add(pool, wanted(config=config("email", "1")), now=NOW)
    with pool.begin() as conn:
        conn.execute(text("UPDATE sources SET project_ids = '{2}'"))
        conn.execute(text("INSERT INTO sources (slug, created_at) VALUES ('old', now())"))
    made, changed = admin.listing(pool, now=NOW)
    assert (made.kind, made.config) == ("mixpanel", config(None) | {"auth_required": True})
    assert changed.config == config("email", "2") | {"auth_required": True}
    admin.change(pool, "shop", admin.Changes(config={"identity_property": "id"}), now=NOW)
    with pool.read() as conn:
        row = conn.execute(text("SELECT * FROM sources WHERE slug = 'shop'")).one()
    assert (row.identity_property, row.project_ids, row.auth_required) == ("id", ["2"], True)
    assert row.config == config("id", "2") | {"auth_required": True}


def test_change__of_two_parts_at_once__keeps_both(pool: Pool) -> None:
    admin.add(pool, wanted(config=config("email", "1")), now=NOW)
    with pool.begin() as first, concurrent.futures.ThreadPoolExecutor(1) as other:
        locked = rows.lock(first, "shop")
        assert locked is not None
        later = admin.Changes(config={"project_ids": ["2"]})
        waiting = other.submit(admin.change, pool, "shop", later, now=NOW)
        rows.configure(first, "shop", {**locked.config, "identity_property": "id"})
        first.commit()
        waiting.result(30)
    assert kept(pool) == ("id", ["2"])


def test_change__of_an_unknown_source__is_not_found(pool: Pool) -> None:
    with pytest.raises(errors.NotFound, match="no source"):
        admin.change(pool, "shop", admin.Changes(config={"project_ids": []}), now=NOW)


def test_rotate__with_an_overlap__leaves_both_passwords_valid_until_its_end(pool: Pool) -> None:
    admin.add(pool, wanted(), now=NOW)
    assert rotate(pool, "second").username == "mixpanel"
    assert opened_by(pool, "shop", at=NOW + HOUR) == {"first", "second"}
    assert opened_by(pool, "shop", at=NOW + DAY) == {"first", "second"}
    assert opened_by(pool, "shop", at=NOW + DAY + HOUR) == {"second"}


def test_rotate__without_an_overlap__ends_every_other_password_at_once(pool: Pool) -> None:
    admin.add(pool, wanted(), now=NOW)
    rotate(pool, "second")
    rotate(pool, "third", overlap=datetime.timedelta(0))
    assert opened_by(pool, "shop", at=NOW + HOUR) == {"third"}


def test_rotate__a_second_time__never_makes_an_old_password_live_longer(pool: Pool) -> None:
    admin.add(pool, wanted(), now=NOW)
    rotate(pool, "second", overlap=HOUR)
    rotate(pool, "third", overlap=DAY)
    assert opened_by(pool, "shop", at=NOW + 3 * HOUR) == {"second", "third"}


def test_rotate__by_two_at_once__leaves_one_password_without_an_end(pool: Pool) -> None:
    admin.add(pool, wanted(), now=NOW)
    both = [threading.Thread(target=rotate, args=(pool, name)) for name in ("second", "third")]
    for one in both:
        one.start()
    for one in both:
        one.join()
    (found,) = admin.listing(pool, now=NOW + HOUR)
    assert sorted(found.credentials_end_at, key=str)[:2] == [NOW + HOUR + DAY] * 2
    assert found.credentials_end_at.count(None) == 1


def test_rotate__to_another_name__takes_it(pool: Pool) -> None:
    admin.add(pool, wanted(), now=NOW)
    login = admin.rotate(pool, "shop", password="second", username="mp2", overlap=DAY, now=NOW)
    assert login.username == "mp2"
    assert rotate(pool, "third").username == "mp2"


def test_rotate__a_source_without_passwords__is_refused(pool: Pool) -> None:
    admin.add(pool, wanted(login=None), now=NOW)
    with pytest.raises(errors.Conflict, match="--no-auth"):
        rotate(pool, "second")


def test_rotate__a_source_whose_passwords_have_ended__opens_it_again(pool: Pool) -> None:
    admin.add(pool, wanted(), now=NOW)
    with pool.begin() as conn:
        source = rows.lock(conn, "shop")
        assert source is not None
        credentials.expire(conn, source.id, at=NOW)
    assert rotate(pool, "second").username == defaults.USERNAME
    assert opened_by(pool, "shop", at=NOW + HOUR) == {"second"}


def test_remove__with_cohorts__deletes_them_and_frees_the_slug(pool: Pool) -> None:
    admin.add(pool, wanted(), now=NOW)
    admin.add(pool, wanted(slug="other"), now=NOW)
    gone = [make_cohort(pool, "shop", external_id) for external_id in ("a", "b")]
    stays = make_cohort(pool, "other", "a")
    assert admin.remove(pool, "shop", now=NOW) == 2
    for cohort_id in gone:
        with pytest.raises(errors.NotFound):
            lookup.cohort(ReadRouter(pool), cohort_id, now=NOW)
    assert lookup.cohort(ReadRouter(pool), stays, now=NOW).source == "other"
    admin.add(pool, wanted(), now=NOW)
    assert [(one.slug, one.cohorts) for one in admin.listing(pool, now=NOW)] == [
        ("other", 1),
        ("shop", 0),
    ]


def test_remove__interrupted_before_the_cohorts__goes_on_when_asked_again(pool: Pool) -> None:
    admin.add(pool, wanted(), now=NOW)
    make_cohort(pool, "shop", "a")
    with pool.begin() as conn:
        assert rows.remove(conn, "shop", now=NOW)
    assert admin.remove(pool, "shop", now=NOW) == 1
    with pytest.raises(errors.NotFound, match="was removed"):
        admin.remove(pool, "shop", now=NOW)


def test_unknown_slug__close_to_a_known_one__is_told_so(pool: Pool) -> None:
    admin.add(pool, wanted(slug="shop-eu"), now=NOW)
    with pytest.raises(errors.NotFound, match="did you mean 'shop-eu'"):
        admin.pause(pool, "shop-ue", now=NOW)
    with pytest.raises(errors.NotFound, match="did you mean 'shop-eu'"):
        rotate(pool, "second")
    with pytest.raises(errors.NotFound, match="source list"):
        admin.require(pool, "nothing-like-it", now=NOW)


def test_require__a_removed_slug__is_known(pool: Pool) -> None:
    admin.add(pool, wanted(), now=NOW)
    admin.require(pool, "shop", now=NOW)
    admin.remove(pool, "shop", now=NOW)
    admin.require(pool, "shop", now=NOW)


def test_rotate__of_the_default__survives_a_start_with_the_new_password(pool: Pool) -> None:
    first = Settings(webhook_password="first")
    bootstrap.bootstrap(pool, first, now=NOW)
    admin.rotate(pool, "default", password="second", username=None, overlap=DAY, now=NOW + HOUR)
    bootstrap.bootstrap(pool, Settings(webhook_password="second"), now=NOW + 2 * HOUR)
    assert opened_by(pool, "default", at=NOW + 2 * HOUR) == {"first", "second"}
    bootstrap.bootstrap(pool, first, now=NOW + 3 * HOUR)
    assert opened_by(pool, "default", at=NOW + 3 * HOUR) == {"first"}
