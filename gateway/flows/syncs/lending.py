"""Lending threads: several requests of a run are under way at a time."""

from __future__ import annotations

import concurrent.futures
import contextlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from gateway.flows.syncs.work import Work


@contextlib.contextmanager
def sending(work: Work) -> Iterator[Callable[[Callable[[], None]], None]]:
    """Lend what does things in a few threads; the first that fails ends the block."""
    with concurrent.futures.ThreadPoolExecutor(work.concurrency, "sync") as threads:
        running: set[concurrent.futures.Future[None]] = set()

        def submit(act: Callable[[], None]) -> None:
            nonlocal running
            while len(running) >= work.concurrency:
                done, running = concurrent.futures.wait(
                    running, return_when=concurrent.futures.FIRST_COMPLETED
                )
                for one in done:
                    one.result()
            running.add(threads.submit(act))

        yield submit
        for one in concurrent.futures.as_completed(running):
            one.result()
    work.report()
