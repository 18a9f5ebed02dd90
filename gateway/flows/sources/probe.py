"""Tests of sources: what a connection takes, step by step, up to the first that fails."""

from __future__ import annotations

import contextlib
import dataclasses
import time
from typing import TYPE_CHECKING, Final

from gateway import errors
from gateway.core.cohorts.failures import Failure
from gateway.core.sources import webhook_config
from gateway.core.sources.webhook_config import WebhookConfig
from gateway.flows.sources import databases, import_trial
from gateway.sources.sql import queries, reading, watchdog
from gateway.store.db import audit
from gateway.store.sources import sources

if TYPE_CHECKING:
    import datetime
    from collections.abc import Callable, Generator, Iterator, Sequence

    from gateway.core.access.actor import Actor
    from gateway.flows.sources.databases import Found
    from gateway.flows.sources.setup import Setup
    from gateway.sources.sql.session import Session, Target
    from gateway.sources.sql.vendor import Vendor
    from gateway.store.db.engine import Pool

_ONE: Final = "SELECT 1 AS one"
_ROLE: Final = "Give the source a role that may only SELECT; docs/databases.md has the SQL for it."

Attempt = tuple[str, "Callable[[], str]"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Step:
    """One step, how it went in a sentence, and how long it took."""

    step: str
    ok: bool
    message: str
    milliseconds: int


@dataclasses.dataclass(frozen=True, kw_only=True)
class Tested:
    """Whether every step went well, and the steps that were taken."""

    ok: bool
    steps: Sequence[Step]


def test(pool: Pool, setup: Setup, slug: str, *, now: datetime.datetime, actor: Actor) -> Tested:
    """Test a source of any kind. Raises errors.NotFound."""
    taken = list(steps(pool, setup, slug, now=now, actor=actor))
    return Tested(ok=all(one.ok for one in taken), steps=taken)


def steps(
    pool: Pool, setup: Setup, slug: str, *, now: datetime.datetime, actor: Actor
) -> Iterator[Step]:
    """Test a source as `test` does, and tell of each step when it was taken.

    Raises errors.NotFound at once. If it is closed before its end the test ends there.
    """
    found = databases.find(pool, slug, now=now)
    return _noted(pool, _of(pool, setup, found, now=now), slug, now=now, actor=actor)


def _noted(
    pool: Pool, taken: Generator[Step], slug: str, *, now: datetime.datetime, actor: Actor
) -> Iterator[Step]:
    """Note in the audit log, at the end, whether every step was taken and went well."""
    ok = ended = False
    try:
        with contextlib.closing(taken):
            for step in taken:
                ok = step.ok
                yield step
        ended = True
    finally:
        with pool.begin() as conn:
            audit.write(conn, actor, "source.tested", slug, now=now, ok=ok and ended)


def _of(pool: Pool, setup: Setup, found: Found, *, now: datetime.datetime) -> Generator[Step]:
    vendor = setup.vendor(found.kind)
    if vendor is None:
        yield from _until_one_fails(
            [
                ("configuration", lambda: _without_connection(pool, found, now=now)),
                *import_trial.attempts(pool, setup, found),
            ]
        )
        return
    with contextlib.closing(_Probe(pool, setup, found, vendor)) as probe:
        yield from _until_one_fails(probe.attempts())


def _without_connection(pool: Pool, found: Found, *, now: datetime.datetime) -> str:
    """Say how a source works that nothing is read from."""
    if found.kind != webhook_config.KIND:
        return "its members are kept here; there is nothing to connect to"
    with pool.read() as conn:
        known = sources.find(conn, found.slug, now=now)
    if known is not None and not known.credentials and WebhookConfig.of(found.config).auth_required:
        raise errors.ReadFailed(
            Failure.SIGN_IN_FAILED,
            "no user name and password is valid for its webhook",
            hint=f"Make one with `source rotate {found.slug}`.",
        )
    return "pages are posted to its webhook; there is nothing to connect to"


def _until_one_fails(attempts: Sequence[Attempt]) -> Iterator[Step]:
    for name, attempt in attempts:
        step = _taken(name, attempt)
        yield step
        if not step.ok:
            return


def _taken(name: str, attempt: Callable[[], str]) -> Step:
    start = time.monotonic()
    try:
        ok, message = True, attempt()
    except errors.ReadFailed as error:
        ok, message = False, f"{error.failure}: {error}. {error.hint}"
    milliseconds = round((time.monotonic() - start) * 1000)
    return Step(step=name, ok=ok, message=message, milliseconds=milliseconds)


class _Probe:
    """The steps of a database; each needs those before it."""

    def __init__(self, pool: Pool, setup: Setup, found: Found, vendor: Vendor) -> None:
        self._pool = pool
        self._setup = setup
        self._found = found
        self._vendor = vendor
        self._ends_at = time.monotonic() + databases.CALL_SECONDS - databases.STOPPING_SECONDS
        self._target: Target
        self._addresses: Sequence[str] = ()
        self._session: Session | None = None

    def attempts(self) -> Sequence[Attempt]:
        return (
            ("configuration", self._configuration),
            ("resolve", self._resolve),
            ("connect", self._connect),
            ("sign_in", self._sign_in),
            ("query", self._query),
            ("read_only", self._read_only),
        )

    def close(self) -> None:
        if self._session is not None:
            self._session.close()

    def _configuration(self) -> str:
        limit = databases.CALL_SECONDS
        self._target = databases.target(
            self._pool, self._setup, self._found, self._vendor, limit_seconds=limit
        )
        return "it is set up, and its secrets can be read"

    def _resolve(self) -> str:
        self._addresses = reading.resolve(self._vendor, self._target)
        return f"the host has the address {', '.join(self._addresses)}"

    def _connect(self) -> str:
        self._vendor.load().greet(self._target, self._addresses)
        return "the server answers"

    def _sign_in(self) -> str:
        self._session = self._vendor.load().connect(self._target, self._addresses)
        return f"the server lets in {self._target.config.get('user') or 'the account'}"

    def _query(self) -> str:
        query = queries.require(_ONE, self._vendor.dialect)
        with self._watched() as session:
            for _ in session.read(query, rows_per_batch=2).batches():
                pass
        return "a query is answered"

    def _read_only(self) -> str:
        with self._watched() as session:
            powers = session.powers()
        if powers:
            said = f"the role may do more than read: {'; '.join(powers)}"
            raise errors.ReadFailed(Failure.PERMISSION, said, hint=_ROLE)
        return "the role may only read"

    @contextlib.contextmanager
    def _watched(self) -> Iterator[Session]:
        assert self._session is not None  # noqa: S101 - the step before made it
        limit = max(databases.LEAST_SECONDS, self._ends_at - time.monotonic())
        with watchdog.watched(self._session, seconds=limit):
            yield self._session
