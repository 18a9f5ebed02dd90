"""Lets the sender models loose: on the flows, in a process of its own, or on a running gateway."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import hypothesis
import structlog
from hypothesis import stateful

from gateway.store.db.engine import Pool
from tests.model.machine import THREADS, Machine, Tally
from tests.model.remote import Remote
from tests.model.remote_machine import RemoteMachine


def explore(
    url: str, *, seed: int, examples: int, steps: int, machine: type[Machine] = Machine
) -> Tally:
    """Run the examples of one seed on a migrated database; another process may use it too.

    Raises AssertionError with the shrunk example in its text, which outlives the process.
    """
    tally, pool = Tally(seed=seed), Pool(url, name="model", size=8, limit_seconds=60)
    # Thousands of events that nobody reads cost more than what they tell of.
    with ThreadPoolExecutor(THREADS) as crew, structlog.testing.capture_logs():

        @hypothesis.seed(seed)
        class Example(machine):  # type: ignore[valid-type, misc]
            """An example on this process's connections."""

            def __init__(self) -> None:
                super().__init__(pool, crew, tally)

        _run(Example, examples=examples, steps=steps, phases=tuple(hypothesis.Phase))
    pool.close()
    return tally


def explore_remotely(
    remote: Callable[[str], Remote], *, seed: int, examples: int, steps: int
) -> Tally:
    """Run the examples of one seed over HTTP; `remote` is given the name of an unused project.

    Raises AssertionError with the example in its text; shrinking it would take too long.
    """
    tally = Tally(seed=seed)
    with ThreadPoolExecutor(THREADS) as crew:

        @hypothesis.seed(seed)
        class Example(RemoteMachine):
            """An example in a project of its own."""

            def __init__(self) -> None:
                super().__init__(remote, crew, tally)

        _run(Example, examples=examples, steps=steps, phases=(hypothesis.Phase.generate,))
    return tally


def _run(
    example: type[stateful.RuleBasedStateMachine],
    *,
    examples: int,
    steps: int,
    phases: tuple[hypothesis.Phase, ...],
) -> None:
    settings = hypothesis.settings(
        max_examples=examples,
        stateful_step_count=steps,
        database=None,
        deadline=None,
        phases=phases,
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    try:
        stateful.run_state_machine_as_test(example, settings=settings, _min_steps=steps)
    except Exception as error:  # noqa: BLE001 - not every error travels between processes
        raise AssertionError("".join(traceback.format_exception(error))) from None
