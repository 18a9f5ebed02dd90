"""`database`: a look at the Postgres of the gateway, without a client of its own."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Final

import click

from gateway.commands import output, place
from gateway.flows.health import activity as flow

if TYPE_CHECKING:
    import datetime

_MEBIBYTE: Final = 1024 * 1024


@click.group()
def database() -> None:
    """Look at the Postgres of the gateway: transactions, connections, sizes.

    Example: python -m gateway database show
    """


@database.command()
@output.as_json
def show(as_json: bool) -> None:  # noqa: FBT001 - a flag of the command line
    """Show open transactions, connections and the largest tables.

    A transaction that is open for minutes holds others up; WAITS FOR names the sessions that hold
    up this one.

    Example: python -m gateway database show
    """
    with place.database(place.settings()) as pool:
        found, now = flow.look(pool), place.now()
    if as_json:
        output.document(_as_json(found))
        return
    place.table(
        ("PID", "PROGRAM", "STATE", "OPEN FOR", "WAITS FOR"),
        [
            (
                str(one.pid),
                one.application or "-",
                one.state or "-",
                f"{_seconds(now - one.began_at):,.0f} s",
                ",".join(map(str, one.waits_for)) or "-",
            )
            for one in found.transactions
        ],
    )
    click.echo()
    place.table(
        ("ROLE", "PROGRAM", "CONNECTIONS"),
        [(one.role or "-", one.application or "-", str(one.count)) for one in found.connections],
    )
    click.echo()
    place.table(
        ("TABLE", "SIZE"),
        [(one.name, f"{one.bytes / _MEBIBYTE:,.1f} MiB") for one in found.tables],
    )


@database.command()
@click.argument("pid", type=click.IntRange(1, 2**31 - 1))
@output.as_json
def end(pid: int, as_json: bool) -> None:  # noqa: FBT001 - a flag of the command line
    """End a session of Postgres by its PID; what it had begun is rolled back.

    A session of the gateway itself connects again and does its work anew.

    Example: python -m gateway database end 4711
    """
    with place.database(place.settings()) as pool:
        flow.end(pool, pid)
    if as_json:
        output.document({"ended": pid})
    else:
        click.echo(f"The session {pid} is ended.")


@database.command()
@click.option(
    "--password-file",
    metavar="FILE",
    required=True,
    help="Take the new password from this file (- for stdin).",
)
@output.as_json
def password(password_file: str, as_json: bool) -> None:  # noqa: FBT001 - a flag
    """Change the password of the role in DATABASE_URL.

    Connections that are open stay; new ones need the new password, so set DATABASE_URL and restart
    the gateway directly afterwards. The server is sent a verifier, never the password.

    Example: python -m gateway database password --password-file new-password
    """
    new = place.secret(password_file, "password")
    with place.database(place.settings()) as pool:
        flow.set_password(pool, new)
    if as_json:
        output.document({"changed": True})
    else:
        output.say("The password is changed; set it in DATABASE_URL and restart the gateway.")


def _seconds(span: datetime.timedelta) -> float:
    return max(span.total_seconds(), 0.0)


def _as_json(found: flow.Activity) -> dict[str, object]:
    return {
        "transactions": [
            {**dataclasses.asdict(one), "began_at": place.moment(one.began_at)}
            for one in found.transactions
        ],
        "connections": [dataclasses.asdict(one) for one in found.connections],
        "tables": [dataclasses.asdict(one) for one in found.tables],
    }
