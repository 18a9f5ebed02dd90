"""What a webhook asks of a sender: its login, and the projects it is pinned to."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from gateway import errors

if TYPE_CHECKING:
    from gateway.core.access.secrets import Verifier
    from gateway.core.cohorts.page import Heading
    from gateway.store.sources.sources import Source

RETRY_PAUSED_SECONDS = 60


@dataclasses.dataclass(frozen=True, kw_only=True)
class Login:
    """A name and a password as a sender presents them."""

    username: str
    password: bytes


def let_in(source: Source, login: Login | None, verifier: Verifier) -> None:
    """Raise errors.Unauthenticated for a stranger, errors.Unavailable while it is paused."""
    if not _knows(source, login, verifier):
        message = "wrong or missing user name or password; check the connection's settings"
        raise errors.Unauthenticated(message)
    if source.paused:
        message = "this source is paused by its operator; nothing was stored"
        raise errors.Unavailable(message, retry_after_seconds=RETRY_PAUSED_SECONDS)


def require_project(page: Heading, source: Source) -> None:
    """Raise errors.Forbidden for a page of a project that this source does not take."""
    pinned = source.config.project_ids
    if pinned and page.project_id not in pinned:
        message = (
            "parameters.mixpanel_project_id: this source is pinned to other projects;"
            " use the URL made for this project, or let the source take it"
        )
        raise errors.Forbidden(message)


def _knows(source: Source, login: Login | None, verifier: Verifier) -> bool:
    """Check every credential of that name: two are valid while one replaces the other.

    Those of other names cost the same in vain, so that the time does not tell which names exist.
    """
    if not source.config.auth_required:
        return True
    if login is None:
        return False
    named = [one.password for one in source.credentials if one.username == login.username]
    others = [None] * (max(1, len(source.credentials)) - len(named))
    return any(verifier.verify(login.password, hashed) for hashed in (*named, *others))
