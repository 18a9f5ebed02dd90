"""The disk of Postgres fills up, and is freed again."""

from __future__ import annotations

import contextlib
import time

import pytest

from tests.faults import disk
from tests.faults.installation import installed
from tests.faults.report import Row
from tests.faults.trial import Bench


@pytest.mark.timeout(180)
def test_disk__full__is_503_until_there_is_room(
    tmp_path_factory: pytest.TempPathFactory, rows: list[Row]
) -> None:
    folder = tmp_path_factory.mktemp("full")
    with disk.small(folder / "disk") as small, contextlib.ExitStack() as ending:
        here = ending.enter_context(installed(folder, disk=small))
        bench = Bench(here, ending.enter_context(here.pool()), rows)
        with bench.trial("disk full for 5 s, then freed") as trial:
            trial.note(small.how)
            began = time.monotonic()
            while time.monotonic() - began < 5:
                small.fill()
                trial.run_for(0.2)
            small.free()
            trial.mended()
            trial.await_pages(20)
            assert 503 in trial.load.ear.statuses(since=began)
