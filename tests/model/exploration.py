"""Lets the sender model loose in a process of its own, so that two can share the machine."""

from __future__ import annotations

import traceback
from concurrent.futures import ThreadPoolExecutor

import hypothesis
import structlog
from hypothesis import stateful

from gateway.store.engine import Pool
from tests.model.machine import THREADS, Machine, Tally


def explore(url: str, *, seed: int, examples: int, steps: int) -> Tally:
    """Run the examples of one seed on a migrated database; another process may use it too.

    Raises AssertionError with the shrunk example in its text, which outlives the process.
    """
    tally, pool = Tally(seed=seed), Pool(url, name="model", size=8, limit_seconds=60)
    settings = hypothesis.settings(
        max_examples=examples,
        stateful_step_count=steps,
        database=None,
        deadline=None,
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    # Thousands of events that nobody reads cost more than what they tell of.
    with ThreadPoolExecutor(THREADS) as crew, structlog.testing.capture_logs():

        @hypothesis.seed(seed)
        class Example(Machine):
            """An example on this process's connections."""

            def __init__(self) -> None:
                super().__init__(pool, crew, tally)

        try:
            stateful.run_state_machine_as_test(Example, settings=settings, _min_steps=steps)
        except Exception as error:  # noqa: BLE001 - not every error travels between processes
            raise AssertionError("".join(traceback.format_exception(error))) from None
    pool.close()
    return tally
