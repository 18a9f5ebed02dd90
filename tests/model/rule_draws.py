"""Draws of people, events and rules: of few values, so that many meet."""

from __future__ import annotations

import datetime
import random
from collections.abc import Callable
from decimal import Decimal

from tests.model.rules import Event, Facts, Json

NAMES = ("buy", "view", "cart")
KEYS = ("a", "b", "c")
TEXTS = ("", "x", "X", "xy", "yx", "éX", "ÉX", "1", "true", "z\U0001f600", "\uffff")
NUMBERS = tuple(map(Decimal, ("0", "1", "1.0", "-2", "0.1", "0.2", "0.30", "1E+3", "1000.5")))
SPANS = ("1h", "1d", "2d", "1w", "30d", "90000s", "40m")
ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Pacific/Apia", "Asia/Kolkata")
TIMES = (
    "2026-11-28T12:00:00+01:00",
    "2026-11-29T00:00:00Z",
    "2026-11-29t11:59:59.9999999z",
    1795867200,
    1795867200000,
    Decimal("1795910400.5"),
    "2026-11-01 00:00:00Z",
    "2024-02-29T10:00:00-23:59",
)
NO_TIMES = (
    "2026-11-28 12:00",
    "2026-02-29T10:00:00Z",
    "1969-12-31T23:59:59Z",
    "2026-11-28T24:00:00Z",
    "2026-11-28T12:00:00+24:00",
    "9999-12-31T23:59:59-00:01",
    "1900-02-29T00:00:00Z",
    -1,
    10**16,
)
COHORTS = ("1", "2")
AS_OF = datetime.datetime(2026, 11, 29, 12, tzinfo=datetime.UTC)


class Draws:
    """Everything that one seed gives."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)  # noqa: S311 - a test that can be repeated

    def facts(self, people: int) -> Facts:
        ids = [f"p{n}" for n in range(people)]
        return Facts(
            people={one: self.document() for one in ids},
            events=[event for one in ids for event in self.events(one)],
            cohorts={one: {*self.random.sample(ids, people // 3), "stranger"} for one in COHORTS},
            as_of=AS_OF,
            zone=self.random.choice(ZONES),
        )

    def events(self, person: str) -> list[Event]:
        return [
            Event(person, self.random.choice(NAMES), self.time(), self.document())
            for _ in range(self.random.choice((0, 0, 1, 2, 5)))
        ]

    def time(self) -> datetime.datetime:
        edges = (0, 1, 3600, 86400, 2 * 86400, 7 * 86400, 30 * 86400, 12 * 3600, 11 * 3600)
        back = self.random.choice((*edges, self.random.randrange(60 * 86400)))
        near = self.random.choice((0, 0, 1, -1))
        return min(AS_OF, AS_OF - datetime.timedelta(seconds=back, microseconds=near))

    def document(self) -> dict[str, Json]:
        keys = self.random.sample(KEYS, self.random.randint(0, len(KEYS)))
        return {key: self.value(3) for key in keys}

    def value(self, depth: int) -> Json:
        kinds: list[Callable[[], Json]] = [
            lambda: self.random.choice(TEXTS),
            lambda: self.random.choice(NUMBERS),
            lambda: self.random.choice(TIMES),
            lambda: self.random.choice(NO_TIMES),
            lambda: self.random.choice((True, False, None)),
        ]
        if depth > 0:
            kinds += [
                lambda: [self.value(depth - 1) for _ in range(self.random.randint(0, 3))],
                lambda: {
                    key: self.value(depth - 1)
                    for key in self.random.sample(KEYS, self.random.randint(0, 2))
                },
            ]
        return self.random.choice(kinds)()

    def rule(self, depth: int = 3) -> dict[str, Json]:
        kinds = ["did", "did", "trait", "trait", "in_cohort"]
        kind = self.random.choice([*kinds, "all", "any", "not"] if depth > 0 else kinds)
        if kind in ("all", "any"):
            return {kind: [self.rule(depth - 1) for _ in range(self.random.randint(0, 3))]}
        if kind == "not":
            return {kind: self.rule(depth - 1)}
        if kind == "trait":
            return {kind: self.cond()}
        return {kind: self.random.choice(COHORTS) if kind == "in_cohort" else self.did()}

    def did(self) -> dict[str, Json]:
        count = self.random.randint(1, 2)
        rule: dict[str, Json] = {
            "event": self.random.choice((NAMES[0], self.random.sample(NAMES, count)))
        }
        if self.random.random() < 0.5:
            rule["where"] = [self.cond() for _ in range(self.random.choice((0, 1, 1, 2)))]
        if self.random.random() < 0.7:
            rule["when"] = self.when()
        for name in ("count", "days"):
            if self.random.random() < 0.3:
                rule[name] = self.cmp((0, 1, 2, 3))
        if self.random.random() < 0.3:
            rule["sum"] = {"property": self.path(), **self.cmp(NUMBERS)}
        return rule

    def when(self) -> dict[str, Json]:
        first, second = self.random.choice(TIMES), self.random.choice(TIMES)
        return self.random.choice(
            (
                {"within": self.random.choice(SPANS)},
                {"since": self.random.choice(("day", "week", "month", "year"))},
                {"between": [first, second]},
                {"before": first},
                {"after": first},
                {"ever": True},
            )
        )

    def cmp(self, numbers: tuple[Json, ...]) -> dict[str, Json]:
        op = self.random.choice(("eq", "ne", "gt", "gte", "lt", "lte", "between"))
        one, other = self.random.choice(numbers), self.random.choice(numbers)
        return {"op": op, "value": [one, other] if op == "between" else one}

    def path(self) -> Json:
        keys = [self.random.choice(KEYS) for _ in range(self.random.choice((1, 1, 1, 2)))]
        return self.random.choice((".".join(keys), keys))

    def cond(self) -> dict[str, Json]:
        scalar: Callable[[], Json] = lambda: self.random.choice(  # noqa: E731
            (
                self.random.choice(TEXTS),
                self.random.choice(NUMBERS),
                self.random.choice((True, False)),
            )
        )
        cond: dict[str, Json] = {"property": self.path()}
        group = self.random.randrange(6)
        if group == 0:
            return cond | {"op": self.random.choice(("eq", "ne")), "value": scalar()}
        if group == 1:
            return cond | self.order(self.random.choice((TEXTS, NUMBERS)))
        if group == 2:
            given = [scalar() for _ in range(self.random.randint(0, 12))]
            return cond | {"op": self.random.choice(("in", "not_in")), "value": given}
        if group == 3:
            op = self.random.choice(("contains", "not_contains", "starts_with", "ends_with"))
            case = self.random.choice(({}, {"case": True}, {"case": False}))
            return cond | {"op": op, "value": self.random.choice(TEXTS)} | case
        if group == 4:
            return cond | {
                "op": self.random.choice(("exists", "not_exists", "is_true", "is_false"))
            }
        op = self.random.choice(("before", "after", "within"))
        pool: tuple[Json, ...] = SPANS if op == "within" else TIMES
        given = self.random.choice(pool)
        return cond | {"op": op, "value": given}

    def order(self, pool: tuple[Json, ...]) -> dict[str, Json]:
        op = self.random.choice(("gt", "gte", "lt", "lte", "between"))
        one, other = self.random.choice(pool), self.random.choice(pool)
        return {"op": op, "value": [one, other] if op == "between" else one}
