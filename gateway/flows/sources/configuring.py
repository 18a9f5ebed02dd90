"""Configuring: parts of what a source is set to, and single secrets, are changed together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gateway import errors
from gateway.core import fields, secrecy
from gateway.flows.sources import setup as setups
from gateway.store.sources import secrets as kept_secrets
from gateway.store.sources import sources
from gateway.store.syncs import action_imports

if TYPE_CHECKING:
    import datetime
    from collections.abc import Mapping

    from sqlalchemy import Connection

    from gateway.flows.sources.setup import Setup
    from gateway.store.sources.sources import Locked


def configure(
    conn: Connection,
    found: Locked,
    config: Mapping[str, Any],
    secrets: Mapping[str, Any],
    setup: Setup,
    *,
    slug: str,
    now: datetime.datetime,
) -> None:
    """Change parts of a config and single secrets of a source that the caller has locked.

    Raises errors.Invalid, errors.SecretsNeeded and errors.NoSecretKey.
    """
    kind = setup.require(found.kind)
    wrong = secrecy.faults(kind, config, secrets, whole=False)
    if wrong:
        raise errors.Invalid(wrong)
    after = {**found.config, **fields.read(kind.config, config)}
    kept = [one.name for one in kept_secrets.of_sources(conn, [found.id])]
    secrecy.require(kind, found.config, after, kept=kept, given=secrets)
    present = {*kept, *given(secrets)} - {name for name, one in secrets.items() if one is None}
    lacking = secrecy.lacking(kind.needs, after, present)
    if lacking:
        raise errors.Invalid(lacking)
    sources.configure(conn, slug, after)
    setups.write_secrets(conn, setup, found.id, secrets, now=now)
    if kind.needs:
        # What stopped the forwarding may be mended by this.
        action_imports.mend(conn, found.id)


def given(secrets: Mapping[str, Any]) -> set[str]:
    """Name the secrets that are set, and not forgotten, by a request."""
    return {name for name, one in secrets.items() if one is not None}
