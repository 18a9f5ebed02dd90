"""Trials of a destination: its credentials are proved step by step, and nothing changes there."""

from __future__ import annotations

import dataclasses
import time
from typing import TYPE_CHECKING, Final

from gateway import errors
from gateway.core.access.actor import GATEWAY
from gateway.flows.syncs import destinations as flow
from gateway.flows.syncs import setup as setups
from gateway.store.db import audit
from gateway.store.syncs import destinations, secrets

if TYPE_CHECKING:
    import datetime
    from collections.abc import Callable, Iterator

    from gateway.core.access.actor import Actor
    from gateway.destinations.adapter import Account
    from gateway.destinations.answers import Check
    from gateway.flows.syncs.setup import Setup
    from gateway.store.db.engine import Pool

# With the longest request after it, half a minute (interface 4).
LIMIT_SECONDS: Final = 18.0
MAX_MESSAGE_CHARACTERS: Final = 500


@dataclasses.dataclass(frozen=True, kw_only=True)
class Step:
    """A step of a trial: whether it went well, and what to do if not."""

    step: str
    ok: bool
    message: str
    milliseconds: int


@dataclasses.dataclass(frozen=True, kw_only=True)
class Trial:
    """All steps up to the first that failed."""

    ok: bool
    steps: tuple[Step, ...]


def run(
    pool: Pool,
    setup: Setup,
    slug: str,
    *,
    now: datetime.datetime,
    actor: Actor = GATEWAY,
    clock: Callable[[], float] = time.monotonic,
) -> Trial:
    """Try a destination. Raises errors.NotFound."""
    with pool.begin() as conn:
        (found, *_) = destinations.listing(conn, slug=slug) or (None,)
        if found is None:
            raise flow.unknown(conn, slug)
        sealed = secrets.of_destinations(conn, [found.id])
        audit.write(conn, actor, "destination.tried", slug, now=now)
    kind = setup.require(found.kind)
    began = clock()
    try:
        account = setup.account(found, sealed)
    except errors.SecretUnreadable as error:
        return _trial([_step("configuration", began, clock, message=str(error))])
    steps = [_step("configuration", began, clock)]
    for one in _steps(lambda: kind.connect(account).verify(), account, clock):
        steps.append(one)
        if not one.ok:
            break
    return _trial(steps)


def _steps(
    verify: Callable[[], Iterator[Check]], account: Account, clock: Callable[[], float]
) -> Iterator[Step]:
    """Measure the steps of an adapter; an error of the connection is the step of connecting."""
    first, began = clock(), clock()
    try:
        for check in verify():
            said = setups.hide(check.message, account.secrets)[:MAX_MESSAGE_CHARACTERS]
            yield _step(check.step, began, clock, ok=check.ok, message=said)
            began = clock()
            if began - first > LIMIT_SECONDS:
                yield _step("time", began, clock, message="timed_out: it takes too long")
                return
    except errors.Outbound as error:
        step = "resolve" if isinstance(error, errors.ForbiddenAddress) else "connect"
        said = setups.hide(f"{error.code}: {error}", account.secrets)
        yield _step(step, began, clock, message=said)


def _step(
    name: str,
    began: float,
    clock: Callable[[], float],
    *,
    ok: bool | None = None,
    message: str = "",
) -> Step:
    """Make a step that ends now; one that has a message and no verdict has failed."""
    good = not message if ok is None else ok
    passed = round((clock() - began) * 1000)
    return Step(step=name, ok=good, message=message, milliseconds=passed)


def _trial(steps: list[Step]) -> Trial:
    return Trial(ok=all(one.ok for one in steps), steps=tuple(steps))
