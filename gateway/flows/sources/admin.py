"""Sources as their operator handles them: added, listed, paused, given new passwords, removed."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import difflib
import enum
from typing import TYPE_CHECKING, Final

from gateway import errors
from gateway.core import texts
from gateway.core.access import credentials, defaults, secrets
from gateway.flows.cohorts import admin
from gateway.store.sources import sources

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from gateway.store.db.engine import Pool

Listed = sources.Listed

# How long ended credentials are kept, to tell until when one was good.
KEEP_ENDED: Final = datetime.timedelta(days=30)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Login:
    """A user name and a password as they will be presented."""

    username: str
    password: str = dataclasses.field(repr=False)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Wanted:
    """A source to be made: without a login it takes pages from any sender."""

    slug: str
    login: Login | None
    identity_property: str | None
    project_ids: tuple[str, ...]


class Same(enum.Enum):
    """The value of a change that changes nothing: None is a value of its own."""

    SAME = enum.auto()


@dataclasses.dataclass(frozen=True, kw_only=True)
class Changes:
    """What to change of a source; `identity_property` None means Mixpanel's distinct id."""

    name: str | Same = Same.SAME
    paused: bool | Same = Same.SAME
    identity_property: str | Same | None = Same.SAME
    project_ids: tuple[str, ...] | Same = Same.SAME


def add(pool: Pool, wanted: Wanted, *, now: datetime.datetime) -> None:
    """Make a source that takes pages from now on.

    Raises errors.Malformed naming what cannot be used, and errors.Conflict if the slug is taken.
    """
    _require_usable(wanted)
    with pool.begin() as conn:
        source_id = sources.create(
            conn,
            wanted.slug,
            identity_property=wanted.identity_property,
            project_ids=wanted.project_ids,
            auth_required=wanted.login is not None,
            now=now,
        )
        if source_id is None:
            raise errors.Conflict(
                f"there is a source '{wanted.slug}' already; choose another slug, or give that one"
                f" a new password with `source rotate {wanted.slug}`",
            )
        if wanted.login is not None:
            _add_login(conn, source_id, wanted.login, now=now)


def listing(pool: Pool, *, now: datetime.datetime) -> list[Listed]:
    """List the sources by slug."""
    with pool.read() as conn:
        return sources.listing(conn, now=now)


def require(pool: Pool, slug: str, *, now: datetime.datetime) -> None:
    """Raise errors.NotFound unless there is a source of this name, or was one."""
    with pool.read() as conn:
        if not sources.was_removed(conn, slug):
            _require_known(conn, slug, now=now)


def pause(pool: Pool, slug: str, *, now: datetime.datetime) -> None:
    """Let a source answer 503 until it is resumed; one that is paused stays so.

    Raises errors.NotFound.
    """
    with pool.begin() as conn:
        if not sources.pause(conn, slug, now=now):
            _require_known(conn, slug, now=now)


def resume(pool: Pool, slug: str, *, now: datetime.datetime) -> None:
    """Let a paused source take pages again; one that is not paused goes on.

    Raises errors.NotFound.
    """
    with pool.begin() as conn:
        if not sources.resume(conn, slug):
            _require_known(conn, slug, now=now)


def change(pool: Pool, slug: str, changes: Changes, *, now: datetime.datetime) -> None:
    """Change what a source was made with; history stays, and members change at the next full sync.

    Raises errors.NotFound, and errors.Malformed naming what cannot be used.
    """
    _require_texts(changes.identity_property, changes.project_ids)
    with pool.begin() as conn:
        if sources.lock(conn, slug) is None:
            raise _unknown(conn, slug, now=now)
        _write(conn, slug, changes, now=now)


def _write(conn: Connection, slug: str, changes: Changes, *, now: datetime.datetime) -> None:
    if not isinstance(changes.name, Same):
        sources.rename(conn, slug, changes.name)
    if not isinstance(changes.identity_property, Same):
        sources.identify(conn, slug, changes.identity_property)
    if not isinstance(changes.project_ids, Same):
        sources.pin(conn, slug, changes.project_ids)
    if changes.paused is True:
        sources.pause(conn, slug, now=now)
    if changes.paused is False:
        sources.resume(conn, slug)


