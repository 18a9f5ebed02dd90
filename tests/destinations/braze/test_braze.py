"""The adapter of Braze, with both of its APIs, against a fake that keeps cohorts and users."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from gateway.destinations import kinds
from gateway.destinations.answers import (
    Audience,
    Done,
    Later,
    Rejected,
    Skipped,
    Split,
    Stop,
    StopCode,
)
from gateway.destinations.braze import settings
from gateway.destinations.braze.push import Push
from tests.destinations import servers
from tests.destinations.braze.instance import PARTNER, REST, SECRET, Instance
from tests.destinations.servers import Said

CONFIG = {
    "api": None,
    "partner": "cohort_gateway",
    "attribute": "cohorts",
    "alias_label": "mine",
}
KEYS = {"partner_api_key": PARTNER, "client_secret": SECRET}
ON_7 = servers.target("external_id", "alias", "device_id", audience="7")
HAS = servers.target("external_id", "alias", "email", audience="cohort_7")


@pytest.fixture
def braze() -> Instance:
    return Instance("ada", "bob", "a@example.com")


@pytest.fixture
def cohorts(braze: Instance) -> Iterator[Push]:
    with servers.account(braze, CONFIG, KEYS) as account:
        yield _push(settings.connect(account))


@pytest.fixture
def attributes(braze: Instance) -> Iterator[Push]:
    with servers.account(braze, CONFIG, {"api_key": REST}) as account:
        yield _push(settings.connect(account))


def _push(made: object) -> Push:
    assert isinstance(made, Push)
    return made


def test_cohort__of_a_partner__is_named_and_follows(braze: Instance, cohorts: Push) -> None:
    assert cohorts.find(ON_7) is None
    assert cohorts.create(ON_7) == Audience(id="7", name="Big spenders")
    assert cohorts.create(ON_7) == Audience(id="7", name="Big spenders")
    assert braze.names == {"7": "Big spenders"}
    rows = servers.batch({"external_id": "ada"}, {"alias": "b"}, {"device_id": "d"})
    assert cohorts.add(ON_7, rows) == Done()
    assert braze.cohorts["7"] == {"ada", "mine/b", "d"}
    assert cohorts.remove(ON_7, servers.batch({"external_id": "ada"}, {"alias": "b"})) == Done()
    assert braze.cohorts["7"] == {"d"}


def test_cohort__of_a_partner__takes_a_thousand_ids(braze: Instance, cohorts: Push) -> None:
    cohorts.create(ON_7)
    most = kinds.KINDS["braze"].told({"api": "partner_cohorts"}).limits.members
    assert most == 1000
    rows = [{"external_id": f"m{number}"} for number in range(most)]
    assert cohorts.add(ON_7, servers.batch(*rows)) == Done()
    assert len(braze.cohorts["7"]) == most
    assert isinstance(cohorts.add(ON_7, servers.batch(*rows, {"alias": "x"})), Split)


def test_attribute__of_known_users__has_the_cohort(braze: Instance, attributes: Push) -> None:
    assert attributes.find(HAS) == Audience(id="cohort_7", name="cohort_7")
    rows = servers.batch(
        {"external_id": "ada"},
        {"email": "a@example.com"},
        {"alias": "bob"},
        {"external_id": "stranger"},
    )
    done = attributes.add(HAS, rows)
    assert done == Done(receipt={"attributes_processed": 4})
    assert braze.users == {
        "ada": {"cohorts": {"cohort_7"}},
        "a@example.com": {"cohorts": {"cohort_7"}},
        "bob": {"cohorts": {"cohort_7"}},
    }
    attributes.remove(HAS, servers.batch({"external_id": "ada"}))
    assert braze.users["ada"] == {"cohorts": set()}
    assert isinstance(attributes.create(HAS), Stop)


def test_attribute__with_errors_by_index__rejects_those_rows(attributes: Push) -> None:
    answer = attributes.add(HAS, servers.batch({"external_id": "ada"}, {"external_id": "bad"}))
    assert isinstance(answer, Done)
    assert answer.rejected == {1: Rejected(reason="refused", message="the id is not valid")}
    assert answer.unconfirmed == frozenset()


@pytest.mark.parametrize(
    ("errors", "rejected", "unconfirmed"),
    [
        (["'external_id' is wrong, index: 1"], [1], []),
        (["attributes[0] is wrong"], [0], []),
        (["something is wrong"], [], [0, 1]),
        ([{"type": "wrong"}], [], [0, 1]),
        ([{"message": "wrong", "index": 7}], [], [0, 1]),
    ],
)
def test_errors__in_any_form__are_of_rows_or_leave_all_unconfirmed(
    braze: Instance,
    attributes: Push,
    errors: list[object],
    rejected: list[int],
    unconfirmed: list[int],
) -> None:
    braze.next = [Said(status=201, body={"message": "success", "errors": errors})]
    answer = attributes.add(HAS, servers.batch({"external_id": "a"}, {"external_id": "b"}))
    assert isinstance(answer, Done)
    assert (list(answer.rejected), sorted(answer.unconfirmed)) == (rejected, unconfirmed)


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (Said(status=202, body={"message": "queued"}), Done(unconfirmed=frozenset({0, 1}))),
        (Said(status=200, body=b"fine"), Done(unconfirmed=frozenset({0, 1}))),
        (
            Said(status=429, body={"message": "slow"}, headers={"X-RateLimit-Reset": "1796040012"}),
            Later(message="slow (HTTP 429)", after_seconds=12.0, for_all=True),
        ),
        (
            Said(status=503, body={"message": "busy"}, headers={"Retry-After": "3"}),
            Later(message="busy (HTTP 503)", after_seconds=3.0),
        ),
        (
            Said(status=401, body={"message": f"bad key {REST}"}),
            Stop(code=StopCode.CREDENTIALS, message="bad key *** (HTTP 401)"),
        ),
        (Said(status=403), Stop(code=StopCode.PERMISSION, message="{} (HTTP 403)")),
        (Said(status=404), Stop(code=StopCode.CONFIGURATION, message="{} (HTTP 404)")),
        (
            Said(status=301),
            Stop(code=StopCode.CONFIGURATION, message="the address leads elsewhere: {} (HTTP 301)"),
        ),
        (
            Said(status=400, body={"message": "user_ids: wrong"}),
            Split(message="user_ids: wrong (HTTP 400)"),
        ),
    ],
)
def test_answer__of_any_status__is_read(
    braze: Instance, attributes: Push, said: Said, expected: object
) -> None:
    braze.next = [said]
    answer = attributes.add(HAS, servers.batch({"external_id": "a"}, {"external_id": "b"}))
    assert answer == expected


def test_cohort__that_cannot_be_named__is_no_matter_of_rows(braze: Instance, cohorts: Push) -> None:
    braze.next = [Said(status=400, body={"message": "name: too long"}), Said(status=500)]
    refused = cohorts.create(ON_7)
    assert refused == Stop(code=StopCode.REFUSED, message="name: too long (HTTP 400)")
    assert isinstance(cohorts.create(ON_7), Later)


@pytest.mark.parametrize("secrets", [KEYS, {"api_key": REST}])
def test_test__of_the_connection__tells_wrong_keys_and_changes_nothing(
    braze: Instance, secrets: dict[str, str]
) -> None:
    with servers.account(braze, CONFIG, secrets) as account:
        (check,) = settings.connect(account).verify()
    assert check.ok
    with servers.account(braze, CONFIG, dict.fromkeys(secrets, "wrong")) as account:
        (check,) = settings.connect(account).verify()
    assert not check.ok
    assert (braze.names, braze.cohorts) == ({}, {})


def test_prepare__of_a_member__takes_its_first_identifier(cohorts: Push, attributes: Push) -> None:
    target = servers.target("device_id", "alias", "external_id", "email")
    raw: dict[str, object] = {"device_id": "d", "external_id": 17, "email": " A@Example.com "}
    assert cohorts.prepare(target, raw) == {"external_id": "17"}
    assert attributes.prepare(target, {"email": raw["email"]}) == {"email": "a@example.com"}
    assert attributes.prepare(target, {"email": "none"}) == Skipped(reason="bad_email")
    assert attributes.prepare(target, {"device_id": "d"}) == Skipped(reason="no_identifier")
    unmapped = servers.target("alias")
    assert cohorts.prepare(unmapped, raw) == Skipped(reason="no_identifier")


def test_audience__with_a_name_or_id_of_its_own__has_that(cohorts: Push, attributes: Push) -> None:
    named = servers.target("external_id", options={"audience_name": "VIP"})
    assert attributes.find(named) == Audience(id="VIP", name="VIP")
    known = servers.target("external_id", options={"audience_id": "9"})
    assert cohorts.find(known) == Audience(id="9", name="Big spenders")


def test_facts__of_braze__are_those_of_the_api() -> None:
    told = kinds.KINDS["braze"].told
    by_attribute, by_secrets = told({"api": "user_attributes"}), told({})
    assert by_attribute.limits.members == by_secrets.limits.members == 75
    assert [one.name for one in by_attribute.identifiers] == ["external_id", "alias", "email"]
