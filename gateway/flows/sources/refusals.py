"""Refusals: what was refused is noted beside the answer, shown, and forgotten after 30 days.

A note is worth less than any page: it is taken on a thread and a connection of its own, refusals of
one kind are counted together, and what cannot be written is lost. Nothing of it changes an answer.
"""

from __future__ import annotations

import concurrent.futures
import dataclasses
import datetime
import threading
import time
from typing import TYPE_CHECKING, Final

import structlog

from gateway import aside, errors
from gateway.core import texts
from gateway.core.cohorts import page as pages
from gateway.flows.cohorts.parts import ListPage
from gateway.store.db import chores
from gateway.store.sources import refusals

if TYPE_CHECKING:
    from gateway.store.db.engine import Pool
    from gateway.store.sources.refusals import Refusal
    from gateway.store.sources.senders import SourceAndCohort

# Of a pool for notes: more than one connection would be of no use, and a lock is not waited for.
CONNECTIONS: Final = 1
LIMIT_SECONDS: Final = 1.0
# How often a process writes what it counted, at most, and of how many kinds in between.
INTERVAL_SECONDS: Final = 0.2
MOST_AT_ONCE: Final = 200
# An answer waits so long for the first note after a pause, so that it can be read at once.
WAIT_SECONDS: Final = 0.1

MOST_OF_A_SOURCE: Final = 1000
MAX_MESSAGE_CHARACTERS: Final = 500
KEPT: Final = datetime.timedelta(days=30)
NEWEST: Final = (2**63 - 1,)

CHORE: Final = "refusals"
EVERY_SECONDS: Final = 60.0

_log = structlog.get_logger()


class Recorder:
    """Takes notes of refusals in the background."""

    def __init__(self, pool: Pool, *, interval_seconds: float = INTERVAL_SECONDS) -> None:
        self._pool = pool
        self._interval_seconds = interval_seconds
        self._lock = threading.Lock()
        self._counted: dict[tuple[int, bytes], refusals.Counted] = {}
        self._busy = False
        self._thread = concurrent.futures.ThreadPoolExecutor(1, "refusals")

    def note(
        self,
        addressee: SourceAndCohort,
        cohort: tuple[str, str] | None,
        error: errors.Refused,
        *,
        signed: bool,
        now: datetime.datetime,
    ) -> None:
        """Note that a page for a source was refused; `cohort` is project and cohort as it says.

        `signed` tells whether credentials came with it. Where they were wrong any sender can say
        anything: only a cohort that exists is believed then.
        """
        stranger = isinstance(error, errors.Unauthenticated) and addressee.cohort is None
        believed = None if stranger else cohort
        refused = refusals.Refused(
            source_id=addressee.source.id,
            cohort_key=pages.cohort_key(*believed) if believed else None,
            project_id=texts.shown_id(believed[0]) if believed else None,
            external_id=texts.shown_id(believed[1]) if believed else None,
            status=error.status,
            message=str(error)[:MAX_MESSAGE_CHARACTERS],
            signed=signed or not addressee.source.config.auth_required,
        )
        with aside.harmless("refusals"):
            self._count(refused, known=addressee.cohort is not None, now=now)

    def _count(self, refused: refusals.Refused, *, known: bool, now: datetime.datetime) -> None:
        key = (refused.source_id, refused.key)
        with self._lock:
            before = self._counted.get(key)
            # Half of the room is for cohorts that exist: a flood of others does not hide them.
            if before is None and len(self._counted) >= MOST_AT_ONCE // (1 if known else 2):
                return
            signed = refused.signed or (before is not None and before.refused.signed)
            self._counted[key] = refusals.Counted(
                refused=dataclasses.replace(refused, signed=signed),
                first_at=before.first_at if before else now,
                last_at=now,
                count=before.count + 1 if before else 1,
            )
            if self._busy:
                return
            written = self._thread.submit(self._write)
            self._thread.submit(self._go_on)
            self._busy = True
        concurrent.futures.wait([written], WAIT_SECONDS)

    def _write(self) -> None:
        with self._lock:
            counted, self._counted = list(self._counted.values()), {}
        try:
            with self._pool.begin() as conn:
                refusals.record(conn, counted, most=MOST_OF_A_SOURCE)
        except errors.GatewayError as error:
            count = sum(one.count for one in counted)
            _log.warning("refusals.lost", count=count, reason=str(error))

    def _go_on(self) -> None:
        """Write what was counted meanwhile, after a rest; until nothing was."""
        while True:
            time.sleep(self._interval_seconds)
            with self._lock:
                self._busy = bool(self._counted)
                if not self._busy:
                    return
            self._write()


def listing(
    pool: Pool, *, source: str | None, since: datetime.datetime | None, before: int, limit: int
) -> ListPage[Refusal, tuple[int]]:
    """List refusals, the newest kinds first; of one source, or such as happened since a moment."""
    with pool.read() as conn:
        found = refusals.listing(conn, source=source, since=since, before=before, limit=limit + 1)
    return ListPage.cut(found, limit, lambda refusal: (refusal.id,))


def tend(pool: Pool, *, every_seconds: float = EVERY_SECONDS) -> bool:
    """Keep when refusals were over, and forget old ones, if that is due."""
    with pool.begin() as conn:
        claimed = chores.claim(
            conn, CHORE, every_seconds=every_seconds, lease_seconds=every_seconds
        )
        if claimed is None:
            return False
        refusals.settle(conn)
        refusals.prune(conn, before=claimed.begun_at - KEPT)
        chores.give_back(conn, CHORE, after=0)
    return True
