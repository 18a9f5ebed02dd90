"""Trouble as it comes to a gateway in production; each is over when its block is."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

from sqlalchemy import text

from tests.deploy import manual
from tests.deploy.production import Production
from tests.deploy.prometheus import SCRAPE_SECONDS
from tests.stack import until

Trouble = Callable[[Production], AbstractContextManager[None]]

SLUG = "default"


def down(*names: str) -> Trouble:
    """Take parts of the installation away."""

    def broken(installation: Production) -> AbstractContextManager[None]:
        return installation.stopped(*names)

    return broken


@contextlib.contextmanager
def lock_held(installation: Production) -> Iterator[None]:
    """Hold a cohort as a forgotten session does, with a page behind it that came long ago."""
    installation.post(["a"], cohort="held")
    installation.await_applied()
    cohort = {"cohort": int(installation.cohort_id("held"))}
    with installation.pool() as pool, pool.engine.connect() as holder:
        pid = holder.execute(text("SELECT pg_backend_pid()")).scalar_one()
        holder.execute(text("SET idle_in_transaction_session_timeout = 0"))
        holder.execute(text("SELECT FROM apply_state WHERE cohort_id = :cohort FOR UPDATE"), cohort)
        installation.post(["b"], cohort="held")
        with pool.begin() as conn:
            conn.execute(_LONG_AGO, cohort)
        yield
        shown = installation.type_with(manual.block("GatewayPendingTooOld", "Do."))
        assert str(pid) in shown
        with pool.begin() as conn:
            conn.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": pid})
        holder.invalidate()


@contextlib.contextmanager
def source_paused(installation: Production) -> Iterator[None]:
    """Pause the source, as one does and forgets, while Mixpanel goes on."""
    installation.type_in(f"python -m gateway source pause {SLUG}")
    statuses = {installation.post(["a"], cohort="paused") for _ in range(40)}
    assert statuses == {503}
    try:
        yield
    finally:
        installation.type_in(f"python -m gateway source resume {SLUG}")


@contextlib.contextmanager
def api_broken(installation: Production) -> Iterator[None]:
    """Take away a table that only questions and blocked pages need."""
    change(installation, "ALTER TABLE blocked_deliveries RENAME TO gone")
    for _ in range(20):  # over more than one scrape, or nothing is seen to rise
        installation.succeeds(manual.block("GatewayApiFailing", "Over when"))
        time.sleep(2 * SCRAPE_SECONDS / 10)
    try:
        yield
    finally:
        change(installation, "ALTER TABLE gone RENAME TO blocked_deliveries")


@contextlib.contextmanager
def long_silent(installation: Production) -> Iterator[None]:
    """Let nothing have come for two hours."""
    installation.post(["a"], cohort="silent")
    change(installation, "UPDATE intake_state SET last_synced_at = now() - interval '2 hours'")
    yield
    assert installation.post(["a"], cohort="silent") == 200


@contextlib.contextmanager
def long_failing(installation: Production) -> Iterator[None]:
    """Let the last whole sync of a cohort be fifty hours old."""
    for _ in range(2):
        installation.post(["a"], cohort="failing")
    cohort = {"cohort": int(installation.cohort_id("failing"))}
    with installation.pool() as pool, pool.begin() as conn:
        conn.execute(_FIFTY_HOURS_AGO, cohort)
    yield
    assert installation.post(["a"], cohort="failing") == 200


@contextlib.contextmanager
def load_waiting(installation: Production) -> Iterator[None]:
    """Leave a load that was queued an hour ago."""
    change(installation, _OLD_LOAD)
    try:
        yield
    finally:
        change(installation, "DELETE FROM loads WHERE cohort_id = 0")


def job_in_trouble(*more: str) -> Trouble:
    """Leave a sync job that has stopped, and what else is said of it."""

    @contextlib.contextmanager
    def left(installation: Production) -> Iterator[None]:
        for statement in (_JOB, *more):
            change(installation, statement)
        try:
            yield
        finally:
            change(installation, "DELETE FROM leases WHERE holder = 'left'")
            change(installation, "DELETE FROM sync_erasures WHERE cohort_id = 0")
            change(installation, "DELETE FROM sync_jobs WHERE cohort = 0")
            change(installation, "DELETE FROM destinations WHERE slug = 'left'")

    return left


@contextlib.contextmanager
def page_blocked(installation: Production) -> Iterator[None]:
    """Damage a page between its acceptance and its applying, and then mend it by hand."""
    with poisoned(installation, "blocked") as mend:
        yield
        mend()
        installation.type_with(manual.block("A poison page", "3. Retry"))


@contextlib.contextmanager
def members_skipped(installation: Production) -> Iterator[None]:
    """Send many people without an id, and then a sync in which all have one."""
    installation.post(["a", *[None] * 500], cohort="skipped")
    yield
    installation.post(["a"], cohort="skipped")


@contextlib.contextmanager
def cohorts_many(installation: Production) -> Iterator[None]:
    """Allow no more cohorts than there are, and send one that is new."""
    installation.post(["a"], cohort="many")
    installation.configure(GATEWAY_MAX_COHORTS="1")
    installation.restart("web")
    for _ in range(20):  # over more than one scrape, or nothing is seen to rise
        assert installation.post(["a"], cohort="one too many") == 429
        time.sleep(2 * SCRAPE_SECONDS / 10)
    try:
        yield
    finally:
        installation.configure(GATEWAY_MAX_COHORTS="10000")
        installation.restart("web")
    assert installation.post(["a"], cohort="one too many") == 200


@contextlib.contextmanager
def workers_elsewhere(installation: Production) -> Iterator[None]:
    """Let the worker listen in another database of Redis than the one it is rung in."""
    right = installation.settings["REDIS_URL"]
    installation.configure(REDIS_URL=f"{right.removesuffix('/0')}/7")
    installation.restart("worker")
    installation.post(["a"], cohort="elsewhere")
    try:
        yield
    finally:
        installation.configure(REDIS_URL=right)
        installation.restart("worker")


@contextlib.contextmanager
def disk_small(installation: Production) -> Iterator[None]:
    """Have a disk that the database has nearly filled."""
    installation.configure(GATEWAY_DISK_GIB="1")
    installation.restart("web")
    try:
        yield
    finally:
        installation.configure(GATEWAY_DISK_GIB="50")
        installation.restart("web")


@contextlib.contextmanager
def connections_few(installation: Production) -> Iterator[None]:
    """Let the database have no more connections than are open."""
    change(installation, "ALTER DATABASE gateway CONNECTION LIMIT 3")
    try:
        yield
    finally:
        change(installation, "ALTER DATABASE gateway CONNECTION LIMIT -1")


@contextlib.contextmanager
def notice_waiting(installation: Production) -> Iterator[None]:
    """Have a message that its channel has not taken, and that is not tried again yet."""
    change(
        installation,
        """
        INSERT INTO notices (channel, body, created_at, next_at)
        VALUES ('left', 'A message.', now(), now() + interval '1 hour')
        """,
    )
    try:
        yield
    finally:
        change(installation, "DELETE FROM notices WHERE channel = 'left'")


@contextlib.contextmanager
def action_waiting(installation: Production) -> Iterator[None]:
    """Have an action that a service account was refused for two hours ago."""
    change(installation, _ACTION)
    try:
        yield
    finally:
        for statement in (
            "DELETE FROM action_outbox",
            "DELETE FROM actions WHERE action = 'left'",
            "DELETE FROM action_imports",
            "UPDATE sources SET config = config - 'import' WHERE slug = 'default'",
        ):
            change(installation, statement)


ALL: dict[str, Trouble] = {
    "GatewayDown": down("web"),
    "GatewayPostgresDown": down("postgres"),
    "GatewayRedisDown": down("valkey"),
    "GatewayPendingTooOld": lock_held,
    "GatewayRefusingPages": source_paused,
    "GatewayApiFailing": api_broken,
    "GatewaySourceSilent": long_silent,
    "GatewaySnapshotExpiring": long_failing,
    "GatewayWorkersSilent": down("worker"),
    "GatewayWorkersHindered": workers_elsewhere,
    "GatewaySchedulerSilent": down("scheduler"),
    "GatewayLoadersSilent": down("loader"),
    "GatewayLoadsWaiting": load_waiting,
    "GatewaySyncJobsStopped": job_in_trouble(),
    "GatewaySyncJobsWaiting": job_in_trouble(
        """
        INSERT INTO leases (kind, key, due_at, holder, leased_until)
        SELECT 'sync', CAST(id AS text), now(), 'left', now() + interval '1 hour'
        FROM sync_jobs WHERE cohort = 0
        """,
        """
        UPDATE sync_jobs SET state = 'active', planned_at = now() - interval '1 hour'
        WHERE cohort = 0
        """,
    ),
    "GatewayErasuresOutstanding": job_in_trouble(
        "UPDATE destinations SET paused_at = now() WHERE slug = 'left'",
        """
        INSERT INTO sync_erasures (cohort_id, job_id, member_id, asked_at)
        SELECT 0, id, 'ada', now() - interval '2 days' FROM sync_jobs WHERE cohort = 0
        """,
    ),
    "GatewayActionsWaiting": action_waiting,
    "GatewayNoticesWaiting": notice_waiting,
    "GatewayPagesBlocked": page_blocked,
    "GatewayMembersSkipped": members_skipped,
    "GatewayCohortsRefused": cohorts_many,
    "GatewayDiskFull": disk_small,
    "GatewayConnectionsUsedUp": connections_few,
}


@contextlib.contextmanager
def poisoned(installation: Production, cohort: str) -> Iterator[Callable[[], None]]:
    """Have a page of a cohort found damaged when it is applied; lends what mends it.

    The page adds `b` to a cohort of `a`.
    """
    assert installation.post(["a"], cohort=cohort) == 200
    installation.await_applied()
    this = {"cohort": int(installation.cohort_id(cohort))}
    with installation.pool() as pool:
        with pool.begin() as conn:  # the lock keeps the page from being applied before it is bad
            conn.execute(text("SELECT FROM apply_state WHERE cohort_id = :cohort FOR UPDATE"), this)
            assert installation.post(["b"], cohort=cohort) == 200
            good = conn.execute(_GOOD, this).scalar_one()
            conn.execute(_SPOIL, {**this, "roster": b"damaged"})
        until(lambda: installation.look().value("gateway_blocked_pages") == 1)

        def mend() -> None:
            with pool.begin() as conn:
                conn.execute(_SPOIL, {**this, "roster": good})

        yield mend


def change(installation: Production, statement: str) -> None:
    """Change the database behind the gateway's back."""
    with installation.pool() as pool, pool.begin() as conn:
        conn.execute(text(statement))


