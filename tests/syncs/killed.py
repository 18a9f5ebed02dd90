"""A process that works on the sync jobs that are due, and dies at a line.

Lines of the room of sync jobs are counted as they are run, in all threads; at that one the process
kills itself. It ends well if it has fewer to run.
"""

from __future__ import annotations

import datetime
import itertools
import os
import signal
import sys
import threading
from pathlib import Path
from types import FrameType
from typing import Any, Final

import gateway
from gateway import outbound
from gateway.flows.syncs.sender import Sender
from gateway.flows.syncs.setup import Setup
from gateway.store.db.engine import Pool
from gateway.vault import Vault
from tests.syncs import audience, office

ROOMS: Final = tuple(
    str(Path(gateway.__file__).parent / floor / "syncs") for floor in ("flows", "store")
)


def die_at(line: int) -> None:
    """Have this process killed at the so-manieth line that it runs from now on."""
    lines = itertools.count(1)

    def follow(frame: FrameType, event: str, _: Any) -> Any:  # noqa: ANN401 - as Python has it
        if not frame.f_code.co_filename.startswith(ROOMS):
            return None
        if event == "line" and next(lines) >= line:
            os.kill(os.getpid(), signal.SIGKILL)
        return follow

    threading.settrace(follow)
    sys.settrace(follow)


def work(url: str, now: datetime.datetime, line: int) -> None:
    """Work until nothing is due; dies before at that line, if it comes."""
    pool = Pool(url, name="send", size=8, limit_seconds=60)
    beating = Pool(url, name="lease", size=4, limit_seconds=5)
    with outbound.Client(allow=office.HERE, plain=office.HERE) as client:
        setup = Setup(
            kinds={"sample": audience.KIND},
            vault=Vault([office.KEY]),
            client=client,
            now=lambda: now,
        )
        sender = Sender(pool, beating, setup, holder=f"{os.getpid()}", patience_seconds=3.0)
        die_at(line)
        while sender.look():
            sender.wait()
        sender.close()
