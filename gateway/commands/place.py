"""Where a command works: the settings, the database and the web address of this installation."""

from __future__ import annotations

import contextlib
import datetime
import ipaddress
import os
from typing import TYPE_CHECKING, Final

import click

from gateway import errors, logs
from gateway.embedded import running
from gateway.flows.ready import Readiness
from gateway.settings import LogFormat, LogLevel, Settings
from gateway.store.engine import Pool

if TYPE_CHECKING:
    from collections.abc import Iterator

LIMIT_SECONDS: Final = 30.0


def now() -> datetime.datetime:
    """Read the clock."""
    return datetime.datetime.now(datetime.UTC)


def settings() -> Settings:
    """Read the settings, warn on stderr of unknown names, and send logs there too.

    Raises errors.BadSettings.
    """
    read = Settings.from_environ(os.environ)
    for warning in read.warnings:
        click.echo(f"warning: {warning}", err=True)
    logs.configure(level=LogLevel.ERROR, style=LogFormat.AUTO)
    return read


def database_url(where: Settings) -> str:
    """Return DATABASE_URL or, beside a running `make run`, the address of its PostgreSQL.

    Raises errors.CommandFailed when there is neither.
    """
    found = where.database_url or running.postgres_url(where.data_dir)
    if found is None:
        raise errors.CommandFailed(
            f"there is no database to work on: DATABASE_URL is not set, and no gateway runs on"
            f" {where.data_dir}. Start `make run` in another terminal, or set DATABASE_URL",
        )
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
        with reachable():
            Readiness(pool).require()
            yield pool
    finally:
        pool.close()


@contextlib.contextmanager
def reachable() -> Iterator[None]:
    """Say of a database that cannot be used why, as the server or the driver put it."""
    try:
        yield
    except errors.Unavailable as error:
        if error.__cause__ is None:
            raise errors.CommandFailed(str(error)) from error
        raise errors.CommandFailed(
            f"the database cannot be used now: {first_cause(error)}. Check that the server runs"
            " and that DATABASE_URL is right, then run this again",
        ) from error


def first_cause(error: BaseException) -> str:
    """Return the first line of what went wrong first; never holds a password."""
    while error.__cause__ is not None:
        error = error.__cause__
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def base_url(where: Settings) -> str:
    """Return the URL by which this machine reaches the gateway."""
    try:
        address = ipaddress.ip_address(where.bind)
    except ValueError:
        return f"http://{where.bind}:{where.port}"
    if address.is_unspecified:
        loopback = "127.0.0.1" if isinstance(address, ipaddress.IPv4Address) else "[::1]"
        return f"http://{loopback}:{where.port}"
    return f"http://{where.bind_host}:{where.port}"


def confirm(yes: bool, question: str) -> None:  # noqa: FBT001 - the flag itself
    """Ask at a terminal unless --yes was given; raises errors.CommandFailed where nobody can answer."""
    if yes:
        return
    if not click.get_text_stream("stdin").isatty():
        raise errors.CommandFailed(f"{question} Add --yes to say so; nothing was done")
    click.confirm(question, abort=True)


def secret(path: str, what: str) -> str:
    """Read a secret from a file, or from stdin for `-`, without its last line break.

    Raises errors.CommandFailed when it cannot be read; its text never gets into the message.
    """
    try:
        with click.open_file(path, encoding="utf-8") as file:
            text = file.read()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise errors.CommandFailed(f"the {what} cannot be read from {path}: {reason}") from error
    return text.removesuffix("\n").removesuffix("\r")
