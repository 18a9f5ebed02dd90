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

# Derandomized, so that a change is judged by the change alone.
GATE = hypothesis.settings(
    max_examples=EXAMPLES,
    stateful_step_count=STEPS,
    derandomize=True,
    database=None,
    deadline=None,
    print_blob=True,
    suppress_health_check=list(hypothesis.HealthCheck),
)


@pytest.mark.timeout(600)
def test_model__whatever_senders_do__members_counts_and_changes_are_the_oracles(
    pool: Pool, capsys: pytest.CaptureFixture[str]
) -> None:
    tally = Tally()

    class Example(Machine):
        """An example on this test's database."""

        def __init__(self) -> None:
            super().__init__(pool, crew, tally)

    with ThreadPoolExecutor(THREADS * 2) as crew:
        stateful.run_state_machine_as_test(Example, settings=GATE)
    with capsys.disabled():
        print(  # noqa: T201 - the gate's output tells how much was tried
            f"\nsender model: {tally.examples} examples, {tally.steps} steps, {tally.pages} pages"
        )
    assert tally.examples >= EXAMPLES
