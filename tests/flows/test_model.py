"""Whatever senders do, a cohort is what section 1.3 of the interface says it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.model.exploration import explore
from tests.model.loading_machine import LoadingMachine, Loads

if TYPE_CHECKING:
    from collections.abc import Callable

# Whoever is next in this process finds an empty database.
pytestmark = pytest.mark.usefixtures("pool")

EXAMPLES = 50
STEPS = 50
# Seeds are fixed, so that a change is judged by the change alone. The first is in `make test`, the
# other in `make test-long`.
SEEDS = [pytest.param(seed, marks=[pytest.mark.long] if seed else []) for seed in range(2)]


@pytest.mark.timeout(600)
@pytest.mark.parametrize("seed", SEEDS)
def test_model__whatever_senders_do__members_counts_and_changes_are_the_oracles(
    seed: int, database_url: str, record_property: Callable[[str, object], None]
) -> None:
    tally = explore(database_url, seed=seed, examples=EXAMPLES, steps=STEPS)
    record_property(
        "figures",
        f"sender model, seed {seed}: {tally.examples} examples of up to {STEPS} steps,"
        f" {tally.steps} steps, {tally.pages} pages",
    )
    assert tally.examples >= EXAMPLES


@pytest.mark.timeout(600)
@pytest.mark.parametrize("seed", SEEDS)
def test_model__with_loads_begun_early_and_late__is_the_oracles(
    seed: int, database_url: str, record_property: Callable[[str, object], None]
) -> None:
    class Counted(LoadingMachine):
        """Examples whose loads are counted by themselves."""

        loads = Loads()

    examples = EXAMPLES // 2
    tally = explore(database_url, seed=seed + 100, examples=examples, steps=STEPS, machine=Counted)
    record_property(
        "figures",
        f"sender model with loads, seed {seed}: {tally.examples} examples, {tally.steps} steps,"
        f" {tally.pages} pages, {Counted.loads.sealed} of {Counted.loads.begun} loads sealed",
    )
    assert tally.examples >= examples
    assert Counted.loads.sealed > examples
