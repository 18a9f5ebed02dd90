"""Whatever senders do, a cohort is what section 1.3 of the interface says it is."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import hypothesis
import pytest
from hypothesis import stateful

from tests.model.machine import THREADS, Machine, Tally

if TYPE_CHECKING:
    from gateway.store.engine import Pool

EXAMPLES = 200
STEPS = 50
# Each seed has its own thread: while one waits for Postgres, another thinks. They are fixed, so
# that a change is judged by the change alone.
SEEDS = (1, 2)

GATE = hypothesis.settings(
    max_examples=EXAMPLES // len(SEEDS),
    stateful_step_count=STEPS,
    database=None,
    deadline=None,
    print_blob=True,
    suppress_health_check=list(hypothesis.HealthCheck),
)


def explore(pool: Pool, seed: int) -> Tally:
    """Run the examples of one seed."""
    tally = Tally(seed=seed)
    with ThreadPoolExecutor(THREADS) as crew:

        @hypothesis.seed(seed)
        class Example(Machine):
            """An example on this test's database."""

            def __init__(self) -> None:
                super().__init__(pool, crew, tally)

        stateful.run_state_machine_as_test(Example, settings=GATE)
    return tally


@pytest.mark.timeout(600)
def test_model__whatever_senders_do__members_counts_and_changes_are_the_oracles(
    pool: Pool, capsys: pytest.CaptureFixture[str]
) -> None:
    with ThreadPoolExecutor(len(SEEDS)) as crew:
        tallies = list(crew.map(lambda seed: explore(pool, seed), SEEDS))
    examples, steps = sum(t.examples for t in tallies), sum(t.steps for t in tallies)
    with capsys.disabled():
        print(  # noqa: T201 - the gate's output tells how much was tried
            f"\nsender model: {examples} examples, {steps} steps,"
            f" {sum(t.pages for t in tallies)} pages"
        )
    assert examples >= EXAMPLES
