"""`key`: the API keys of the services that query this gateway."""

from __future__ import annotations

import datetime
import re
from typing import Final

import click

from gateway.commands import output, place
from gateway.core.access import defaults
from gateway.core.access.actor import COMMAND
from gateway.core.access.scopes import Scope
from gateway.flows.access import keys

_SPAN: Final = re.compile(r"([0-9]{1,5})([dh])")
_UNITS: Final = {"d": "days", "h": "hours"}


@click.group()
def key() -> None:
    """Manage the API keys of the services that query this gateway.

    Example: python -m gateway key create crm --scope read
    """


@key.command()
@click.argument("name")
@click.option(
    "--scope",
    "scopes",
    type=click.Choice([scope.value for scope in Scope]),
    multiple=True,
    required=True,
    help="What it may do; admin includes write, and write includes read. ingest posts people and"
    " events, and reads nothing. Repeatable.",
)
@click.option("--source", metavar="SLUG", help="With ingest: the only source to post to.")
@click.option("--replace", is_flag=True, help="Revoke the valid key of this name with it.")
@click.option(
    "--expires",
    metavar="WHEN",
    help="Until when it is valid: 90d, 12h, or a date (its beginning in UTC).",
)
@output.as_json
def create(
    *,
    name: str,
    scopes: tuple[str, ...],
    source: str | None,
    replace: bool,
    expires: str | None,
    as_json: bool,
) -> None:
    """Create a key and print it, once: the database holds only its hash.

    Only the key itself goes to stdout, so that it can be piped to where it is needed.

    Example: python -m gateway key create crm --scope read --expires 90d
    """
    now = place.now()
    wanted = keys.Wanted(
        name=name,
        scopes=[scope for scope in Scope if scope.value in scopes],
        expires_at=None if expires is None else _moment(expires, now),
        replace=replace,
        source=source,
    )
    with place.database(place.settings()) as pool:
        made = keys.create(pool, wanted, now=now, actor=COMMAND)
    if as_json:
        output.document(_made_as_json(wanted, made))
    else:
        _show(wanted, made)


def _show(wanted: keys.Wanted, made: keys.Made) -> None:
    click.echo(made.key)
    until = "" if wanted.expires_at is None else f" until {wanted.expires_at:%Y-%m-%d %H:%M} UTC"
    output.complain(
        f"The key {wanted.name} ({', '.join(wanted.scopes)}) is valid{until} and shown this once."
    )
    for one in made.replaced:
        output.complain(f"The older key {wanted.name} (id {one.id}) is revoked.")


def _made_as_json(wanted: keys.Wanted, made: keys.Made) -> dict[str, object]:
    return {
        "name": wanted.name,
        "scopes": list(wanted.scopes),
        "source": wanted.source,
        "key": made.key,
        "expires_at": place.moment(wanted.expires_at),
        "replaced": [one.id for one in made.replaced],
    }


def _moment(text: str, now: datetime.datetime) -> datetime.datetime:
    """Read the end of a key: days or hours from now, a date, or a moment with its time zone."""
    try:
        if span := _SPAN.fullmatch(text):
            return now + datetime.timedelta(**{_UNITS[span[2]]: int(span[1])})
        moment = datetime.datetime.fromisoformat(text)
    except (ValueError, OverflowError):
        raise click.UsageError(
            f"--expires {text!a} is no end: give days or hours like 90d or 12h, or a date like"
            " 2027-03-01"
        ) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=datetime.UTC)


@key.command("list")
@output.as_json
def list_keys(as_json: bool) -> None:  # noqa: FBT001 - a flag of the command line
    """List every key, revoked ones included; the keys themselves are never shown.

    Example: python -m gateway key list --json
    """
    with place.database(place.settings()) as pool:
        found, now = keys.listing(pool), place.now()
    if as_json:
        output.document([_as_json(one, now) for one in found])
        return
    rows = [
        (
            str(one.id),
            one.name,
            ",".join(one.scopes),
            f"{one.created_at:%Y-%m-%d %H:%M}",
            _state(one, now),
        )
        for one in found
    ]
    place.table(("ID", "NAME", "SCOPES", "CREATED (UTC)", "STATE"), rows)


@key.command()
@click.argument("which", metavar="ID|NAME")
@output.as_json
def revoke(which: str, as_json: bool) -> None:  # noqa: FBT001 - a flag of the command line
    """End a key, by its id or its name; requests with it are refused within a second.

    Example: python -m gateway key revoke crm
    """
    now = place.now()
    with place.database(place.settings()) as pool:
        ended = keys.revoke(pool, which, now=now, actor=COMMAND)
    if as_json:
        output.document({"revoked": [{"id": one.id, "name": one.name} for one in ended]})
    for one in ended:
        if not as_json:
            click.echo(f"The key {one.name} (id {one.id}) is revoked.")
        if one.name == defaults.KEY_NAME:
            output.note(
                "the gateway's next start makes it valid again, unless GATEWAY_API_KEY, or"
                " the key in the data folder's credentials.json, is another one by then",
            )


def _state(one: keys.ApiKey, now: datetime.datetime) -> str:
    if one.revoked_at is not None:
        return f"revoked {one.revoked_at:%Y-%m-%d %H:%M}"
    if one.expires_at is None:
        return "valid"
    said = "valid until" if one.is_valid(now) else "expired"
    return f"{said} {one.expires_at:%Y-%m-%d %H:%M}"


def _as_json(one: keys.ApiKey, now: datetime.datetime) -> dict[str, object]:
    return {
        "id": one.id,
        "name": one.name,
        "scopes": list(one.scopes),
        "source": one.source,
        "created_at": place.moment(one.created_at),
        "revoked_at": place.moment(one.revoked_at),
        "expires_at": place.moment(one.expires_at),
        "valid": one.is_valid(now),
    }
