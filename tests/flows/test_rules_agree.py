"""Rules as SQL, and explained, against the oracle: thousands of drawn people, events and rules."""

from __future__ import annotations

import pytest

from gateway.store.db.engine import Pool
from tests.flows.behaving import Behaving, expected, subrules
from tests.model import rules
from tests.model.rule_draws import Draws
from tests.model.rules import Json

PEOPLE = 30
RULES = 60
EXPLAINED = 2


def smallest(behaving: Behaving, rule: Json) -> Json:
    """Find the smallest part of a rule for which the two differ."""
    parts = [one for one in subrules(rule) if differs(behaving, one)]
    return min(parts, key=lambda one: len(str(one)), default=rule)


def differs(behaving: Behaving, rule: Json) -> bool:
    return behaving.members(rule) != rules.members(behaving.facts, rule)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_rule__drawn__means_the_same_in_sql_explained_and_to_the_oracle(
    pool: Pool, seed: int, record_property: Json
) -> None:
    draws = Draws(seed)
    behaving = Behaving(pool, draws.facts(PEOPLE))
    for _ in range(RULES):
        rule = draws.rule()
        if differs(behaving, rule):
            part = smallest(behaving, rule)
            wrong = behaving.members(part) ^ rules.members(behaving.facts, part)
            pytest.fail(f"seed {seed}: {part} differs for {describe(behaving, wrong)}")
        for person in draws.random.sample(sorted(behaving.facts.people), EXPLAINED):
            assert behaving.explained(rule, person) == expected(behaving.facts, rule, person)
    record_property("figures", f"rules: seed {seed}, {RULES * PEOPLE} pairs of rule and person")


def test_nodes__of_a_drawn_rule__count_what_the_oracle_finds(pool: Pool) -> None:
    draws = Draws(7)
    behaving = Behaving(pool, draws.facts(PEOPLE))
    for _ in range(RULES // 2):
        rule = draws.rule()
        counts = [len(rules.members(behaving.facts, one)) for one in subrules(rule)]
        assert list(behaving.run(rule, with_nodes=True).found.nodes or ()) == counts, rule


def describe(behaving: Behaving, people: set[str]) -> list[Json]:
    facts = behaving.facts
    return [
        (one, facts.people[one], [event for event in facts.events if event.person == one])
        for one in sorted(people)[:2]
    ]
