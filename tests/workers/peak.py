"""`python -m tests.workers.peak COHORT`: drains a cohort as a worker and prints its peak memory.

In MiB, as Linux counts it. The clock is ahead, so that no refresh waits for more of itself.
"""

from __future__ import annotations

import datetime
import re
import sys
from pathlib import Path

from gateway.core import moments
from gateway.flows.cohorts.apply import Drained
from workers import runtime


def main(cohort_id: int) -> int:
    """Drain it, whatever time it takes."""
    made = runtime.current()
    later = datetime.timedelta(minutes=1)
    applier = type(made.applier)(made.pool, now=lambda: moments.now() + later)
    while applier.drain(cohort_id) is Drained.OUT_OF_TIME:
        pass
    (kibibytes,) = re.findall(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    return int(kibibytes) // 1024


if __name__ == "__main__":
    sys.stdout.write(f"{main(int(sys.argv[1]))}\n")