def rotate(
    pool: Pool,
    slug: str,
    *,
    password: str,
    username: str | None,
    overlap: datetime.timedelta,
    now: datetime.datetime,
) -> Login:
    """Give a source a new password at once; those it has end after the overlap, or sooner.

    The user name stays the newest one's unless another is given. Raises errors.NotFound,
    errors.Malformed, and errors.Conflict for a source without authentication.
    """
    with pool.begin() as conn:
        source_id = sources.lock(conn, slug)
        found = sources.find(conn, slug, now=now)
        if source_id is None or found is None:
            raise _unknown(conn, slug, now=now)
        if not found.auth_required:
            raise errors.Conflict(
                f"the source '{slug}' was added with --no-auth and has no password; add another"
                " source with one, and use its URL in Mixpanel",
            )
        names = [credential.username for credential in found.credentials]
        newest = names[-1] if names else defaults.USERNAME
        login = Login(username=username or newest, password=password)
        _require_login(login)
        sources.drop_expired(conn, source_id, before=now - KEEP_ENDED)
        sources.expire_credentials(conn, source_id, at=now + overlap)
        _add_login(conn, source_id, login, now=now)
    return login


def remove(pool: Pool, slug: str, *, now: datetime.datetime) -> int:
    """End a source and delete its cohorts as the API does; returns how many cohorts.

    The source answers 404 before the first cohort goes, so none comes back. Run it again if it was
    interrupted. Raises errors.NotFound when there is nothing (left) to remove.
    """
    with pool.begin() as conn:
        removed = sources.remove(conn, slug, now=now)
        left = sources.left_behind(conn, slug)
        if not removed and not left:
            raise _unknown(conn, slug, now=now)
    deleted = 0
    while left:
        for cohort_id in left:
            with contextlib.suppress(errors.NotFound):  # it was deleted through the API
                admin.delete_cohort(pool, cohort_id, now=now)
        deleted += len(left)
        # A page that was let in before the removal may have made one more.
        with pool.read() as conn:
            left = sources.left_behind(conn, slug)
    return deleted


def _add_login(conn: Connection, source_id: int, login: Login, *, now: datetime.datetime) -> None:
    sources.add_credential(
        conn,
        source_id,
        username=login.username,
        password=secrets.hash_password(login.password),
        now=now,
    )


def _require_usable(wanted: Wanted) -> None:
    if not credentials.is_slug(wanted.slug):
        raise errors.Malformed(
            f"{wanted.slug!a} cannot be a slug: use 1 to 64 lower-case letters, digits, - and _",
        )
    if wanted.login is not None:
        _require_login(wanted.login)
    _require_texts(wanted.identity_property, wanted.project_ids)


def _require_texts(
    identity_property: str | Same | None, project_ids: tuple[str, ...] | Same
) -> None:
    named = [("--identity", identity_property)] if isinstance(identity_property, str) else []
    named += [] if isinstance(project_ids, Same) else [("--project", one) for one in project_ids]
    for name, value in named:
        if not value.strip() or not texts.is_storable(value):
            raise errors.Malformed(f"{name} needs a text that is not blank")


def _require_login(login: Login) -> None:
    if not credentials.is_username(login.username):
        raise errors.Malformed(
            "the user name cannot be used: one line of 1 to 255 characters without a colon, where"
            " HTTP Basic authentication ends it",
        )
    if not credentials.is_password(login.password):
        raise errors.Malformed(
            "the password cannot be used: one line of 1 to 255 characters without control"
            " characters",
        )


def _require_known(conn: Connection, slug: str, *, now: datetime.datetime) -> None:
    if sources.find(conn, slug, now=now) is None:
        raise _unknown(conn, slug, now=now)


def _unknown(conn: Connection, slug: str, *, now: datetime.datetime) -> errors.NotFound:
    if sources.was_removed(conn, slug):
        return errors.NotFound(
            f"the source {slug!a} was removed; `source add` can make one of that name anew",
        )
    slugs = [one.slug for one in sources.listing(conn, now=now)]
    near = difflib.get_close_matches(slug, slugs, n=1)
    hint = f"did you mean '{near[0]}'?" if near else "`source list` shows those there are"
    return errors.NotFound(f"there is no source {slug!a}; {hint}")
