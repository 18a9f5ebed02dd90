"""The kinds of processes that do the gateway's work, each with a queue of its own or with none."""

from __future__ import annotations

from typing import Final

# Applies accepted pages.
WORKER: Final = "worker"
# Sweeps and does periodic tasks; work comes to it by the clock, not by a queue.
SCHEDULER: Final = "scheduler"
# Reads from sources: a read may take an hour, and no page waits for it.
LOADER: Final = "loader"
# Sends to destinations: one that hangs delays neither pages nor reads.
SENDER: Final = "sender"

KINDS: Final = (WORKER, SCHEDULER, LOADER, SENDER)
QUEUED: Final = (WORKER, LOADER, SENDER)
# Work is lost time without these.
NEEDED: Final = (WORKER, SCHEDULER, LOADER, SENDER)
