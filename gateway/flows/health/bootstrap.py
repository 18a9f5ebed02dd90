"""The first source and the first key, as the environment says at each start."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.core.access import defaults, secrets
from gateway.core.access.actor import GATEWAY
from gateway.core.access.scopes import Scope
from gateway.core.sources import webhook_config
from gateway.flows.sources import built_in
from gateway.sources import kinds
from gateway.store.access import api_keys
from gateway.store.db import audit
from gateway.store.sources import credentials, sources

if TYPE_CHECKING:
    import datetime

    from sqlalchemy import Connection

    from gateway.settings import Settings
    from gateway.store.db.engine import Pool


def bootstrap(pool: Pool, settings: Settings, *, now: datetime.datetime) -> list[str]:
    """Make the source `default` exist, with the environment's credentials instead of kept ones.

    The environment's API key replaces the one kept of it. Returns a line for the source, for its
    credentials, for the key and for each source that comes with the gateway: what was done, or why
    nothing was.
    """
    with pool.begin() as conn:
        made = _make_source(conn, now=now)
        return [
            f"source {defaults.SLUG}: {'made' if made else 'there already'}",
            f"credentials of {defaults.SLUG}: {_set_login(conn, settings, now=now)}",
            f"api key: {_set_key(conn, settings, now=now)}",
            *built_in.ensure(conn, now=now),
        ]


def _set_login(conn: Connection, settings: Settings, *, now: datetime.datetime) -> str:
    """Leave one login, unless it is the newest already: those before it may be in their overlap."""
    found = sources.find(conn, defaults.SLUG, now=now)
    assert found is not None, "it was made in this transaction, or is there"  # noqa: S101
    password, username = settings.webhook_password, settings.webhook_username or defaults.USERNAME
    if password is None:
        kept = "the kept ones stay" if found.credentials else "there are none, and no page is taken"
        return f"GATEWAY_WEBHOOK_PASSWORD is not set: {kept}"
    for newest in found.credentials[-1:]:
        same = secrets.Verifier().verify(password.encode(), newest.password)
        if same and newest.username == username:
            return "those of the environment are there already"
    credentials.drop_all(conn, found.id)
    hashed = secrets.hash_password(password)
    credentials.add(conn, found.id, username=username, password=hashed, now=now)
    audit.write(conn, GATEWAY, "source.password_rotated", defaults.SLUG, now=now, username=username)
    return "set from the environment"


def _set_key(conn: Connection, settings: Settings, *, now: datetime.datetime) -> str:
    """Leave one key of the environment."""
    valid = [one for one in api_keys.listing(conn) if one.revoked_at is None]
    if settings.api_key is None:
        kept = f"{len(valid)} kept ones stay" if valid else "there is none, so nothing can be asked"
        return f"GATEWAY_API_KEY is not set: {kept}"
    key_hash = secrets.hash_key(settings.api_key)
    there = any((one.name, one.hash) == (defaults.KEY_NAME, key_hash) for one in valid)
    api_keys.create(conn, name=defaults.KEY_NAME, key_hash=key_hash, scopes=tuple(Scope), now=now)
    revoked = api_keys.revoke_others(conn, name=defaults.KEY_NAME, key_hash=key_hash, now=now)
    if there and not revoked:
        return "that of the environment is there already"
    scopes = [one.value for one in Scope]
    audit.write(conn, GATEWAY, "key.created", defaults.KEY_NAME, now=now, scopes=scopes)
    return "set from the environment"


def _make_source(conn: Connection, *, now: datetime.datetime) -> bool:
    if sources.find(conn, defaults.SLUG, now=now) is not None:
        return False
    made = sources.Made(slug=defaults.SLUG, kind=webhook_config.KIND, config={})
    expected = kinds.KINDS[webhook_config.KIND].expected_every_seconds
    source_id = sources.create(conn, made, expected_every_seconds=expected, now=now)
    if source_id is None:
        return False
    audit.write(conn, GATEWAY, "source.created", defaults.SLUG, now=now, kind=made.kind)
    return True
