"""Where a command works: the settings, the database and the web address of this installation."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import http.client
import json
import os
import sys
from typing import TYPE_CHECKING, Final

import click

from gateway import errors
from gateway.commands import output
from gateway.core import moments
from gateway.core.cohorts import member_ids
from gateway.core.health import installation_rules
from gateway.flows.health.readiness import Readiness
from gateway.local.embedded import running
from gateway.local.supervisor import secret_key
from gateway.settings import Settings
from gateway.store.db.engine import Pool

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

LIMIT_SECONDS: Final = 30.0
_PROBE_SECONDS: Final = 3.0

now: Final = moments.now


def settings() -> Settings:
    """Read the settings, and warn on stderr of unknown names and weak secrets.

    Raises errors.BadSettings.
    """
    read = with_kept_key(Settings.from_environ(os.environ))
    weak = installation_rules.weak_secrets(
        username=read.webhook_username, password=read.webhook_password, key=read.api_key
    )
    for warning in (*read.warnings, *(f"{text}; {remedy}" for text, remedy in weak)):
        output.complain(f"warning: {warning}")
    return read


def database_url(where: Settings) -> str:
    """Return DATABASE_URL or, beside a running `make run`, the address of its PostgreSQL.

    Raises errors.CommandFailed when there is neither.
    """
    if where.database_url:
        return where.database_url
    found = running.postgres_url(where.data_dir)
    if found is None:
        raise errors.CommandFailed(
            f"there is no database to work on: DATABASE_URL is not set, and no gateway runs on"
            f" {where.data_dir}. Start `make run` in another terminal, or set DATABASE_URL",
        )
    for name in os.environ.keys() - running.without_libpq(os.environ).keys():
        del os.environ[name]  # libpq reads them there
    return found


def connect(where: Settings) -> Pool:
    """Make the pool of a command; nothing is opened yet. Raises errors.CommandFailed."""
    return Pool(database_url(where), name="command", size=1, limit_seconds=LIMIT_SECONDS)


@contextlib.contextmanager
def database(where: Settings) -> Iterator[Pool]:
    """Lend the pool of a database that answers and has the schema of this version.

    Raises errors.CommandFailed, saying why and what to do, when it cannot be used.
    """
    pool = connect(where)
    try:
        with reachable(pool):
            Readiness(pool).require_schema()
            yield pool
    finally:
        pool.close()


@contextlib.contextmanager
def reachable(pool: Pool) -> Iterator[None]:
    """Say of a database that cannot be used why, as the server or the driver put it."""
    try:
        with pool.read():
            pass
    except errors.Unavailable as error:
        raise errors.CommandFailed(
            f"the database cannot be reached: {first_cause(error)}. Check that the server runs and"
            " that DATABASE_URL is right",
        ) from error
    try:
        yield
    except errors.Unavailable as error:
        why = str(error) if error.__cause__ is None else f"{error}: {first_cause(error)}"
        raise errors.CommandFailed(f"{why}; this can be run again") from error


def first_cause(error: BaseException) -> str:
    """Return the first line of what went wrong first; never holds a password."""
    while error.__cause__ is not None:
        error = error.__cause__
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def with_kept_key(read: Settings) -> Settings:
    """Add the key of secrets that `make run` keeps in the data folder, if none is set.

    Raises errors.BadSettings if that cannot be used.
    """
    kept = read.data_dir.expanduser() / secret_key.FILE_NAME
    if read.secret_key or read.database_url or not kept.is_file():
        return read
    found = Settings.from_environ({"GATEWAY_SECRET_KEY_FILE": str(kept)})
    return dataclasses.replace(read, secret_key=found.secret_key)


def redis_of_running(where: Settings) -> str | None:
    """Ask a gateway on this machine how its Redis is; None if there is none."""
    try:
        return str(json.loads(running.readiness(where, _PROBE_SECONDS)[1])["redis"])
    except (OSError, http.client.HTTPException, ValueError, LookupError, TypeError):
        return None


def require_member_id(text: str) -> None:
    """Raise errors.Malformed for what can be no member's id."""
    if member_ids.why_unusable(text) is not None:
        raise errors.Malformed(
            "no member can have this id: it is blank, longer than 1,024 bytes, or not UTF-8 text",
        )


def confirm(yes: bool, question: str) -> None:  # noqa: FBT001 - the flag itself
    """Ask unless --yes was given; raises errors.CommandFailed where no operator can answer."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise errors.CommandFailed(f"{question} Add --yes to say so; nothing was done")
    click.confirm(question, abort=True)


def secret(path: str, what: str) -> str:
    """Read a secret from a file without its last line break; `-` is stdin, asked for at a terminal.

    Raises errors.CommandFailed when it cannot be read; its text never gets into the message.
    """
    if path == "-" and sys.stdin.isatty():
        return str(click.prompt(what.capitalize(), hide_input=True, confirmation_prompt=True))
    try:
        with click.open_file(path, encoding="utf-8") as file:
            text: str = file.read()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise errors.CommandFailed(f"the {what} cannot be read from {path}: {reason}") from error
    return text.removesuffix("\n").removesuffix("\r")


def moment(at: datetime.datetime | None) -> str | None:
    """Write a moment as RFC 3339 in UTC; None stays None."""
    return None if at is None else at.astimezone(datetime.UTC).isoformat().replace("+00:00", "Z")


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print rows under a head, in columns as wide as they need."""
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    for row in (head, *rows):
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        click.echo("  ".join(cells).rstrip())
