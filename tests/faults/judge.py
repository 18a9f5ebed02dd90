"""The oracle: what is stored, applied and shown must follow from what was acknowledged."""

from __future__ import annotations

import collections
import dataclasses
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from sqlalchemy import text

from gateway.simulator import mixpanel
from gateway.simulator.service import Service, Standing
from gateway.simulator.wire import Wire
from tests.faults.senders import Sender
from tests.http import scrape
from tests.model import book, oracle
from tests.model import sender as model
from tests.stack import API_KEY

if TYPE_CHECKING:
    from gateway.store.db.engine import Pool
    from tests.faults.installation import Installation

DEFAULT_SLUG = "default"
# How long nothing may be going on in Postgres before what is left counts as left behind.
SETTLED_SECONDS = 15.0


@dataclasses.dataclass
class Verdict:
    """What was compared, and each difference as a sentence; none is what there should be."""

    stored: int = 0
    lost: int = 0
    twice: int = 0
    differences: list[str] = dataclasses.field(default_factory=list)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Stored:
    """A page as the inbox has it."""

    number: int
    session_id: str
    action: str
    page: int


@dataclasses.dataclass(frozen=True, kw_only=True)
class Progress:
    """Up to which delivery a cohort was received, and applied."""

    cohort_id: int
    received: int
    applied: int

    @property
    def waits(self) -> bool:
        """Whether anything is left to apply."""
        return self.received > self.applied


def judge(installation: Installation, pool: Pool, senders: list[Sender]) -> Verdict:
    """Compare everything about the cohorts of some senders, once nothing is pending."""
    verdict = Verdict()
    wire = Wire(installation.base_url)
    service = Service(wire, API_KEY, sleep=time.sleep)
    for sender in senders:
        if sender.trouble is not None:
            verdict.differences.append(f"{sender.sync.cohort.cohort_id}: {sender.trouble}")
            continue
        for difference in _cohort(pool, service, sender, verdict):
            verdict.differences.append(f"{sender.sync.cohort.cohort_id}: {difference}")
    wire.close()
    verdict.differences += _left_behind(pool)
    verdict.differences += _series(installation, pool)
    return verdict


def progress(pool: Pool) -> dict[int, Progress]:
    """Tell of each cohort how far it was received and applied."""
    with pool.read() as conn:
        return {row.cohort_id: Progress(**row._mapping) for row in conn.execute(_PROGRESS)}


def pending(pool: Pool) -> dict[int, int]:
    """Tell which cohorts have something to apply, and up to which delivery."""
    return {one.cohort_id: one.received for one in progress(pool).values() if one.waits}


def applied(pool: Pool, cohort_id: int) -> int:
    """Tell up to which delivery a cohort has been applied."""
    return progress(pool)[cohort_id].applied


def _cohort(pool: Pool, service: Service, sender: Sender, verdict: Verdict) -> Iterator[str]:
    standing = service.standing("default", sender.sync.cohort)
    if standing is None:
        verdict.lost += len(sender.acknowledged)
        yield "the gateway does not know it"
        return
    cohort_id = int(standing.id)
    stored = _stored(pool, cohort_id)
    verdict.stored += len(stored)
    strangers = [one for one in stored if _identity(one) not in sender.sent]
    if strangers:
        yield f"{len(strangers)} pages are stored that nobody sent"
        return
    expected = oracle.Cohort(sender.sync.cohort.cohort_id)
    for one in stored:
        if not expected.receive(_as_model(sender.sent[_identity(one)])):
            verdict.twice += 1
            yield f"delivery {one.number} is stored twice"
        del expected.snapshots[:-1]  # they would fill the memory in a long run
    yield from _inbox(sender, stored, verdict)
    yield from _members(pool, cohort_id, sender, expected, verdict)
    yield from _transitions(expected.moves, book.moves(pool, cohort_id), verdict)
    yield from _shown(service, standing, expected)


def _members(
    pool: Pool, cohort_id: int, sender: Sender, expected: oracle.Cohort, verdict: Verdict
) -> Iterator[str]:
    """Everything that is stored is applied, and that makes exactly the sender's members."""
    found, stored = book.standing(pool, cohort_id), len(expected.deliveries)
    if set(expected.members) != sender.sync.members:
        yield "what is stored does not make the sender's members"
    if (found.through, found.received) != (stored, stored):
        yield f"{stored} are stored, {found.received} numbered, {found.through} applied"
    if found.members != expected.members:
        verdict.lost += len(expected.members.items() - found.members.items())
        yield f"{len(found.members)} members, not the {len(expected.members)} there should be"
    if found.member_count != len(found.members):
        yield f"{found.member_count} members are counted, {len(found.members)} are there"


def _shown(service: Service, standing: Standing, expected: oracle.Cohort) -> Iterator[str]:
    """The API shows the same people, with what was sent of each."""
    listed = {one.member_id: one.profile for one in service.members(standing.id)}
    if not len(listed) == standing.member_count == len(expected.members):
        yield f"{standing.member_count} are shown as counted and {len(listed)} as listed"
    if spoiled := [one for one, profile in listed.items() if profile != _profile(one)]:
        yield f"{len(spoiled)} profiles are not what was sent"


def _inbox(sender: Sender, stored: list[Stored], verdict: Verdict) -> Iterator[str]:
    """What was acknowledged is stored, once, in the order it was acknowledged; nothing else is."""
    numbers = [one.number for one in stored]
    if numbers != list(range(1, len(stored) + 1)):
        yield "the deliveries have gaps"
    by_identity = {_identity(one): one.number for one in stored}
    acknowledged = list(dict.fromkeys(_sent(page) for page in sender.acknowledged))
    missing = [identity for identity in acknowledged if identity not in by_identity]
    if missing:
        verdict.lost += len(missing)
        yield f"{len(missing)} acknowledged pages are not stored"
    order = [by_identity[identity] for identity in acknowledged if identity in by_identity]
    if order != sorted(order):
        yield "pages are not in the order in which they were acknowledged"


