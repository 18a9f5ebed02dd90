"""Workers and the scheduler die, or freeze, while they apply."""

from __future__ import annotations

import pytest

from tests.faults.trial import Bench


@pytest.mark.parametrize(
    "point", ["before-claim", "mid-apply", "before-commit", "after-commit", "pop-gap"]
)
def test_worker__killed__is_taken_over(bench: Bench, point: str) -> None:
    with bench.trial(f"worker killed {point.replace('-', ' ')}") as trial:
        for _ in range(3):
            fired = trial.kill_at(f"worker.{point}")
            if fired.cohort_id is not None:
                seconds = trial.measure_takeover(fired.cohort_id, fired.at)
                trial.note(f"taken over after {seconds:.1f} s")
