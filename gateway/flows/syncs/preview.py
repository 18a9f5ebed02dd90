"""Previews: what a job would send, counted and shown on a few rows, without any state moved."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, Final

from gateway import errors
from gateway.core import fields
from gateway.core.access.actor import GATEWAY
from gateway.core.syncs import mapping as mappings
from gateway.destinations.adapter import Cohort, Target
from gateway.destinations.answers import Skipped
from gateway.destinations.facts import Way
from gateway.flows.syncs import jobs as flow
from gateway.flows.syncs import setup as setups
from gateway.flows.syncs import work
from gateway.flows.syncs.ending import Stopped
from gateway.store.db import audit
from gateway.store.syncs import cohorts_seen, comparison, jobs, secrets
from gateway.store.syncs.ledger import Scope

if TYPE_CHECKING:
    import datetime
    from collections.abc import Mapping, Sequence

    from sqlalchemy import Connection

    from gateway.core.access.actor import Actor
    from gateway.destinations.adapter import Account
    from gateway.flows.syncs.jobs import Checked, Wanted
    from gateway.flows.syncs.setup import Setup
    from gateway.store.db.engine import Pool
    from gateway.store.syncs.comparison import Member

# Of so many members the fill rates are told.
SAMPLE: Final = 5000
ROWS: Final = 3


@dataclasses.dataclass(frozen=True, kw_only=True)
class Preview:
    """Counts, shares of members by identifier, and rows before and after normalising."""

    add: int
    remove: int
    identifiers: Mapping[str, Mapping[str, float]]
    matchable: float
    rows: Sequence[Mapping[str, Any]]


def preview(
    pool: Pool,
    wanted: Wanted,
    setup: Setup,
    *,
    suppress: Sequence[int] = (),
    now: datetime.datetime,
    actor: Actor = GATEWAY,
) -> Preview:
    """Say what a job would do at its next run; `suppress` is for all jobs.

    Raises errors.Invalid.
    """
    with pool.begin() as conn:
        checked = flow.check(conn, wanted, setup)
        hidden = tuple(sorted({*checked.suppress, *suppress}))
        _require_suppress(conn, hidden, now=now)
        job_id = jobs.current(conn, checked.cohort.id, checked.destination.id)
        scope = _scope(wanted, checked, job_id or 0, hidden)
        counted = comparison.count(conn, scope)
        if _follows(checked):
            counted = _changes(conn, checked, job_id, counted)
        members = comparison.wanted(conn, scope, after="", limit=SAMPLE, everybody=True)
        sealed = secrets.of_destinations(conn, [checked.destination.id])
        audit.write(
            conn,
            actor,
            "sync_job.previewed",
            checked.destination.slug,
            now=now,
            cohort_id=str(checked.cohort.id),
        )
    try:
        account = setup.account(checked.destination, sealed)
    except errors.SecretUnreadable as error:
        raise errors.Invalid([errors.Fault("destination", str(error))]) from error
    if _follows(checked):
        return _shown(wanted, counted, [(one, _followed(wanted, one)) for one in members], ())
    sent = _prepared(wanted, checked, account, members)
    return _shown(wanted, counted, sent, checked.kind.told(account.config).matching)


def _require_suppress(conn: Connection, suppress: Sequence[int], *, now: datetime.datetime) -> None:
    """Raise errors.Invalid where a suppressed cohort would stop the job."""
    try:
        work.require_suppress(cohorts_seen.get(conn, suppress), suppress, now=now)
    except Stopped as error:
        raise errors.Invalid([errors.Fault("suppress", str(error))]) from error


def _follows(checked: Checked) -> bool:
    return checked.kind.facts.way is Way.CHANGES


def _changes(
    conn: Connection, checked: Checked, job_id: int | None, counted: comparison.Counts
) -> comparison.Counts:
    """Count what a feed would be told: the changes to come, and the first members."""
    found = None if job_id is None else jobs.get(conn, job_id)
    if found is None:
        first = checked.options.get("start") == "members"
        return comparison.Counts(add=counted.add if first else 0, remove=0, sent=0)
    to_come = cohorts_seen.pending(conn, found.cohort, after=found.delivered)
    first = counted.add if found.first_after is not None else 0
    return comparison.Counts(add=to_come.entered + first, remove=to_come.exited, sent=0)


def _scope(wanted: Wanted, checked: Checked, job_id: int, suppress: tuple[int, ...]) -> Scope:
    config = fields.shown(checked.kind.config, checked.destination.config)
    seed = mappings.seed(wanted.mapping, checked.options, wanted.consent, checked.kind.name, config)
    return Scope(
        cohort_id=checked.cohort.id,
        job_id=job_id,
        suppress=suppress,
        seed=seed,
        properties=mappings.reads_properties(wanted.mapping),
        entered=mappings.ENTERED_AT in wanted.mapping.values(),
    )


def _prepared(
    wanted: Wanted, checked: Checked, account: Account, members: Sequence[Member]
) -> list[tuple[Member, Mapping[str, object] | Skipped]]:
    adapter, target = setups.adapter(checked.kind, account), _target(wanted, checked)
    return [
        (one, adapter.prepare(target, mappings.read(wanted.mapping, one.document)))
        for one in members
    ]


def _followed(wanted: Wanted, one: Member) -> Mapping[str, object]:
    return {"member_id": one.member_id, **mappings.read(wanted.mapping, one.document)}


def _target(wanted: Wanted, checked: Checked) -> Target:
    cohort = checked.cohort
    return Target(
        cohort=Cohort(
            id=str(cohort.id),
            name=cohort.name,
            description=cohort.description,
            created_at=cohort.created_at,
        ),
        identifiers=tuple(wanted.mapping),
        options=checked.options,
        consent=wanted.consent,
    )


def _shown(
    wanted: Wanted,
    counted: comparison.Counts,
    sent: Sequence[tuple[Member, Mapping[str, object] | Skipped]],
    matching: Sequence[frozenset[str]],
) -> Preview:
    """Tell shares of a sample, and the first rows of it."""
    size = max(1, len(sent))
    found = [{} if isinstance(after, Skipped) else after for _, after in sent]
    matchable = [one for one in found if not matching or any(s <= one.keys() for s in matching)]
    return Preview(
        add=counted.add,
        remove=counted.remove if wanted.mode == "mirror" else 0,
        identifiers={
            name: {"share": round(sum(_has(one, name) for one in found) / size, 4)}
            for name in wanted.mapping
        },
        matchable=round(len(matchable) / size, 4),
        rows=[
            {
                "member_id": member.member_id,
                "before": mappings.read(wanted.mapping, member.document),
                "after": None if isinstance(after, Skipped) else dict(after),
                "skipped": after.reason if isinstance(after, Skipped) else None,
            }
            for member, after in sent[:ROWS]
        ],
    )


def _has(sent: Mapping[str, object], name: str) -> bool:
    return sent.get(name) not in (None, "")
