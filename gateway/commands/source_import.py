"""`source import`: where the recorded actions of a source are forwarded to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from gateway.commands import output, place, source_database
from gateway.core.access.actor import COMMAND
from gateway.flows.sources import admin

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gateway.store.db.engine import Pool


@click.command("import")
@click.argument("slug")
@click.option("--project", metavar="ID", help="The Mixpanel project that receives the events.")
@click.option("--service-account", metavar="NAME", help="The user name of the service account.")
@click.option("--secret-file", metavar="FILE", help="Its secret, from this file (- for stdin).")
@click.option("--endpoint", metavar="URL", help="For example https://api-eu.mixpanel.com.")
@click.option("--off", is_flag=True, help="Forward nothing more.")
@output.as_json
def set_import(
    *,
    slug: str,
    project: str | None,
    service_account: str | None,
    secret_file: str | None,
    endpoint: str | None,
    off: bool,
    as_json: bool,
) -> None:
    """Have recorded actions of a source sent to Mixpanel, or say where else they go.

    What is left out stays. Another endpoint needs the secret again. Actions recorded before the
    first setting are not sent.

    Example: python -m gateway source import shop-eu --project 2195193 --service-account gw.1a2b3c
    """
    parts = {"project_id": project, "service_account": service_account, "endpoint": endpoint}
    given = {name: one for name, one in parts.items() if one is not None}
    if off == bool(given or secret_file):
        raise click.UsageError("Give --project and --service-account, or --off alone.")
    secrets = {"import_secret": place.secret(secret_file, "secret")} if secret_file else {}
    settings = place.settings()
    with place.database(settings) as pool:
        wanted = None if off else {**_present(pool, slug), **given}
        admin.change(
            pool,
            slug,
            admin.Changes(config={"import": wanted}, secrets=secrets),
            source_database.setup(settings),
            now=place.now(),
            actor=COMMAND,
        )
    if as_json:
        output.document({"slug": slug, "forwarding": not off})
    elif off:
        output.say(f"Actions of the source {slug} are forwarded no more.")
    else:
        output.say(f"Actions of the source {slug} are sent to Mixpanel from now on.")
        output.note(f"`python -m gateway source test {slug}` asks Mixpanel whether it accepts them")


def _present(pool: Pool, slug: str) -> Mapping[str, Any]:
    """Read what is set already; nothing of a source that is not there."""
    found = (one for one in admin.listing(pool, now=place.now()) if one.slug == slug)
    return next((one.config.get("import") or {} for one in found), {})
