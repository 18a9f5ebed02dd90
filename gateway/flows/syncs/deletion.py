"""Deletion of sync jobs, at once or when all that they have added is taken out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway import errors
from gateway.core import fields
from gateway.core.access.actor import GATEWAY
from gateway.core.syncs.job import Asked, Mode, State
from gateway.destinations.facts import Replaces
from gateway.flows.syncs import jobs as flow
from gateway.store.db import audit
from gateway.store.syncs import destinations, jobs, runs

if TYPE_CHECKING:
    import datetime

    from sqlalchemy import Connection

    from gateway.core.access.actor import Actor
    from gateway.flows.syncs.setup import Setup
    from gateway.store.db.engine import Pool
    from gateway.store.syncs.jobs import Job


def delete(
    pool: Pool,
    job_id: int,
    setup: Setup,
    *,
    remove: bool,
    now: datetime.datetime,
    actor: Actor = GATEWAY,
) -> bool:
    """Delete a job; with `remove` once all it has added is taken out. True if that is to come.

    Raises errors.NotFound, and errors.Conflict where nothing can be taken out.
    """
    with pool.begin() as conn:
        found = flow.lock(conn, job_id)
        if remove:
            _require_removal(conn, found, setup)
        runs.cancel(conn, job_id, now=now)
        if remove:
            runs.queue(conn, job_id, Asked.REMOVE, now=now)
            # One that is done stays so: another job may have its place.
            state = State.DONE if found.state == State.DONE else State.ACTIVE
            jobs.ask(conn, job_id, Asked.REMOVE, state=state, now=now)
        else:
            jobs.delete(conn, job_id, now=now)
        audit.write(conn, actor, "sync_job.deleted", job_id, now=now, remove=remove)
    return remove


def _require_removal(conn: Connection, found: Job, setup: Setup) -> None:
    """Raise errors.Conflict where a run that takes members out could never end."""
    destination = destinations.share(conn, found.slug)
    if destination is None or destination.id != found.destination_id:
        raise errors.Conflict(
            "the destination was removed; delete the job without remove", code="destination_removed"
        )
    kind = setup.kinds.get(found.kind)
    if kind is None:
        return  # the run tells
    facts = kind.told(fields.shown(kind.config, destination.config))
    if Mode.MIRROR not in facts.modes and facts.replaces is not Replaces.ALWAYS:
        raise errors.Conflict(
            "this destination cannot remove members; delete the job without remove, and take out"
            " its members by hand",
            code="cannot_remove",
        )