def _transitions(
    expected: list[oracle.Move], found: list[tuple[str, str, int]], verdict: Verdict
) -> Iterator[str]:
    """Hold the transitions to the model's, run by run in the order of receipt."""
    counted = collections.Counter((kind, one) for kind, one, _ in found)
    counted.subtract((move.kind, move.member_id) for move in expected)
    surplus = sum(count for count in counted.values() if count > 0)
    verdict.twice += surplus
    if surplus or any(count < 0 for count in counted.values()):
        yield f"{len(found)} transitions, not {len(expected)}, {surplus} of them too many"
        return
    runs: dict[int, list[tuple[str, str, int]]] = {}
    for move in expected:
        runs.setdefault(move.run, []).append((move.kind, move.member_id, move.session))
    start = 0
    for run in sorted(runs):
        end = start + len(runs[run])
        if sorted(found[start:end]) != sorted(runs[run]):
            yield f"the transitions {start + 1} to {end} are not those of run {run}"
            return
        start = end


def _left_behind(pool: Pool) -> list[str]:
    """No transaction, lock or prepared transaction may outlive what it was for."""
    end, found = time.monotonic() + SETTLED_SECONDS, ["nothing was looked at"]
    while found and time.monotonic() < end:
        with pool.read() as conn:
            found = [str(row.what) for row in conn.execute(_LEFT_BEHIND)]
        time.sleep(0.2 if found else 0)
    return found


def _series(installation: Installation, pool: Pool) -> Iterator[str]:
    """What is counted in Postgres is shown by /metrics as the tables have it.

    Of the webhook's source alone, whose pages are all kept: those of loads are not once applied.
    """
    wire = Wire(installation.base_url)
    page = scrape.parse(wire.request("GET", "/metrics", headers={}).body.decode())
    wire.close()
    with pool.read() as conn:
        expected = dict(conn.execute(_COUNTED, {"slug": DEFAULT_SLUG}).one()._mapping)
    for series, value in expected.items():
        labels = {"source": DEFAULT_SLUG} if series.endswith("_total") else {}
        shown = page.total(series, **labels)
        if shown != value:
            yield f"{series} is {shown:.0f} on /metrics and {value} in the tables"


def _stored(pool: Pool, cohort_id: int) -> list[Stored]:
    with pool.read() as conn:
        rows = conn.execute(_STORED, {"cohort_id": cohort_id})
        return [Stored(**row._mapping) for row in rows]


def _identity(stored: Stored) -> tuple[str, str, int]:
    return stored.session_id, stored.action, stored.page


def _sent(page: mixpanel.Page) -> tuple[str, str, int]:
    return page.session_id, page.action, page.number


def _as_model(page: mixpanel.Page) -> model.Page:
    return model.Page(
        cohort=page.cohort.cohort_id,
        session=page.session_id,
        action=page.action,
        number=page.number,
        total=page.total,
        members=tuple((one, mixpanel.profile(one)["email"]) for one in page.member_ids),
    )


def _profile(member_id: str) -> tuple[str, str, str, str]:
    sent = mixpanel.profile(member_id)
    return sent["email"], sent["first_name"], sent["last_name"], sent["phone_number"]


_PROGRESS = text("""
    SELECT i.cohort_id, i.last_delivery AS received, a.applied_through AS applied
    FROM intake_state i JOIN apply_state a ON a.cohort_id = i.cohort_id
""")

_STORED = text("""
    SELECT d.number, s.session_id, d.action, d.page
    FROM deliveries d JOIN sessions s ON s.cohort_id = d.cohort_id AND s.number = d.session
    WHERE d.cohort_id = :cohort_id ORDER BY d.number
""")

# PostgreSQL 18 counts a session as in a transaction while it signs in ("starting"). It holds
# nothing then, and the server ends it after authentication_timeout, 60 s.
_LEFT_BEHIND = text("""
    SELECT concat_ws(' ', application_name, 'is', state, 'since', xact_start, 'and waits for',
                     wait_event, 'from port', client_port) AS what
    FROM pg_stat_activity
    WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()
      AND xact_start < clock_timestamp()
          - CASE state WHEN 'starting' THEN interval '60 seconds' ELSE interval '2 seconds' END
    UNION ALL SELECT 'process ' || pid || ' waits for a lock' FROM pg_locks WHERE NOT granted
    UNION ALL SELECT 'a prepared transaction: ' || gid FROM pg_prepared_xacts
""")

_COUNTED = text("""
    WITH theirs AS MATERIALIZED (
        SELECT c.id FROM cohorts c JOIN sources s ON s.id = c.source_id WHERE s.slug = :slug
    ), pages AS (
        SELECT count(*) AS pages, coalesce(sum(members), 0) AS members
        FROM deliveries WHERE cohort_id IN (SELECT id FROM theirs)
    ), moves AS (
        SELECT coalesce(sum(cardinality(member_ids)) FILTER (WHERE kind = 'entered'), 0) AS entered,
               coalesce(sum(cardinality(member_ids)) FILTER (WHERE kind = 'exited'), 0) AS exited
        FROM changes WHERE cohort_id IN (SELECT id FROM theirs)
    )
    SELECT pages.pages AS gateway_accepted_pages_total,
           pages.members AS gateway_accepted_members_total,
           moves.entered AS gateway_entered_members_total,
           moves.exited AS gateway_exited_members_total,
           (SELECT count(*) FROM blocked_deliveries) AS gateway_blocked_pages,
           0 AS gateway_pending_pages
    FROM pages, moves
""")