_ACTION = """
    WITH chosen AS (
        UPDATE sources SET config = config || jsonb_build_object('import', jsonb_build_object(
            'project_id', '1', 'service_account', 'left', 'endpoint', 'https://127.0.0.1'))
        WHERE slug = 'default' RETURNING id),
    stopped AS (
        INSERT INTO action_imports (source_id, state, error_code, error_message, error_at)
        SELECT id, 'stopped', 'credentials', 'Mixpanel answers: 401', now() FROM chosen),
    recorded AS (
        INSERT INTO actions (source_id, member_id, action, key, at, properties, recorded_at)
        SELECT id, 'ada', 'left', '', now(), '{}', now() - interval '2 hours' FROM chosen)
    INSERT INTO action_outbox (source_id, member_id, action, key)
    SELECT id, 'ada', 'left', '' FROM chosen
"""

_JOB = """
    WITH made AS (
        INSERT INTO destinations (slug, kind, config, created_at)
        VALUES ('left', 'webhook', '{}', now()) RETURNING id)
    INSERT INTO sync_jobs (cohort, destination_id, mode, frequency, mapping, suppress, options,
                           state, created_at)
    SELECT 0, id, 'mirror', '1h', '{}', '{}', '{}', 'stopped', now() FROM made
"""

_OLD_LOAD = """
    INSERT INTO loads (cohort_id, number, mode, state, session, epoch, begun_at)
    VALUES (0, 1, 'add', 'queued', 1, 1, now() - interval '1 hour')
"""

_LONG_AGO = text("""
    UPDATE deliveries SET received_at = received_at - interval '10 minutes'
    WHERE cohort_id = :cohort AND number = 2
""")

_FIFTY_HOURS_AGO = text("""
    UPDATE syncs SET last_received_at = now() - interval '50 hours' WHERE cohort_id = :cohort
""")

_GOOD = text("SELECT roster FROM deliveries WHERE cohort_id = :cohort AND number = 2")

_SPOIL = text("""
    UPDATE deliveries SET roster = :roster WHERE cohort_id = :cohort AND number = 2
""")
