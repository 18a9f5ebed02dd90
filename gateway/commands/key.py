"""`key`: the API keys of the services that query this gateway."""

from __future__ import annotations

import json

import click

from gateway.commands import place
from gateway.core.scopes import Scope
from gateway.flows import bootstrap, keys


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
    help="What it may do; admin includes write, and write includes read. Repeatable.",
)
def create(name: str, scopes: tuple[str, ...]) -> None:
    """Create a key and print it, once: the database holds only its hash.

    Only the key itself goes to stdout, so that it can be piped to where it is needed.

    Example: python -m gateway key create crm --scope read
    """
    wanted = [scope for scope in Scope if scope.value in scopes]
    with place.database(place.settings()) as pool:
        made = keys.create(pool, name, wanted, now=place.now())
    click.echo(made)
    click.echo(f"The key {name} ({', '.join(wanted)}) is valid and shown this once.", err=True)


@key.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_keys(as_json: bool) -> None:  # noqa: FBT001 - a flag of the command line
    """List every key, revoked ones included; the keys themselves are never shown.

    Example: python -m gateway key list --json
    """
    with place.database(place.settings()) as pool:
        found = keys.listing(pool)
    if as_json:
        click.echo(json.dumps([_as_json(one) for one in found], indent=2))
        return
    rows = [
        (
            str(one.id),
            one.name,
            ",".join(one.scopes),
            f"{one.created_at:%Y-%m-%d %H:%M}",
            f"revoked {one.revoked_at:%Y-%m-%d %H:%M}" if one.revoked_at else "valid",
        )
        for one in found
    ]
    place.table(("ID", "NAME", "SCOPES", "CREATED (UTC)", "STATE"), rows)


@key.command()
@click.argument("which", metavar="ID|NAME")
def revoke(which: str) -> None:
    """End a key, by its id or its name; requests with it are refused within a second.

    Example: python -m gateway key revoke crm
    """
    with place.database(place.settings()) as pool:
        ended = keys.revoke(pool, which, now=place.now())
    for one in ended:
        click.echo(f"The key {one.name} (id {one.id}) is revoked.")
        if one.name == bootstrap.KEY_NAME:
            click.echo(
                "note: the gateway's next start makes it valid again, unless GATEWAY_API_KEY, or"
                " the key in the data folder's credentials.json, is another one by then",
                err=True,
            )


def _as_json(one: keys.ApiKey) -> dict[str, object]:
    return {
        "id": one.id,
        "name": one.name,
        "scopes": list(one.scopes),
        "created_at": place.moment(one.created_at),
        "revoked_at": place.moment(one.revoked_at),
        "valid": one.revoked_at is None,
    }
