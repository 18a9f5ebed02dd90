"""The gateway that `simulate` plays against, the source it posts to, and the credentials."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Final

from gateway import addresses, errors
from gateway.commands import place
from gateway.core.access import defaults
from gateway.local.supervisor import credentials

if TYPE_CHECKING:
    from gateway.local.supervisor.credentials import Credentials
    from gateway.settings import Settings


@dataclasses.dataclass(frozen=True, kw_only=True)
class Target:
    """A gateway, the source to post to, and the credentials of both."""

    base_url: str
    source: str
    login: tuple[str, str] | None = dataclasses.field(repr=False)
    api_key: str = dataclasses.field(repr=False)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Given:
    """What the command line says about the target; None where it says nothing."""

    url: str | None
    source: str | None
    username: str | None
    password_file: str | None
    no_auth: bool
    api_key_file: str | None


def resolve(settings: Settings, given: Given) -> Target:
    """Put a target together; raises errors.CommandFailed when something is missing."""
    base_url, source = given.url or settings.local_url, given.source
    if addresses.WEBHOOKS in base_url:
        base_url, _, slug = base_url.partition(addresses.WEBHOOKS)
        source = source or slug.rstrip("/")
    # The kept ones are for the gateway that made them, and for no other.
    own = None if given.url else credentials.read(settings.data_dir)
    if given.api_key_file:
        api_key = place.secret(given.api_key_file, "API key")
    else:
        api_key = settings.api_key or (own.api_key if own else "")
    if not api_key:
        raise errors.CommandFailed(f"there is no API key to ask {base_url} with. {_WHERE_KEY}")
    return Target(
        base_url=base_url,
        source=source or defaults.SLUG,
        login=None if given.no_auth else _login(settings, given, own),
        api_key=api_key,
    )


def _login(settings: Settings, given: Given, own: Credentials | None) -> tuple[str, str]:
    username = given.username or settings.webhook_username
    if given.password_file:
        password: str | None = place.secret(given.password_file, "password")
    else:
        password = settings.webhook_password or (own.webhook_password if own else None)
    if password is None:
        raise errors.CommandFailed(f"there is no password to post with. {_WHERE_LOGIN}")
    kept_name = own.webhook_username if own else defaults.USERNAME
    return username or kept_name, password


_WHERE_KEY: Final = (
    "Set GATEWAY_API_KEY, name a file with --api-key-file, or run this beside a running `make run`"
)
_WHERE_LOGIN: Final = (
    "Set GATEWAY_WEBHOOK_PASSWORD, name a file with --password-file, say --no-auth, or run this"
    " beside a running `make run`"
)
