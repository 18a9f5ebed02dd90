"""The web processes die, or are told to end, while pages come."""

from __future__ import annotations

import pytest

from tests.faults.trial import Bench


@pytest.mark.parametrize("point", ["before-insert", "before-commit", "after-commit", "after-ring"])
def test_web_process__killed__loses_nothing(bench: Bench, point: str) -> None:
    with bench.trial(f"web process killed {point.replace('-', ' ')}") as trial:
        for _ in range(3):
            trial.kill_at(f"web.{point}")
            trial.await_pages(10)
