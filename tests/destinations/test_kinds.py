"""Kinds of destinations: what they declare, and what a config changes of it."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Iterator, Mapping

import pytest

from gateway.destinations import kinds, settings
from gateway.destinations.adapter import Account, Adapter, Batch, Cohort, Feed, Target
from gateway.destinations.answers import Answer, Audience, Check, Done, Stop
from gateway.destinations.facts import Facts, Identifier, Limits
from gateway.destinations.kinds import Kind
from gateway.errors import Fault

FACTS = Facts(
    identifiers=(Identifier(name="email", title="E-mail"),),
    matching=(frozenset({"email"}),),
    limits=Limits(members=1000),
)


def _connect(_account: Account) -> Adapter | Feed:
    raise NotImplementedError


def _many(config: Mapping[str, object]) -> Facts:
    return dataclasses.replace(FACTS, limits=Limits(members=int(str(config["size"]))))


PLAIN = Kind(name="a", title="A", config=(), secrets=(), facts=FACTS, connect=_connect)


def test_kind__whose_config_decides__tells_of_each_destination_by_its_own() -> None:
    kind = dataclasses.replace(PLAIN, facts_of=_many)
    assert kind.told({"size": 7}).limits.members == 7
    assert PLAIN.told({"size": 7}) is FACTS


def test_kind__with_a_check_of_the_whole_config__finds_its_faults() -> None:
    fault = Fault("config.a", "must be smaller than b")
    kind = dataclasses.replace(PLAIN, faults_of=lambda _config: [fault])
    assert (kind.faults({}), PLAIN.faults({})) == ([fault], [])


@pytest.mark.parametrize(("package", "available"), [("json", True), ("no_such_package", False)])
def test_kind__that_needs_a_package__says_what_to_install(package: str, *, available: bool) -> None:
    kind = dataclasses.replace(PLAIN, package=package)
    assert (kind.reason is None) == available
    if kind.reason is not None:
        assert "requirements-a.txt" in kind.reason


def test_kinds__all__are_called_as_they_are_listed_and_can_match() -> None:
    for name, kind in kinds.KINDS.items():
        assert kind.name == name
        named = {one.name for one in kind.facts.identifiers}
        assert all(some and some <= named for some in kind.facts.matching)
        assert kind.carriers <= {one.name for one in kind.config}


def test_endpoint__without_a_default__must_be_given() -> None:
    assert settings.endpoint(None).required
    assert not settings.endpoint("https://api.example.com").required


def test_batch__with_the_last_number__is_the_last() -> None:
    batch = Batch(rows=(), session=1, number=1, total=2, members=0)
    assert (batch.is_last, dataclasses.replace(batch, number=2).is_last) == (False, True)


class Least(Adapter):
    """What every adapter has to define itself, and nothing else."""

    def verify(self) -> Iterator[Check]:
        yield Check(step="sign_in", ok=True, message="")

    def prepare(self, target: Target, raw: Mapping[str, object]) -> Mapping[str, object]:
        del target
        return raw

    def find(self, target: Target) -> None:
        del target

    def create(self, target: Target) -> Audience:
        return Audience(id="1", name=target.cohort.name)

    def add(self, target: Target, batch: Batch) -> Answer:
        del target, batch
        return Done()

    def remove(self, target: Target, batch: Batch) -> Answer:
        del target, batch
        return Done()


def test_adapter__without_a_rare_ability__says_so_where_it_is_asked() -> None:
    now = datetime.datetime.now(datetime.UTC)
    cohort = Cohort(id="7", name="VIP", description=None, created_at=now)
    target = Target(cohort=cohort, identifiers=("email",))
    batch = Batch(rows=(), session=1, members=0)
    least = Least()
    for answer in (
        least.replace(target, batch),
        least.refresh(target, batch),
        least.settle(target, "1"),
    ):
        assert isinstance(answer, Stop)
    assert least.finish(target, 1, now) == Done()
