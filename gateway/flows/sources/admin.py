"""Sources as their operator handles them: added, listed, paused, given new passwords, removed."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import difflib
import enum
from typing import TYPE_CHECKING, Any, Final

from gateway import channels, errors
from gateway.core import fields, secrecy
from gateway.core.access import credentials as rules
from gateway.core.access import defaults, secrets
from gateway.core.access.actor import GATEWAY
from gateway.core.sources import webhook_config
from gateway.flows.cohorts import admin
from gateway.flows.sources import built_in, configuring, logins
from gateway.flows.sources import setup as setups
from gateway.flows.sources.setup import PLAIN, Setup
from gateway.store.db import audit
from gateway.store.sources import channels as source_channels
from gateway.store.sources import credentials, sources
from gateway.store.sources import secrets as kept_secrets

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import Connection

    from gateway.core.access.actor import Actor
    from gateway.store.db.engine import Pool
    from gateway.store.sources.sources import Locked

Listed = sources.Listed
Login = logins.Login

# How long ended credentials are kept, to tell until when one was good.
KEEP_ENDED: Final = datetime.timedelta(days=30)
# So many of the cohorts that depend on a source are named.
MOST_NAMED: Final = 100


@dataclasses.dataclass(frozen=True, kw_only=True)
class Wanted:
    """A source to be made: without a login a webhook takes pages from any sender."""

    slug: str
    kind: str = webhook_config.KIND
    name: str | None = None
    login: Login | None = None
    config: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    secrets: Mapping[str, Any] = dataclasses.field(default_factory=dict, repr=False)
    notify: Sequence[str] | None = None


class Same(enum.Enum):
    """The value of a change that changes nothing: None is a value of its own."""

    SAME = enum.auto()


@dataclasses.dataclass(frozen=True, kw_only=True)
class Changes:
    """What to change of a source: parts of its config and single secrets among others."""

    name: str | Same = Same.SAME
    paused: bool | Same = Same.SAME
    notify: Sequence[str] | Same | None = Same.SAME
    config: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    secrets: Mapping[str, Any] = dataclasses.field(default_factory=dict, repr=False)

    def changed(self) -> list[str]:
        """Name the fields that change, but `paused`, which is a state of its own."""
        name = [] if isinstance(self.name, Same) else ["name"]
        name += [] if isinstance(self.notify, Same) else ["notify"]
        config = [f"config.{one}" for one in sorted(self.config)]
        return [*name, *config, *(f"secrets.{one}" for one in sorted(self.secrets))]


def make(
    pool: Pool, wanted: Wanted, setup: Setup, *, now: datetime.datetime, actor: Actor = GATEWAY
) -> Login | None:
    """Make a source, and a login where its kind has one; the password is in no other answer.

    Raises as `add` does.
    """
    login = None
    if wanted.kind == webhook_config.KIND:
        login = Login(username=defaults.USERNAME, password=secrets.new_password())
    add(pool, dataclasses.replace(wanted, login=login), setup, now=now, actor=actor)
    return login


def add(
    pool: Pool,
    wanted: Wanted,
    setup: Setup = PLAIN,
    *,
    now: datetime.datetime,
    actor: Actor = GATEWAY,
) -> None:
    """Make a source that works from now on.

    Raises errors.Invalid naming what cannot be used, errors.Malformed for such a login,
    errors.Exists if the slug is taken, and errors.NoSecretKey.
    """
    kind = setup.require(wanted.kind)
    wrong = secrecy.faults(kind, wanted.config, wanted.secrets, whole=True)
    wrong += secrecy.lacking(kind.needs, wanted.config, configuring.given(wanted.secrets))
    _require_usable(wanted, [*wrong, *channels.faults(wanted.notify, setup.channels, "notify")])
    config = fields.read(kind.config, wanted.config)
    if wanted.kind == webhook_config.KIND:
        config["auth_required"] = wanted.login is not None
    made = sources.Made(slug=wanted.slug, kind=kind.name, name=wanted.name, config=config)
    with pool.begin() as conn:
        expected = kind.expected_every_seconds
        source_id = sources.create(conn, made, expected_every_seconds=expected, now=now)
        if source_id is None:
            raise errors.Exists(_taken(wanted))
        if wanted.notify is not None:
            source_channels.put(conn, wanted.slug, wanted.notify)
        if wanted.login is not None:
            logins.add(conn, source_id, wanted.login, now=now)
        setups.write_secrets(conn, setup, source_id, wanted.secrets, now=now)
        audit.write(conn, actor, "source.created", wanted.slug, now=now, kind=kind.name)


def listing(pool: Pool, *, now: datetime.datetime) -> list[Listed]:
    """List the sources by slug."""
    with pool.read() as conn:
        return sources.listing(conn, now=now)


def require(pool: Pool, slug: str, *, now: datetime.datetime) -> None:
    """Raise errors.NotFound unless there is a source of this name, or was one."""
    with pool.read() as conn:
        if not sources.was_removed(conn, slug):
            _require_known(conn, slug, now=now)


def pause(pool: Pool, slug: str, *, now: datetime.datetime, actor: Actor = GATEWAY) -> None:
    """Let a source answer 503 until it is resumed; one that is paused stays so.

    Raises errors.NotFound.
    """
    with pool.begin() as conn:
        if not _pause(conn, slug, actor, now=now):
            _require_known(conn, slug, now=now)


def resume(pool: Pool, slug: str, *, now: datetime.datetime, actor: Actor = GATEWAY) -> None:
    """Let a paused source take pages again; one that is not paused goes on.

    Raises errors.NotFound.
    """
    with pool.begin() as conn:
        if not _resume(conn, slug, actor, now=now):
            _require_known(conn, slug, now=now)


def change(
    pool: Pool,
    slug: str,
    changes: Changes,
    setup: Setup = PLAIN,
    *,
    now: datetime.datetime,
    actor: Actor = GATEWAY,
) -> None:
    """Change what a source was made with; history stays, and members change at the next full sync.

    Raises errors.NotFound, errors.Invalid naming what cannot be used, errors.SecretsNeeded if
    secrets would travel elsewhere, and errors.NoSecretKey.
    """
    with pool.begin() as conn:
        found = sources.lock(conn, slug)
        if found is None:
            raise _unknown(conn, slug, now=now)
        if changes.config or changes.secrets:
            configuring.configure(
                conn, found, changes.config, changes.secrets, setup, slug=slug, now=now
            )
        if not isinstance(changes.name, Same):
            sources.rename(conn, slug, changes.name)
        if not isinstance(changes.notify, Same):
            channels.require(changes.notify, setup.channels, "notify")
            source_channels.put(conn, slug, changes.notify)
        if changes.paused is True:
            _pause(conn, slug, actor, now=now)
        if changes.paused is False:
            _resume(conn, slug, actor, now=now)
        changed = changes.changed()
        if changed:
            audit.write(conn, actor, "source.changed", slug, now=now, fields=changed)


def _pause(conn: Connection, slug: str, actor: Actor, *, now: datetime.datetime) -> bool:
    done = sources.pause(conn, slug, now=now)
    if done:
        audit.write(conn, actor, "source.paused", slug, now=now)
    return done


def _resume(conn: Connection, slug: str, actor: Actor, *, now: datetime.datetime) -> bool:
    done = sources.resume(conn, slug)
    if done:
        audit.write(conn, actor, "source.resumed", slug, now=now)
    return done


def rotate(
    pool: Pool,
    slug: str,
    *,
    password: str,
    username: str | None,
    overlap: datetime.timedelta,
    now: datetime.datetime,
    actor: Actor = GATEWAY,
) -> Login:
    """Give a source a new password at once; those it has end after the overlap, or sooner.

    The user name stays the newest one's unless another is given. Raises errors.NotFound,
    errors.Malformed, and errors.Conflict for a source that asks for no password.
    """
    with pool.begin() as conn:
        locked = sources.lock(conn, slug)
        found = sources.find(conn, slug, now=now)
        if locked is None or found is None:
            raise _unknown(conn, slug, now=now)
        if locked.kind != webhook_config.KIND:
            raise errors.Conflict(f"a source of kind {locked.kind} has no password to rotate")
        if not found.config.auth_required:
            raise errors.Conflict(
                f"the source '{slug}' was added with --no-auth and has no password; add another"
                " source with one, and use its URL in Mixpanel",
            )
        names = [credential.username for credential in found.credentials]
        newest = names[-1] if names else defaults.USERNAME
        login = Login(username=username or newest, password=password)
        logins.require(login)
        credentials.drop_expired(conn, locked.id, before=now - KEEP_ENDED)
        credentials.expire(conn, locked.id, at=now + overlap)
        logins.add(conn, locked.id, login, now=now)
        audit.write(conn, actor, "source.password_rotated", slug, now=now, username=login.username)
    return login


def remove(
    pool: Pool,
    slug: str,
    *,
    now: datetime.datetime,
    with_cohorts: bool = True,
    actor: Actor = GATEWAY,
) -> int:
    """End a source and delete its cohorts as the API does; returns how many cohorts.

    The source answers 404 before the first cohort goes, so none comes back. Run it again if it was
    interrupted. Raises errors.NotFound when there is nothing (left) to remove, errors.Conflict for
    a source that comes with the gateway, and errors.InUse for one that has cohorts, unless these
    are to go with it.
    """
    with pool.begin() as conn:
        found = sources.lock(conn, slug)
        if found is not None:
            _end(conn, slug, found, with_cohorts=with_cohorts, now=now)
            audit.write(conn, actor, "source.removed", slug, now=now)
        left = sources.left_behind(conn, slug)
        if found is None and not left:
            raise _unknown(conn, slug, now=now)
    deleted = 0
    while left:
        for cohort_id in left:
            with contextlib.suppress(errors.NotFound):  # it was deleted through the API
                admin.delete_cohort(pool, cohort_id, now=now, actor=actor)
        deleted += len(left)
        # A page that was let in before the removal may have made one more.
        with pool.read() as conn:
            left = sources.left_behind(conn, slug)
    return deleted


def _end(
    conn: Connection, slug: str, found: Locked, *, with_cohorts: bool, now: datetime.datetime
) -> None:
    if built_in.is_one(slug, found.kind):
        message = f"the source '{slug}' comes with the gateway; pause it instead"
        raise errors.Conflict(message, code="built_in")
    in_use = sources.cohorts_in_use(conn, found.id, limit=MOST_NAMED)
    if in_use and not with_cohorts:
        named = ", ".join(f"{cohort_id} ({name})" for cohort_id, name in in_use)
        raise errors.InUse(
            f"cohorts come from this source: {named}; delete them first, or send with_cohorts=true",
            cohorts=[str(cohort_id) for cohort_id, _ in in_use],
        )
    sources.remove(conn, slug, now=now)
    kept_secrets.drop_all(conn, found.id)


def _taken(wanted: Wanted) -> str:
    message = f"there is a source '{wanted.slug}' already; choose another slug"
    if wanted.kind != webhook_config.KIND:
        return message
    return f"{message}, or give that one a new password with `source rotate {wanted.slug}`"


def _require_usable(wanted: Wanted, wrong: Sequence[errors.Fault]) -> None:
    if not rules.is_slug(wanted.slug):
        message = f"{wanted.slug!a} is none: use 1 to 64 lower-case letters, digits, - and _"
        wrong = [errors.Fault("slug", message), *wrong]
    if wrong:
        raise errors.Invalid(wrong)
    if wanted.login is not None:
        logins.require(wanted.login)


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
