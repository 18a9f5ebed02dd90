"""Logins of a webhook: what can be one, and how one is kept."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from gateway import errors
from gateway.core.access import credentials as rules
from gateway.core.access import secrets
from gateway.store.sources import credentials

if TYPE_CHECKING:
    import datetime

    from sqlalchemy import Connection


@dataclasses.dataclass(frozen=True, kw_only=True)
class Login:
    """A user name and a password as they will be presented."""

    username: str
    password: str = dataclasses.field(repr=False)


def add(conn: Connection, source_id: int, login: Login, *, now: datetime.datetime) -> None:
    """Keep a login of a source, without the password itself."""
    credentials.add(
        conn,
        source_id,
        username=login.username,
        password=secrets.hash_password(login.password),
        now=now,
    )


def require(login: Login) -> None:
    """Raise errors.Malformed for what HTTP Basic authentication cannot carry."""
    if not rules.is_username(login.username):
        raise errors.Malformed(
            "the user name cannot be used: one line of 1 to 255 characters without a colon, where"
            " HTTP Basic authentication ends it",
        )
    if not rules.is_password(login.password):
        raise errors.Malformed(
            "the password cannot be used: one line of 1 to 255 characters without control"
            " characters",
        )
