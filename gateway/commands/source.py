"""`source`: the connections that may post to this gateway."""

from __future__ import annotations

import datetime
from typing import TYPE_CHECKING, Final

import click

from gateway.commands import output, place, source_database, source_import, source_rows
from gateway.core.access import defaults, secrets
from gateway.core.access.actor import COMMAND
from gateway.core.cohorts import kinds
from gateway.flows.sources import admin
from gateway.local.supervisor import credentials

if TYPE_CHECKING:
    from gateway.settings import Settings

MAX_OVERLAP_HOURS: Final = 24 * 30

_FROM_FILE = click.option(
    "--password-file",
    metavar="FILE",
    help="Take the password from this file (- for stdin) instead of generating one.",
)


@click.group()
def source() -> None:
    """Manage the sources: the webhook URLs of this gateway and their credentials.

    Example: python -m gateway source add shop-eu --project 2195193
    """


for _command in (
    source_database.test,
    source_database.schema,
    source_database.preview,
    source_import.set_import,
):
    source.add_command(_command)


@source.command()
@click.argument("slug")
@click.option("--username", default=defaults.USERNAME, show_default=True)
@_FROM_FILE
@click.option(
    "--no-auth", is_flag=True, help="Take pages without a password: knowing the URL is enough."
)
@click.option("--identity", metavar="PROPERTY", help="The property that holds the member id.")
@click.option("--project", "projects", metavar="ID", multiple=True, help="Only this; repeatable.")
@click.option("--kind", default=kinds.MIXPANEL, show_default=True, help="mixpanel or list.")
@output.as_json
def add(
    *,
    slug: str,
    kind: str,
    username: str,
    password_file: str | None,
    no_auth: bool,
    identity: str | None,
    projects: tuple[str, ...],
    as_json: bool,
) -> None:
    """Add a source; of Mixpanel's, print its webhook URL and credentials, once.

    SLUG becomes the last part of the URL: lower-case letters, digits, - and _. A source of kind
    list has no URL: its cohorts are filled by files and by calls.

    Example: python -m gateway source add shop-eu --project 2195193
    """
    if no_auth and password_file is not None:
        raise click.UsageError("--no-auth takes no password; leave one of the two out.")
    if kind != kinds.MIXPANEL:
        given = no_auth or password_file is not None or identity is not None or bool(projects)
        _add_other(slug, kind, given=given, as_json=as_json)
        return
    password = _password(password_file)
    login = None if no_auth else admin.Login(username=username, password=password)
    settings = place.settings()
    with place.database(settings) as pool:
        config = {"identity_property": identity, "project_ids": list(projects)}
        wanted = admin.Wanted(slug=slug, login=login, config=config)
        admin.add(pool, wanted, now=place.now(), actor=COMMAND)
    if as_json:
        output.document(_made(settings, slug, login, given=password_file is not None))
        return
    click.echo(f"The source {slug} takes pages from now on.\n")
    click.echo(f"  Webhook URL   {settings.webhook_url(slug)}")
    if settings.public_url is None:
        click.echo("                as this machine reaches it; set GATEWAY_PUBLIC_URL to the URL")
        click.echo("                by which Mixpanel does")
    _show(login, given=password_file is not None)


def _add_other(slug: str, kind: str, *, given: bool, as_json: bool) -> None:
    """Add a source that no pages are posted to."""
    if given:
        raise click.UsageError("Only a source of kind mixpanel has these options.")
    with place.database(place.settings()) as pool:
        wanted = admin.Wanted(slug=slug, kind=kind)
        admin.add(pool, wanted, now=place.now(), actor=COMMAND)
    if as_json:
        output.document({"slug": slug, "kind": kind})
        return
    click.echo(f"The source {slug} of kind {kind} is made; `cohort create` makes its cohorts.")


@source.command("list")
@output.as_json
def list_sources(as_json: bool) -> None:  # noqa: FBT001 - a flag of the command line
    """List the sources with their state, credentials and cohorts; secrets are never shown.

    Example: python -m gateway source list --json
    """
    with place.database(place.settings()) as pool:
        found = admin.listing(pool, now=place.now())
    if as_json:
        output.document([source_rows.as_json(one) for one in found])
        return
    rows = [source_rows.row(one) for one in found]
    place.table(source_rows.HEAD, rows)


@source.command("set")
@click.argument("slug")
@click.option("--identity", metavar="PROPERTY", help="The property that holds the member id.")
@click.option("--default-identity", is_flag=True, help="Use Mixpanel's distinct id again.")
@click.option("--project", "projects", metavar="ID", multiple=True, help="Only this; repeatable.")
@click.option("--any-project", is_flag=True, help="Take pages of any project again.")
@output.as_json
def set_source(
    *,
    slug: str,
    identity: str | None,
    default_identity: bool,
    projects: tuple[str, ...],
    any_project: bool,
    as_json: bool,
) -> None:
    """Change the identity property of a source, or the projects that may post to it.

    The projects given replace those of before. Cohorts and their history are kept; members change
    at the next full sync of each cohort.

    Example: python -m gateway source set shop-eu --identity user_id --project 2195193
    """
    if (default_identity and identity is not None) or (any_project and projects):
        raise click.UsageError("An option and its opposite were given; leave one of the two out.")
    if not (identity or default_identity or projects or any_project):
        raise click.UsageError("Nothing to set; give --identity or --project.")
    config: dict[str, object] = {}
    if identity is not None or default_identity:
        config["identity_property"] = identity
    if projects or any_project:
        config["project_ids"] = list(projects)
    with place.database(place.settings()) as pool:
        admin.change(pool, slug, admin.Changes(config=config), now=place.now(), actor=COMMAND)
    if as_json:
        output.document({"slug": slug, "changed": True})
        return
    click.echo(f"The source {slug} is changed; members change at the next full sync of a cohort.")


