"""`python -m tests.workers.loading COHORT MODE ROWS`: loads rows as a reader, and seals the load.

Prints the number of the load once its reading began, and its own peak memory at the end (MiB).
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from gateway.core import moments
from gateway.core.cohorts.load import Mode
from gateway.flows.cohorts import load
from gateway.jobs import WakeUps
from tests.model import rows
from workers import runtime

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGE_ROWS: Final = 1000


class Silent(WakeUps):
    """Wake-ups that reach no worker."""

    def __init__(self) -> None:
        super().__init__("redis://127.0.0.1:1/0")

    def notify(self, cohort_id: int) -> bool:
        """Ring for a cohort."""
        return cohort_id > 0


def pages(count: int) -> Iterator[rows.Rows]:
    """Read so many rows, a page at a time."""
    for start in range(0, count, PAGE_ROWS):
        some = range(start, min(count, start + PAGE_ROWS))
        yield rows.of([(f"u{number}", f"{number}@example.com") for number in some])


def main(cohort_id: int, mode: Mode, count: int) -> int:
    """Load rows, and return the peak memory of this process."""
    pool = runtime.current().pool
    one = load.begin(pool, cohort_id, mode, now=moments.now())
    sys.stdout.write(f"{one.number}\n")
    sys.stdout.flush()
    for number, page in enumerate(pages(count), start=1):
        load.add(pool, one, number, page, now=moments.now())
    load.seal(pool, one, wake_ups=Silent(), now=moments.now())
    (kibibytes,) = re.findall(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    return int(kibibytes) // 1024


if __name__ == "__main__":
    found = main(int(sys.argv[1]), Mode(sys.argv[2]), int(sys.argv[3]))
    sys.stdout.write(f"{found}\n")
