"""Watching for troubles: each is told once when it begins, and once when it is over.

What is known and what is to be said are written in one transaction, by one process at a time, so a
message is neither lost nor doubled by a process that dies here.
"""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, Final

from gateway.core.notices import trouble
from gateway.core.notices.trouble import Kind, Trouble
from gateway.store.db import chores
from gateway.store.notices import outbox, troubles

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection

    from gateway.store.db.engine import Pool

CHORE: Final = "notices"
EVERY_SECONDS: Final = 15.0
LEASE_SECONDS: Final = 60.0
# How long Mixpanel may be away before that is told; a person is needed at once where it stopped.
IMPORT_PATIENCE: Final = datetime.timedelta(minutes=5)
# How long a message that is over can be looked at.
KEPT: Final = datetime.timedelta(days=30)
# What keeps a load from its database concerns all cohorts of the source, which is told once.
OF_THE_SOURCE: Final = ("unreachable", "sign_in_failed", "secret_unreadable")


def tick(pool: Pool, *, now: datetime.datetime, every_seconds: float = EVERY_SECONDS) -> bool:
    """Look for troubles if that is due; False if it is not."""
    with pool.begin() as conn:
        claimed = chores.claim(
            conn, CHORE, every_seconds=every_seconds, lease_seconds=LEASE_SECONDS
        )
        if claimed is None:
            return False
        changed = trouble.difference(troubles.known(conn), _found(conn, now=now))
        if changed.begun:
            troubles.remember(conn, changed.begun, now=now)
        if changed.over:
            troubles.forget(conn, changed.over)
        if messages := trouble.messages(changed):
            outbox.put(conn, messages, now=now)
        outbox.prune(conn, before=now - KEPT)
        chores.give_back(conn, CHORE, after=0)
    return True


def _found(conn: Connection, *, now: datetime.datetime) -> Iterator[Trouble]:
    yield from map(_of_job, troubles.jobs(conn))
    yield from map(_of_import, troubles.imports(conn, before=now - IMPORT_PATIENCE))
    for one in troubles.approvals(conn):
        what = f"load {one.cohort_id}-{one.number}"
        yield _of_cohort(one, Kind.NEEDS_APPROVAL, what, f"its {what} needs an approval")
    yield from map(_of_load, troubles.failed(conn))
    for one in troubles.stale(conn, now=now):
        yield _of_cohort(one, Kind.STALE, _cohort(one), "nothing was heard of it in time")
    for one in troubles.refused(conn):
        yield _of_cohort(one, Kind.REFUSED, _cohort(one), f"a page was refused with {one.code}")
    for one in troubles.blocked(conn):
        yield _of_cohort(one, Kind.BLOCKED, _cohort(one), "it has pages that cannot be applied")


def _cohort(one: troubles.OfCohort) -> str:
    return f"cohort {one.cohort_id}"


def _of_cohort(one: troubles.OfCohort, kind: Kind, subject: str, what: str) -> Trouble:
    name = trouble.named(one.name)
    return Trouble(
        kind=kind,
        subject=subject,
        line=f"Cohort {one.cohort_id} {name} of source {one.source}: {what}",
        channels=tuple(one.channels),
    )


def _of_load(one: troubles.OfCohort) -> Trouble:
    if one.code not in OF_THE_SOURCE:
        return _of_cohort(one, Kind.FAILING, _cohort(one), f"its load failed: {one.code}")
    return Trouble(
        kind=Kind.FAILING,
        subject=f"source {one.source}",
        line=f"Source {one.source}: loads fail with {one.code}",
        channels=tuple(one.of_source),
    )


def _of_import(one: troubles.OfImport) -> Trouble:
    return Trouble(
        kind=Kind.FAILING,
        subject=f"actions of source {one.source}",
        line=f"Source {one.source}: its actions are not sent to Mixpanel,"
        f" it is {one.state}: {one.code}",
        channels=tuple(one.channels),
    )


def _of_job(one: troubles.OfJob) -> Trouble:
    approval = one.state == Kind.NEEDS_APPROVAL
    what = "a run needs an approval" if approval else f"it is {one.state}: {one.code}"
    name = trouble.named(one.name)
    return Trouble(
        kind=Kind.NEEDS_APPROVAL if approval else Kind.FAILING,
        subject=f"sync job {one.job_id}",
        line=f"Sync job {one.job_id} of cohort {one.cohort_id} {name} to {one.destination}: {what}",
        channels=tuple(one.channels),
    )
