"""Live rules of a whole gateway at a hundred events a second: what is true, and how soon it is.

What is posted is remembered, and an oracle says from when to when each rule held for each person.
At every moment a cohort must have what held at some moment of the last seconds.
"""

from __future__ import annotations

import dataclasses
import datetime
import functools
import json
import random
import time
from collections.abc import Callable, Iterator
from typing import Any, Final

import pytest
from sqlalchemy import text

from tests.http.webhook import unique
from tests.model import rules
from tests.model.rules import Event, Facts
from tests.stack import API_KEY, PROJECT, Stack, until

EVENTS_A_SECOND: Final = 100
POSTS_A_SECOND: Final = 4
PEOPLE: Final = 150
ERASED: Final = 5
BOUND: Final = datetime.timedelta(seconds=10)
# Of the windows, in seconds: longer than the bound, or what a rule missed would not be seen.
SPAN: Final = 16
JSON: Final = {"Authorization": f"Bearer {API_KEY}", "Content-Type": "application/json"}
Timeline = list[tuple[datetime.datetime, bool]]


def did(name: str, **rest: object) -> dict[str, Any]:
    return {"did": {"event": name, "when": {"within": f"{SPAN}s"}, **rest}}


class Drive:
    """Posts events to a gateway, and remembers them."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.name = unique("drive")
        self.chance = random.Random(3)  # noqa: S311 - draws
        self.events: dict[str, list[Event]] = {}
        self.erased: dict[str, datetime.datetime] = {}
        self.vips = self.vip("add_members", "p0", "p1")
        rare, often = f"{self.name} rare", f"{self.name} often"
        self.names = (rare, often)
        self.rules = {
            "true by an event, false as time passes": did(rare),
            "false by an event": {"not": did(rare)},
            "true as time passes": did(often, count={"op": "lt", "value": 4}),
            "through a cohort": {"all": [{"in_cohort": self.vips}, did(often)]},
            "for ever": {"did": {"event": rare, "count": {"op": "gte", "value": 3}}},
        }
        self.people = [f"{self.name}-{n}" for n in range(PEOPLE)]
        self.source = unique("people")
        made = self.call("POST", "/v1/sources", {"slug": self.source, "kind": "people"})
        assert made["slug"] == self.source
        self.post_people()
        self.cohorts = {name: self.make(name, rule) for name, rule in self.rules.items()}
        for one in self.cohorts.values():
            until(lambda one=one: not self.cohort(one)["stale"])  # type: ignore[misc]

    def call(self, method: str, path: str, body: object = None) -> Any:  # noqa: ANN401 - JSON
        raw = None if body is None else json.dumps(body).encode()
        answer = self.stack.call(method, path, raw, JSON)
        assert answer.status < 300, answer.body
        return answer.json if answer.body else None

    def vip(self, action: str, *ids: str) -> str:
        """Put people into a cohort of Mixpanel, or take them out; returns its id."""
        members = [{"mixpanel_distinct_id": f"{self.name}-{one[1:]}"} for one in ids]
        described = {
            "mixpanel_project_id": PROJECT,
            "mixpanel_cohort_id": self.name,
            "mixpanel_session_id": unique("s"),
            "page_info": {"page_count": 1, "total_pages": 1},
            "members": members,
        }
        assert self.stack.post({"action": action, "parameters": described}).status == 200
        found = self.stack.cohort(self.name)
        return str(found["id"])

    def make(self, name: str, rule: object) -> str:
        wanted = {"source": self.source, "name": name, "definition": {"rule": rule}}
        return str(self.call("POST", "/v1/cohorts", wanted)["id"])

    def cohort(self, cohort_id: str) -> Any:  # noqa: ANN401 - JSON
        return self.call("GET", f"/v1/cohorts/{cohort_id}")

    def post_people(self) -> None:
        listed = [{"person_id": one, "traits": {}} for one in self.people]
        found = self.call("POST", "/v1/people", {"source": self.source, "people": listed})
        assert found["accepted"] == PEOPLE

    def post(self, count: int) -> None:
        """Post some events of now."""
        now = datetime.datetime.now(datetime.UTC)
        sent = []
        for _ in range(count):
            person = self.chance.choice(self.people)
            name = self.names[self.chance.randrange(12) > 0]
            if person not in self.erased:
                sent.append(Event(person, name, now, {}))
        listed = [
            {"person_id": one.person, "event": one.name, "time": one.time.isoformat()}
            for one in sent
        ]
        found = self.call("POST", "/v1/events", {"source": self.source, "events": listed})
        assert (found["accepted"], found["rejected_count"]) == (len(sent), 0)
        for one in sent:
            self.events.setdefault(one.person, []).append(one)

    def erase(self) -> None:
        person = self.people[-1 - len(self.erased)]
        self.call("DELETE", f"/v1/members/{person}")
        self.erased[person] = datetime.datetime.now(datetime.UTC)

    def drive(self, seconds: int) -> None:
        """Post at a rate; now and then the cohort of Mixpanel changes, and a person is erased."""
        began, posts = time.monotonic(), seconds * POSTS_A_SECOND
        for number in range(posts):
            time.sleep(max(0.0, began + number / POSTS_A_SECOND - time.monotonic()))
            self.post(EVENTS_A_SECOND // POSTS_A_SECOND)
            if number % 15 == 7:
                self.vip(self.chance.choice(["add_members", "remove_members"]), "p1", "p2", "p3")
            if number % (posts // ERASED) == 3:
                self.erase()

    def changes(self, cohort_id: str) -> dict[str, Timeline]:
        """Read from when to when each person was a member."""
        found: dict[str, Timeline] = {}
        after = 0
        while True:
            path = f"/v1/cohorts/{cohort_id}/changes?limit=1000&after={after}"
            page = self.call("GET", path)
            for one in page["changes"]:
                at = datetime.datetime.fromisoformat(one["at"])
                if one["member_id"] is not None:
                    found.setdefault(one["member_id"], []).append((at, one["change"] == "entered"))
            if not page["changes"]:
                return found
            after = page["next_after"]


@dataclasses.dataclass(frozen=True)
class Oracle:
    """Says whether a rule held for a person at a moment."""

    drive: Drive
    vips: dict[str, Timeline]

    def holds(self, rule: Any, person: str, at: datetime.datetime) -> bool:  # noqa: ANN401 - JSON
        erased = self.drive.erased.get(person)
        if erased is not None and at > erased:
            return False
        is_vip = at_moment(self.vips.get(person, []), at)
        facts = Facts(
            people={person: {}},
            events=self.drive.events.get(person, []),
            cohorts={self.drive.vips: {person} if is_vip else set()},
            as_of=at,
        )
        return rules.holds(facts, person, rule)

    def turns(self, person: str) -> Iterator[datetime.datetime]:
        """Yield the moments at which anything may turn for a person."""
        yield from (at for at, _ in self.vips.get(person, []))
        span = datetime.timedelta(seconds=SPAN)
        for one in self.drive.events.get(person, []):
            yield one.time
            yield one.time + span


def at_moment(timeline: Timeline, moment: datetime.datetime) -> bool:
    return next((held for at, held in reversed(timeline) if at <= moment), False)


def late(
    truth: Callable[[datetime.datetime], bool],
    turns: list[datetime.datetime],
    found: Timeline,
    *,
    since: datetime.datetime,
    until_: datetime.datetime,
) -> list[datetime.datetime]:
    """List the moments at which membership is nothing that held within the bound before."""
    tick = datetime.timedelta(milliseconds=1)
    marks = sorted({one for turn in turns for one in (turn + tick, turn + BOUND)})
    held = [(one, truth(one)) for one in marks]
    looked = [one for one, _ in held] + [at + tick for at, _ in found]
    wrong = []
    for moment in looked:
        if not since <= moment <= until_:
            continue
        recent = {value for at, value in held if moment - BOUND <= at <= moment}
        recent.add(truth(moment - BOUND))
        if at_moment(found, moment) not in recent:
            wrong.append(moment)
    return wrong


@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    "seconds", [10, pytest.param(120, marks=pytest.mark.long)], ids=["ten seconds", "two minutes"]
)
def test_live_rules__at_a_hundred_events_a_second__are_right_within_ten_seconds(
    stack: Stack, seconds: int
) -> None:
    drive = Drive(stack)
    since = datetime.datetime.now(datetime.UTC)
    drive.drive(seconds)
    time.sleep(SPAN + BOUND.total_seconds())
    until_ = datetime.datetime.now(datetime.UTC)
    oracle = Oracle(drive, drive.changes(drive.vips))
    for name, rule in drive.rules.items():
        found = drive.changes(drive.cohorts[name])
        wrong = {
            person: late(
                functools.partial(oracle.holds, rule, person),
                list(oracle.turns(person)),
                found.get(person, []),
                # Changes of the erased do not name them any more.
                since=drive.erased.get(person, since) + BOUND,
                until_=until_,
            )
            for person in drive.people
        }
        wrong = {person: moments for person, moments in wrong.items() if moments}
        assert wrong == {}, name
        assert found or (name == "for ever" and seconds < 60), name
    for person in drive.erased:
        assert drive.call("GET", f"/v1/members/{person}/cohorts")["cohorts"] == []
    assert look_whole(drive) == 0


def look_whole(drive: Drive) -> int:
    """Have all people looked at, as happens once a day, and return the drift of all rules."""
    numbers = {"ids": [int(one) for one in drive.cohorts.values()]}
    with drive.stack.pool() as pool:
        with pool.begin() as conn:
            conn.execute(_A_DAY_AGO, numbers)

        def is_over() -> bool:
            with pool.read() as conn:
                return bool(conn.execute(_LOOKED, numbers).scalar_one())

        until(is_over)
        with pool.read() as conn:
            return int(conn.execute(_DRIFT, numbers).scalar_one())


_A_DAY_AGO = text("""
    UPDATE rule_states SET whole_at = whole_at - interval '25 h' WHERE cohort_id = ANY(:ids)
""")

_LOOKED = text("""
    SELECT min(whole_at) > now() - interval '1 h' FROM rule_states WHERE cohort_id = ANY(:ids)
""")

_DRIFT = text("SELECT sum(drift) FROM rule_states WHERE cohort_id = ANY(:ids)")
