"""What was sent of a person, and where, in the console."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from gateway.destinations.kinds import KINDS
from gateway.handlers.console import pages
from gateway.handlers.http import deps
from gateway.store.syncs import hidden, ledger
from tests import statements
from tests.destinations import servers
from tests.destinations.meta import graph as meta
from tests.http.console import Visitor
from tests.http.test_console_syncs import person
from tests.syncs import receiver
from tests.syncs.audience import Vendor
from tests.syncs.office import Office
from tests.syncs.test_follow import Consumer, start

MAPPING = {"id": "member_id", "email": "email"}
MOST_STATEMENTS = 5


@pytest.fixture
def sent(desk: Office) -> Callable[[str], str]:
    """Read what a page says was sent of a person."""

    def sent(person_id: str) -> str:
        said = Visitor(desk, "read").page(f"/people/{person_id}/sent")
        return said.split("is not listed.")[1].strip()

    return sent


def test_person__sent_by_two_jobs__is_listed_with_identifiers_until_erased(
    desk: Office, vendor: Vendor, sent: Callable[[str], str]
) -> None:
    cohort = desk.fill([person("a"), person("b")])
    other = desk.fill([person("b")], cohort="2", session="other")
    desk.destination("sample", desk.get("/v1/destinations/crm")["config"], {}, "erp")
    desk.job(cohort, mapping=MAPPING)
    desk.job(other, mapping={"id": "member_id"}, destination="erp")
    assert sent("b").startswith("Nothing stands at a destination.")
    desk.send()
    said = sent("b")
    assert ("crm" in said, "erp" in said) == (True, True)
    assert said.count("There") == 2
    assert said.count("id b") == 2
    assert said.count("email b@x.io") == 1
    assert ("crm" in sent("a"), "erp" in sent("a")) == (True, False)
    assert sent("nobody").startswith("Nothing stands at a destination.")
    desk.post("remove_members", ["b"], cohort="2", session="left")
    desk.apply()
    desk.clock.tick(minutes=6)
    desk.send()
    assert ("crm" in sent("b"), "erp" in sent("b")) == (True, False)
    assert desk.call("DELETE", "/v1/members/b").status_code == 204
    assert "Being erased" in sent("b")
    desk.send()
    assert sent("b").startswith("Nothing stands at a destination.")
    assert vendor.ids == {"a"}


def test_identifiers__that_were_hashed__are_named_by_their_hash_alone(
    desk: Office, sent: Callable[[str], str]
) -> None:
    cohort = desk.fill([person("a")])
    with servers.serving(meta.Graph()) as base:
        config = {"account_id": "42", "endpoint": base}
        desk.destination("meta", config, {"access_token": meta.TOKEN})
        desk.job(cohort, mapping={"external_id": "member_id", "email": "email"})
        desk.send()
    said = sent("a")
    assert "external_id a" in said
    assert "email SHA-256" in said
    assert "x.io" not in said


def test_rows__of_every_state__have_a_word(
    desk: Office, vendor: Vendor, sent: Callable[[str], str]
) -> None:
    cohort = desk.fill([person("a")])
    job = int(desk.job(cohort, mapping=MAPPING))
    scope = ledger.Scope(cohort_id=int(cohort), job_id=job)
    words = {
        ledger.State.PRESENT: "There",
        ledger.State.SENDING: "Unsure",
        ledger.State.REJECTED: "Not taken",
        ledger.State.LEAVING: "Being removed",
    }
    for part, state in enumerate(words):
        row = ledger.Row(member_id="a", part=part, sent='{"id": "a"}', state=state)
        with desk.pool.begin() as conn:
            ledger.put(conn, scope, [row], state=state, batch=1 << 50)
    said = sent("a")
    assert [word for word in words.values() if word not in said] == []
    assert said.count("id a") == 4
    assert vendor.calls == {}


def test_job__deleted_without_removing__still_says_what_it_sent(
    desk: Office, vendor: Vendor, sent: Callable[[str], str]
) -> None:
    job = desk.job(desk.fill([person("a")]), mapping=MAPPING)
    desk.send()
    assert desk.call("DELETE", f"/v1/sync-jobs/{job}").status_code == 204
    assert "by a deleted job" in sent("a")
    assert vendor.ids == {"a"}
    assert desk.call("DELETE", "/v1/destinations/crm").status_code == 204
    assert sent("a").startswith("Nothing stands at a destination.")


def test_receiver_of_changes__knows_whom_it_was_told_of(
    desk: Office, sent: Callable[[str], str]
) -> None:
    consumer = Consumer()
    cohort = desk.fill(["a", "b"])
    with receiver.serving(consumer) as url:
        start(desk, url, cohort, mapping={"mail": "email"})
        desk.send()
        assert sent("a").startswith("Nothing"), "it begins with the changes to come"
        desk.clock.tick(seconds=1)
        desk.post("add_members", ["c"], session="s2")
        desk.apply()
        assert "Unsure" in sent("c"), "it may be under way"
        desk.send()
        assert "member_id c mail There" in sent("c")
        desk.post("remove_members", ["c"], session="s3")
        desk.apply()
        assert "Unsure" in sent("c")
        desk.send()
        assert sent("c").startswith("Nothing")
    assert [change for change, _, _ in consumer.took] == ["entered", "exited"]


def test_receiver_of_changes__told_of_first_members__knows_them_unless_suppressed(
    desk: Office, sent: Callable[[str], str]
) -> None:
    cohort = desk.fill(["a", "b", "c"])
    suppress = desk.fill(["b"], cohort="2", session="other")
    consumer = Consumer()
    with receiver.serving(consumer) as url:
        job = int(start(desk, url, cohort, options={"start": "members"}, suppress=[suppress]))
        assert sent("a").startswith("Nothing"), "no first member was told of yet"
        desk.send()
        assert ("There" in sent("a"), "There" in sent("b")) == (True, False)
    scope = ledger.Scope(cohort_id=int(cohort), job_id=job)
    with desk.pool.begin() as conn:
        hidden.put(conn, scope, {"c": hidden.State.LEAVING}, seq=1, turn=1)
    assert "Being removed" in sent("c")


def test_kind__that_is_not_known_here__shows_names_without_values(
    desk: Office, vendor: Vendor, sent: Callable[[str], str]
) -> None:
    desk.job(desk.fill([person("a")]), mapping=MAPPING)
    desk.send()
    given: deps.Deps = desk.app.extensions[deps.EXTENSION]
    object.__setattr__(given.sending, "kinds", KINDS)
    said = sent("a")
    assert "email id There" in said
    assert vendor.ids == {"a"}


def test_page__of_what_was_sent__costs_few_statements_and_goes_on(
    desk: Office, vendor: Vendor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "ROWS", 3)
    for number in range(4):
        cohort = desk.fill(["a"], cohort=str(number), session=f"s{number}")
        job = int(desk.job(cohort, mapping={"id": "member_id"}))
        scope = ledger.Scope(cohort_id=int(cohort), job_id=job)
        row = ledger.Row(member_id="a", part=0, sent='{"id": "a"}', state=ledger.State.PRESENT)
        with desk.pool.begin() as conn:
            ledger.put(conn, scope, [row], state=ledger.State.PRESENT)
    visitor, noted = Visitor(desk, "read"), list[str]()
    visitor.get("/people/a/sent")
    desk.clock.tick(minutes=2)
    given: deps.Deps = desk.app.extensions[deps.EXTENSION]
    with statements.noted(given.reading.engine, noted.append):
        page = visitor.get("/people/a/sent").text
    assert 0 < len(noted) <= MOST_STATEMENTS, noted
    assert page.count('<th scope="row">') == 3
    more = page.split('rel="next" href="')[1].split('"')[0].replace("&amp;", "&")
    page = visitor.get(more.removeprefix("/console")).text
    assert page.count('<th scope="row">') == 1
    assert vendor.calls == {}
