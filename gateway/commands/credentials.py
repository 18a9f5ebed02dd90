"""`credentials`: what `make run` printed at its start, once more."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from gateway import errors
from gateway.commands import output, place
from gateway.core.access import defaults
from gateway.local.supervisor.credentials import Credentials, Origin, Resolved, choose, read

if TYPE_CHECKING:
    from gateway.settings import Settings

_NONE = Credentials(webhook_username=defaults.USERNAME, webhook_password="", api_key="")
_ORIGINS = {Origin.ENVIRONMENT: "from the environment", Origin.KEPT: "kept since an earlier start"}


@click.command()
@click.option(
    "--only",
    type=click.Choice(["username", "password", "api-key"]),
    help="Print this value and nothing else, for a shell's variable.",
)
@output.as_json
def credentials(*, only: str | None, as_json: bool) -> None:
    """Show the webhook credentials and the API key that `make run` uses.

    They come from GATEWAY_WEBHOOK_PASSWORD and GATEWAY_API_KEY, or else from the file that the
    first start wrote into the data folder. The database holds only hashes: credentials of other
    sources, and other keys, are shown once when they are made.

    Example: python -m gateway credentials --json
    """
    settings = place.settings()
    found = choose(settings, read(settings.data_dir) or _NONE, otherwise=Origin.KEPT)
    values = found.values
    if not values.webhook_password or not values.api_key:
        raise errors.CommandFailed(
            f"no credentials are kept in {settings.data_dir}: `make run` makes them at its first"
            " start; elsewhere set GATEWAY_WEBHOOK_PASSWORD and GATEWAY_API_KEY",
        )
    url = settings.webhook_url(defaults.SLUG)
    document = {
        "webhook_url": url,
        "username": values.webhook_username,
        "password": values.webhook_password,
        "password_from": found.password_from,
        "api_key": values.api_key,
        "api_key_from": found.key_from,
    }
    if only is not None:
        click.echo(document[only.replace("-", "_")])
    elif as_json:
        output.document(document)
    else:
        _show(settings, found)


def _show(settings: Settings, found: Resolved) -> None:
    values = found.values
    click.echo(f"  Webhook URL   {settings.webhook_url(defaults.SLUG)}")
    click.echo(f"  User name     {values.webhook_username}")
    click.echo(f"  Password      {values.webhook_password}")
    click.echo(f"                {_ORIGINS[found.password_from]}")
    click.echo(f"  API           {settings.shown_url}/v1")
    click.echo(f"  API key       {values.api_key}")
    click.echo(f"                {_ORIGINS[found.key_from]}")
