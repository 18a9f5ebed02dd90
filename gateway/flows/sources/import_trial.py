"""Trials of `config.import`: Mixpanel is asked whether it accepts the service account."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from gateway import errors, outbound
from gateway.core import fields, moments
from gateway.core.cohorts.failures import Failure
from gateway.destinations.mixpanel.events import Importer
from gateway.flows.sources import setup as setups
from gateway.sources.mixpanel import settings
from gateway.store.sources import secrets
from gateway.store.syncs import action_imports

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from gateway.flows.sources.databases import Found
    from gateway.flows.sources.setup import Setup
    from gateway.store.db.engine import Pool

# A trial is part of a call that ends within 30 seconds.
LIMITS: Final = outbound.Limits(total_seconds=20.0, read_seconds=15.0, connections=1)
_SECRET: Final = settings.IMPORT_SECRET.name
_REMEDY: Final = (
    "Correct project, service account, secret and endpoint; at Mixpanel the service account must be"
    " an owner or an admin of the project."
)
_UNREACHED: Final = "Check the endpoint, and that the gateway may connect to it."


def attempts(pool: Pool, setup: Setup, found: Found) -> Sequence[tuple[str, Callable[[], str]]]:
    """Return what is tried of a source that forwards actions; nothing of others."""
    if found.config.get(settings.IMPORT.name) is None:
        return ()
    return (("sign_in", lambda: _sign_in(pool, setup, found)),)


def _sign_in(pool: Pool, setup: Setup, found: Found) -> str:
    """Send no event, and let what was stopped go on if that is accepted.

    Raises errors.ReadFailed.
    """
    config = fields.shown(settings.CONFIG, found.config)[settings.IMPORT.name]
    assert isinstance(config, dict)  # noqa: S101 - it is set
    allow = setup.private_destinations
    with outbound.Client(allow=allow, plain=allow, limits=LIMITS) as client:
        importer = Importer(config, _secret(pool, setup, found.id), client, moments.now)
        try:
            check = importer.verify()
        except errors.Outbound as error:
            said = f"Mixpanel does not answer: {error}"
            raise errors.ReadFailed(error.code, said, hint=_UNREACHED) from error
    if not check.ok:
        raise errors.ReadFailed(Failure.SIGN_IN_FAILED, check.message, hint=_REMEDY)
    with pool.begin() as conn:
        action_imports.mend(conn, found.id)
    return check.message


def _secret(pool: Pool, setup: Setup, source_id: int) -> str:
    with pool.read() as conn:
        sealed = {one.name: one for one in secrets.of_sources(conn, [source_id])}
    if _SECRET not in sealed:
        raise errors.ReadFailed(Failure.SIGN_IN_FAILED, f"{_SECRET} is not set", hint=_REMEDY)
    try:
        return setup.vault.open(sealed[_SECRET].ciphertext, setups.place(source_id, _SECRET))
    except errors.SecretUnreadable as error:
        raise errors.ReadFailed(
            Failure.SECRET_UNREADABLE, str(error), hint="Set the secret again."
        ) from error
