"""`destination`: where the members of cohorts are sent."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Final

import click

from gateway import errors
from gateway.commands import output, place, sending
from gateway.core.access.actor import COMMAND
from gateway.flows.syncs import catalog, destinations, trial

if TYPE_CHECKING:
    from collections.abc import Sequence

_MOST: Final = 10_000
_EXAMPLE: Final = "url=https://example.com/in"

_NAME = click.option("--name", help="What people call it.")
_SET = click.option(
    "--set", "settings", metavar="NAME=VALUE", multiple=True, help="A setting; repeatable."
)
_SECRET = click.option(
    "--secret",
    "secrets",
    metavar="NAME=FILE",
    multiple=True,
    help="A secret, from a file (- for stdin); repeatable.",
)


@click.group()
def destination() -> None:
    """Manage the destinations: what members of cohorts are sent to.

    Example: python -m gateway destination list
    """


@destination.command()
@click.argument("slug")
@click.option("--kind", required=True, help="One of those that GET /v1/destination-kinds lists.")
@_NAME
@_SET
@_SECRET
@output.as_json
def add(
    *,
    slug: str,
    kind: str,
    name: str | None,
    settings: tuple[str, ...],
    secrets: tuple[str, ...],
    as_json: bool,
) -> None:
    """Add a destination; a VALUE that is JSON is taken as that.

    Example: python -m gateway destination add crm --kind webhook --set url=https://example.com/in
    """
    wanted = destinations.Wanted(
        slug=slug,
        kind=kind,
        name=name,
        config=sending.values(settings, "--set", _EXAMPLE),
        secrets=_read(secrets),
    )
    with sending.opened() as (pool, setup):
        destinations.add(pool, wanted, setup, now=place.now(), actor=COMMAND)
    if as_json:
        output.document({"slug": slug, "added": True})
        return
    click.echo(f"The destination {slug} is added; `destination test {slug}` tries it.")


@destination.command("list")
@output.as_json
def list_destinations(as_json: bool) -> None:  # noqa: FBT001 - a flag of the command line
    """List the destinations; secrets are never shown.

    Example: python -m gateway destination list --json
    """
    with sending.opened() as (pool, setup):
        found = catalog.listing(pool, setup, kind=None, after="", limit=_MOST).items
    if as_json:
        output.document([_as_json(one) for one in found])
        return
    rows = [
        (
            one.slug,
            one.kind,
            "paused" if one.paused else "active",
            "-" if one.last_error is None else one.last_error.code,
            one.name,
        )
        for one in found
    ]
    place.table(("SLUG", "KIND", "STATE", "ERROR", "NAME"), rows)


@destination.command()
@click.argument("slug")
@output.as_json
def show(slug: str, as_json: bool) -> None:  # noqa: FBT001 - a flag of the command line
    """Show what a destination is set to, and the sync jobs that use it.

    Example: python -m gateway destination show crm
    """
    with sending.opened() as (pool, setup):
        found = catalog.single(pool, setup, slug)
    one = found.entry
    if as_json:
        output.document({**_as_json(one), "sync_jobs": [str(job) for job in found.jobs]})
        return
    rows = [
        ("destination", one.slug),
        ("kind", one.kind),
        ("name", one.name),
        ("state", "paused" if one.paused else "active"),
        ("last ok", place.moment(one.last_ok_at) or "never"),
        ("error", f"{one.last_error.code}: {one.last_error.message}" if one.last_error else "-"),
        ("sync jobs", ", ".join(map(str, found.jobs)) or "none"),
        *((f"config.{name}", json.dumps(value)) for name, value in one.config.items()),
        *(
            (f"secrets.{name}", "not set" if at is None else f"set {place.moment(at.set_at)}")
            for name, at in one.secrets.items()
        ),
    ]
    place.table(("FIELD", "VALUE"), rows)


@destination.command("set")
@click.argument("slug")
@_NAME
@_SET
@_SECRET
@output.as_json
def set_destination(
    *,
    slug: str,
    name: str | None,
    settings: tuple[str, ...],
    secrets: tuple[str, ...],
    as_json: bool,
) -> None:
    """Change a destination; what is not named stays. A VALUE that is JSON is taken as that.

    A change of its address needs the secrets again.

    Example: python -m gateway destination set crm --set batch=50
    """
    if name is None and not settings and not secrets:
        raise click.UsageError("Nothing to set; give --name, --set or --secret.")
    changes = destinations.Changes(
        name=name,
        config=sending.values(settings, "--set", _EXAMPLE),
        secrets=_read(secrets),
    )
    with sending.opened() as (pool, setup):
        destinations.change(pool, slug, changes, setup, now=place.now(), actor=COMMAND)
    if as_json:
        output.document({"slug": slug, "changed": changes.changed()})
        return
    output.say(f"The destination {slug} is changed; its jobs use that from their next run.")


@destination.command("test")
@click.argument("slug")
@output.as_json
def try_destination(slug: str, as_json: bool) -> None:  # noqa: FBT001 - a flag of the command line
    """Prove the credentials of a destination, and change nothing there; fails if a step does.

    Example: python -m gateway destination test crm
    """
    with sending.opened() as (pool, setup):
        found = trial.run(pool, setup, slug, now=place.now(), actor=COMMAND)
    if as_json:
        output.document(dataclasses.asdict(found))
    else:
        rows = [
            (one.step, "ok" if one.ok else "failed", f"{one.milliseconds} ms", one.message)
            for one in found.steps
        ]
        place.table(("STEP", "RESULT", "TIME", "MESSAGE"), rows)
    if not found.ok:
        last = found.steps[-1]
        raise errors.CommandFailed(f"the step {last.step} failed: {last.message}")


@destination.command()
@click.argument("slug")
@output.as_json
def pause(slug: str, as_json: bool) -> None:  # noqa: FBT001 - a flag of the command line
    """Send nothing to a destination until it is resumed.

    Example: python -m gateway destination pause crm
    """
    _pause(slug, paused=True, as_json=as_json)


@destination.command()
@click.argument("slug")
@output.as_json
def resume(slug: str, as_json: bool) -> None:  # noqa: FBT001 - a flag of the command line
    """Send to a paused destination again.

    Example: python -m gateway destination resume crm
    """
    _pause(slug, paused=False, as_json=as_json)


@destination.command()
@click.argument("slug")
@click.option("--yes", is_flag=True, help="Do not ask.")
@output.as_json
def remove(*, slug: str, yes: bool, as_json: bool) -> None:
    """Remove a destination that no sync job uses; nothing is changed there.

    Example: python -m gateway destination remove crm --yes
    """
    place.confirm(yes, f"Remove the destination {slug}?")
    with sending.opened() as (pool, _):
        destinations.remove(pool, slug, now=place.now(), actor=COMMAND)
    if as_json:
        output.document({"slug": slug, "removed": True})
        return
    click.echo(f"The destination {slug} is removed.")


def _pause(slug: str, *, paused: bool, as_json: bool) -> None:
    changes = destinations.Changes(paused=paused)
    with sending.opened() as (pool, setup):
        destinations.change(pool, slug, changes, setup, now=place.now(), actor=COMMAND)
    if as_json:
        output.document({"slug": slug, "paused": paused})
        return
    output.say(f"The destination {slug} {'is paused' if paused else 'is sent to again'}.")


def _read(secrets: Sequence[str]) -> dict[str, str]:
    pairs = sending.pairs(secrets, "--secret", "token=./token.txt")
    return {one: place.secret(file, one) for one, file in pairs}


def _as_json(one: catalog.Entry) -> dict[str, object]:
    error = one.last_error
    return {
        **dataclasses.asdict(one),
        "secrets": {
            name: found and {"set_at": place.moment(found.set_at)}
            for name, found in one.secrets.items()
        },
        "created_at": place.moment(one.created_at),
        "last_ok_at": place.moment(one.last_ok_at),
        "last_error": error and {**dataclasses.asdict(error), "at": place.moment(error.at)},
    }