@source.command()
@click.argument("slug")
@output.as_json
def pause(slug: str, as_json: bool) -> None:  # noqa: FBT001 - a flag of the command line
    """Answer a source's pages with 503, so that Mixpanel keeps them and tries again.

    Mixpanel's snapshot lasts three days; after a longer pause it sends everything anew.

    Example: python -m gateway source pause shop-eu
    """
    with place.database(place.settings()) as pool:
        admin.pause(pool, slug, now=place.now(), actor=COMMAND)
    if as_json:
        output.document({"slug": slug, "paused": True})
        return
    output.say(f"The source {slug} is paused: its pages are answered 503 until it is resumed.")


@source.command()
@click.argument("slug")
@output.as_json
def resume(slug: str, as_json: bool) -> None:  # noqa: FBT001 - a flag of the command line
    """Let a paused source take pages again.

    Example: python -m gateway source resume shop-eu
    """
    with place.database(place.settings()) as pool:
        admin.resume(pool, slug, now=place.now(), actor=COMMAND)
    if as_json:
        output.document({"slug": slug, "paused": False})
        return
    output.say(f"The source {slug} takes pages again.")


@source.command()
@click.argument("slug")
@click.option("--username", help="Another user name; the present one by default.")
@_FROM_FILE
@click.option(
    "--overlap",
    "overlap_hours",
    type=click.FloatRange(0, MAX_OVERLAP_HOURS),
    default=24.0,
    show_default=True,
    metavar="HOURS",
    help="How long the old credentials stay valid.",
)
@click.option("--now", "at_once", is_flag=True, help="End the old credentials at once.")
@output.as_json
def rotate(
    *,
    slug: str,
    username: str | None,
    password_file: str | None,
    overlap_hours: float,
    at_once: bool,
    as_json: bool,
) -> None:
    """Give a source a new password; the old one stays valid for a while.

    Change it in Mixpanel before the overlap ends: a wrong password pauses a sync there.

    Example: python -m gateway source rotate shop-eu --overlap 48
    """
    password, now = _password(password_file), place.now()
    overlap = datetime.timedelta(hours=0 if at_once else overlap_hours)
    settings = place.settings()
    with place.database(settings) as pool:
        login = admin.rotate(
            pool,
            slug,
            password=password,
            username=username,
            overlap=overlap,
            now=now,
            actor=COMMAND,
        )
    given = password_file is not None
    if as_json:
        end = place.moment(now + overlap)
        output.document({**_made(settings, slug, login, given=given), "old_valid_until": end})
    else:
        until = f"valid until {now + overlap:%Y-%m-%d %H:%M} UTC" if overlap else "no longer valid"
        output.say(f"The source {slug} has a new password; the old credentials are {until}.")
        click.echo(f"\n  Webhook URL   {settings.webhook_url(slug)}")
        _show(login, given=given)
    if slug == defaults.SLUG:
        _keep(settings, login)


@source.command()
@click.argument("slug")
@click.option("--yes", is_flag=True, help="Do not ask.")
@output.as_json
def remove(*, slug: str, yes: bool, as_json: bool) -> None:
    """End a source for good: its webhook answers 404 and its cohorts are deleted.

    Everybody in them gets an `exited` change. End its syncs in Mixpanel first, or they will be
    paused there. The source `default` comes back, empty, at the gateway's next start.

    Example: python -m gateway source remove shop-eu --yes
    """
    place.confirm(yes, f"Remove the source {slug} and delete all of its cohorts?")
    with place.database(place.settings()) as pool:
        deleted = admin.remove(pool, slug, now=place.now(), actor=COMMAND)
    if as_json:
        output.document({"slug": slug, "removed": True, "cohorts_deleted": deleted})
        return
    click.echo(f"The source {slug} is removed; {deleted} of its cohorts were deleted.")


def _password(password_file: str | None) -> str:
    if password_file is None:
        return secrets.new_password()
    return place.secret(password_file, "password")


def _made(
    settings: Settings, slug: str, login: admin.Login | None, *, given: bool
) -> dict[str, object]:
    """Describe a source that has new credentials; a password that was given is not repeated."""
    return {
        "slug": slug,
        "webhook_url": settings.webhook_url(slug),
        "auth_required": login is not None,
        "username": None if login is None else login.username,
        "password": None if login is None or given else login.password,
    }


def _keep(settings: Settings, login: admin.Login) -> None:
    """Keep the login of the source `default` where `make run` looks for it."""
    credentials.replace_login(settings.data_dir, username=login.username, password=login.password)
    output.note(
        "if GATEWAY_WEBHOOK_PASSWORD is set where the gateway starts, set the new one"
        " there too, or the next start puts the old one back",
    )


def _show(login: admin.Login | None, *, given: bool) -> None:
    if login is None:
        click.echo("  Sign in       not needed")
        return
    click.echo(f"  User name     {login.username}")
    if given:
        click.echo("  Password      the one you gave")
    else:
        click.echo(f"  Password      {login.password}\n\nIt is shown this once and kept as a hash.")
