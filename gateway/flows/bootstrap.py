"""The first source and the first key, as the environment says at each start."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from gateway.core import secrets
from gateway.core.scopes import Scope
from gateway.store import api_keys, sources

if TYPE_CHECKING:
    import datetime

    from sqlalchemy import Connection

    from gateway.settings import Settings
    from gateway.store.engine import Pool

DEFAULT_SLUG: Final = "default"
DEFAULT_USERNAME: Final = "mixpanel"
KEY_NAME: Final = "environment"


def bootstrap(pool: Pool, settings: Settings, *, now: datetime.datetime) -> list[str]:
    """Make the source `default` exist, with the environment's credentials instead of kept ones.

    The environment's API key replaces the one kept of it. Returns a line for each thing that was
    done; without credentials nobody can post.
    """
    done = []
    with pool.begin() as conn:
        source_id = _default_source(conn, now=now)
        if settings.webhook_password is not None:
            username = settings.webhook_username or DEFAULT_USERNAME
            _set_login(conn, source_id, username, settings.webhook_password, now=now)
            done.append("source default: credentials set from the environment")
        if settings.api_key is not None:
            key_hash = secrets.hash_key(settings.api_key)
            api_keys.create(conn, name=KEY_NAME, key_hash=key_hash, scopes=tuple(Scope), now=now)
            api_keys.revoke_others(conn, name=KEY_NAME, key_hash=key_hash, now=now)
            done.append("api key: set from the environment")
    return done


def _set_login(
    conn: Connection, source_id: int, username: str, password: str, *, now: datetime.datetime
) -> None:
    """Leave one login, unless it is the newest already: those before it may be in their overlap."""
    found = sources.find(conn, DEFAULT_SLUG, now=now)
    for newest in found.credentials[-1:] if found is not None else ():
        same = secrets.Verifier().verify(password.encode(), newest.password)
        if same and newest.username == username:
            return
    sources.drop_credentials(conn, source_id)
    hashed = secrets.hash_password(password)
    sources.add_credential(conn, source_id, username=username, password=hashed, now=now)


def _default_source(conn: Connection, *, now: datetime.datetime) -> int:
    source = sources.find(conn, DEFAULT_SLUG, now=now)
    if source is not None:
        return source.id
    created = sources.create(
        conn,
        DEFAULT_SLUG,
        identity_property=None,
        project_ids=(),
        auth_required=True,
        now=now,
    )
    return created if created is not None else _default_source(conn, now=now)
