"""Forwarding beside erasures, retention, removals and other forwarders."""

from __future__ import annotations

from sqlalchemy import text

from gateway import outbound
from gateway.flows import erasure
from gateway.flows.cohorts.erase import Where
from gateway.flows.syncs import actions
from tests.syncs import office
from tests.syncs.branch import SOURCE, Branch
from tests.syncs.test_forwarding import NAMES


def erase(branch: Branch, member_id: str) -> None:
    erasure.erase(branch.pool, member_id, Where(), now=branch.clock())


def test_person__erased_before_the_request__is_not_sent(branch: Branch) -> None:
    branch.act("ada", "none", "bob")
    branch.project.trouble = [503]
    branch.send()
    erase(branch, "ada")
    assert branch.shown()["waiting"] == 2
    branch.clock.tick(minutes=1)
    branch.send()
    assert branch.project.members == {"bob"}
    erase(branch, "none")
    assert branch.rejected() == []
    with branch.pool.read() as conn:
        assert conn.execute(text("SELECT count(*) FROM action_outbox")).scalar_one() == 0


def test_person__erased_while_a_request_is_halved__is_in_no_later_one(branch: Branch) -> None:
    branch.project.max_bytes = 700
    branch.act(*NAMES, properties={"text": "x" * 100})
    branch.project.before = lambda: erase(branch, NAMES[-1])
    branch.send()
    assert branch.project.members == {*NAMES} - {NAMES[-1]}


def test_erasure__while_the_person_is_being_sent__neither_waits_nor_fails(branch: Branch) -> None:
    branch.act(*NAMES)
    branch.project.before = lambda: erase(branch, NAMES[0])
    branch.send()
    assert branch.shown()["waiting"] == 0
    assert branch.project.members == {*NAMES}, "the request had begun"


def test_action__erased_by_the_version_before__is_dropped(branch: Branch) -> None:
    branch.act("ada", "bob")
    with branch.pool.begin() as conn:
        conn.execute(text("DELETE FROM actions WHERE member_id = 'ada'"))
    branch.send()
    assert branch.project.members == {"bob"}
    assert branch.shown()["waiting"] == 0


def test_actions__that_are_kept_no_longer__are_not_sent_either(branch: Branch) -> None:
    branch.act("old", "none")
    branch.project.trouble = [401]
    branch.send()
    with branch.pool.begin() as conn:
        conn.execute(text("UPDATE actions SET recorded_at = now() - interval '401 days'"))
    assert actions.prune(branch.pool, every_seconds=0) == 2
    assert branch.shown()["waiting"] == 0


def test_forwarders__two_at_once__send_each_action_once(branch: Branch) -> None:
    branch.act(*[f"m-{number}" for number in range(5000)])
    with outbound.Client(allow=office.HERE, plain=office.HERE) as client:
        others = [branch.another(client, f"other-{number}") for number in range(3)]
        begun = [one.look() for one in [branch.forwarder, *others]]
        for one in [branch.forwarder, *others]:
            one.wait()
        assert sorted(begun) == [0, 0, 0, 1]
        for one in others:
            one.close()
    assert (len(branch.project.events), branch.project.again) == (5000, 0)


def test_forwarder__that_hangs_and_was_replaced__books_nothing(branch: Branch) -> None:
    branch.act("ada")
    with outbound.Client(allow=office.HERE, plain=office.HERE) as client:
        other = branch.another(client, "other")

        def take_over() -> None:
            branch.project.before = lambda: None
            branch.let_leases_run_out()
            # The project answers one request after the other: this one first.
            assert other.look() == 1

        branch.project.before = take_over
        branch.forwarder.look()
        branch.forwarder.wait()
        other.wait()
        other.close()
    assert branch.shown()["sent"] == 1
    assert (len(branch.project.events), branch.project.again) == (1, 1)


def test_forwarder__whose_processes_died_again_and_again__waits(branch: Branch) -> None:
    branch.act("ada")
    with branch.pool.begin() as conn:
        source_id = conn.execute(text("SELECT id FROM sources WHERE slug = 'default'")).scalar()
        conn.execute(
            text("""
                INSERT INTO leases (kind, key, due_at, deaths) VALUES ('actions', :key, now(), 3)
            """),
            {"key": str(source_id)},
        )
    branch.send()
    assert branch.shown()["last_error"]["code"] == "sender_died"
    assert branch.project.requests == 0
    branch.clock.tick(seconds=10)
    branch.send()
    assert branch.project.members == {"ada"}


def test_source__removed_meanwhile__sends_nothing_more(branch: Branch) -> None:
    branch.act("ada")
    assert branch.call("DELETE", f"{SOURCE}?with_cohorts=true").status_code == 204
    branch.send()
    assert branch.project.requests == 0
