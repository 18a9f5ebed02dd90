"""The gate: who may post to a source, and which pages it takes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway import errors

if TYPE_CHECKING:
    from gateway.core.page import Heading
    from gateway.core.secrets import Verifier
    from gateway.flows.intake import Login
    from gateway.store import cohorts
    from gateway.store.sources import Source

RETRY_PAUSED_SECONDS = 60

DELETED = "this cohort was deleted here by an operator; restore it, or end its sync in Mixpanel"


def let_in(source: Source, login: Login | None, verifier: Verifier) -> None:
    """Raise errors.Unauthenticated for a stranger, errors.Unavailable while it is paused."""
    if not _knows(source, login, verifier):
        message = "wrong or missing user name or password; check the connection's settings"
        raise errors.Unauthenticated(message)
    if source.paused:
        message = "this source is paused by its operator; nothing was stored"
        raise errors.Unavailable(message, retry_after_seconds=RETRY_PAUSED_SECONDS)


def admit(page: Heading, source: Source, known: cohorts.Known | None) -> None:
    """Raise errors.Forbidden or NotFound for a page that this source or cohort does not take."""
    if source.project_ids and page.project_id not in source.project_ids:
        message = (
            "parameters.mixpanel_project_id: this source is pinned to other projects;"
            " use the URL made for this project, or let the source take it"
        )
        raise errors.Forbidden(message)
    if known is not None and known.deleted:
        raise errors.NotFound(DELETED)


def _knows(source: Source, login: Login | None, verifier: Verifier) -> bool:
    """Check every credential of that name: two are valid while one replaces the other.

    Those of other names cost the same in vain, so that the time tells nobody which names exist.
    """
    if not source.auth_required:
        return True
    if login is None:
        return False
    named = [one.password for one in source.credentials if one.username == login.username]
    others = [None] * (max(1, len(source.credentials)) - len(named))
    return any(verifier.verify(login.password, hashed) for hashed in (*named, *others))
