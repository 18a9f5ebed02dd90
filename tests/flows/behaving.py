"""A source of people for the tests of rules, filled from what the oracle knows."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping
from typing import Final

from sqlalchemy import text

from gateway.core.behaviour import parse
from gateway.core.people import source
from gateway.core.people.items import Event, Patch
from gateway.flows.behaviour.run import Ran, Runner, Wanted
from gateway.flows.people import ingest
from gateway.sources.people import objects
from gateway.store.db.engine import Pool
from gateway.store.sources import sources
from gateway.waits import Waits
from tests.model import rules
from tests.model.rules import Facts, Json

START: Final = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)


class Behaving:
    """People of the source `people`, and rules over them."""

    def __init__(self, pool: Pool, facts: Facts) -> None:
        self.pool = pool
        self.facts = facts
        made = sources.Made(slug=source.BUILT_IN, kind=source.KIND, config={})
        with pool.begin() as conn:
            self.source_id = sources.create(conn, made, expected_every_seconds=None, now=START)
        self.runner = Runner(pool, Waits(1))
        self.cohorts = {name: self._cohort(name, ids) for name, ids in facts.cohorts.items()}
        self.post()

    def post(self) -> None:
        events = [
            Event(
                person_id=one.person,
                name=one.name,
                time=one.time,
                event_id=None,
                properties=objects.text(dict(one.properties), "properties"),
            )
            for one in self.facts.events
        ]
        patches = [
            Patch(index=n, person_id=person, traits=objects.members(dict(traits), "traits"))
            for n, (person, traits) in enumerate(self.facts.people.items())
        ]
        request = ingest.Request(
            events=events,
            patches=patches,
            now=self.facts.as_of,
            event_id_days=7,
            join=objects.joined,
        )
        ingest.take(self.pool, source.BUILT_IN, request)

    def members(self, rule: Mapping[str, Json]) -> set[str]:
        """Ask the rule of the gateway."""
        return {person for person, _ in self.run(rule).sample}

    def run(self, rule: Mapping[str, Json], *, with_nodes: bool = False) -> Ran:
        now = self.facts.as_of
        return self.runner.run(self.wanted(rule), with_nodes=with_nodes, compare=None, now=now)

    def explained(self, rule: Mapping[str, Json], person: str) -> list[bool]:
        found = self.runner.explain(self.wanted(rule), person, now=self.facts.as_of)
        return [one.holds for one in found.values()]

    def wanted(self, rule: Mapping[str, Json]) -> Wanted:
        definition = parse.definition({"rule": self._named(rule), "time_zone": self.facts.zone})
        return Wanted(source=source.BUILT_IN, definition=definition, as_of=self.facts.as_of)

    def _named(self, rule: Json) -> Json:
        """Name the cohorts of the facts by their ids here."""
        ((kind, inner),) = rule.items()
        if kind in ("all", "any"):
            return {kind: [self._named(one) for one in inner]}
        if kind == "not":
            return {kind: self._named(inner)}
        return {kind: str(self.cohorts[str(inner)])} if kind == "in_cohort" else rule

    def _cohort(self, name: str, ids: Iterable[str]) -> int:
        with self.pool.begin() as conn:
            values = {"source": self.source_id, "name": name, "ids": sorted(ids), "now": START}
            cohort_id = int(conn.execute(_COHORT, values).scalar_one())
            conn.execute(_MEMBERS, values | {"cohort_id": cohort_id})
        return cohort_id


def subrules(rule: Json) -> Iterable[Json]:
    """List a rule and those in it, each before its own."""
    yield rule
    ((kind, inner),) = rule.items()
    for one in inner if kind in ("all", "any") else [inner] if kind == "not" else []:
        yield from subrules(one)


def expected(facts: Facts, rule: Json, person: str) -> list[bool]:
    """Say which nodes of a rule hold for a person."""
    return [rules.holds(facts, person, one) for one in subrules(rule)]


_COHORT = text("""
    INSERT INTO cohorts (source_id, project_id, external_id, key, name, created_at, updated_at)
    VALUES (:source, '', :name, convert_to(:name, 'UTF8'), :name, :now, :now) RETURNING id
""")

_MEMBERS = text("""
    INSERT INTO memberships (cohort_id, member_id, session, entered_at)
    SELECT :cohort_id, m, 1, :now FROM unnest(CAST(:ids AS text[])) m
    UNION ALL SELECT :cohort_id, 'p-gone', 1, NULL
""")
