"""Deadlines: known to the thread that works on the request, and to no other."""

import math
import time
from concurrent.futures import ThreadPoolExecutor

from gateway.core import deadline


def test_remaining_seconds__without_a_deadline__are_infinite() -> None:
    deadline.start()
    assert deadline.remaining_seconds() == math.inf


def test_remaining_seconds__until_a_deadline__run_out() -> None:
    deadline.start(time.monotonic() + 60)
    first = deadline.remaining_seconds()
    assert 0 < deadline.remaining_seconds() <= first <= 60
    deadline.start(time.monotonic() - 1)
    assert deadline.remaining_seconds() < 0
    deadline.start()


def test_begin__in_one_thread__is_not_the_deadline_of_another() -> None:
    deadline.start(time.monotonic() - 1)
    with ThreadPoolExecutor(1) as threads:
        assert threads.submit(deadline.remaining_seconds).result() == math.inf
    deadline.start()
