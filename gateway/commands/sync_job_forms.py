"""Sync jobs made, looked at before that, and changed from a command line."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, Final

import click

from gateway.commands import output, place, sending, sync_job_rows
from gateway.core.access.actor import COMMAND
from gateway.flows.syncs import jobs as flow
from gateway.flows.syncs import overview
from gateway.flows.syncs import preview as previews
from gateway.handlers.http import forms, schemas
from gateway.handlers.syncs import job_requests, job_schemas

if TYPE_CHECKING:
    from collections.abc import Callable

_MAP = click.option(
    "--map",
    "mapping",
    metavar="IDENTIFIER=FIELD",
    multiple=True,
    help="What is sent, of which field of a member; repeatable.",
)
_SUPPRESS = click.option(
    "--suppress",
    metavar="ID",
    multiple=True,
    help="A cohort with members that are never sent; repeatable.",
)
_MODE = click.option("--mode", help="mirror or add_only.")
_NOTIFY = click.option(
    "--notify", metavar="CHANNEL", multiple=True, help="Where its notices go; repeatable."
)
_MAP_EXAMPLE: Final = "email=email"


def _of_new(command: Callable[..., None]) -> Callable[..., None]:
    """Add what a job to be made takes."""
    options = (
        click.argument("cohort_id", metavar="COHORT"),
        click.argument("destination", metavar="DESTINATION"),
        click.option("--frequency", default="1h", show_default=True, help="once, live, 5m … 1d."),
        _MODE,
        _MAP,
        _SUPPRESS,
        click.option(
            "--consent", metavar="NAME=VALUE", multiple=True, help="For the vendor; repeatable."
        ),
        click.option(
            "--option",
            "options",
            metavar="NAME=VALUE",
            multiple=True,
            help="An option of the destination's kind; repeatable.",
        ),
        _NOTIFY,
        output.as_json,
    )
    return functools.reduce(lambda made, add: add(made), reversed(options), command)


@click.command()
@_of_new
def create(*, as_json: bool, **given: Any) -> None:  # noqa: ANN401 - what `_of_new` adds
    """Keep a cohort at a destination; the first run begins at once.

    Example: python -m gateway sync-job create 17 crm --map email=email --frequency 1h
    """
    wanted = _wanted(**given)
    with sending.opened() as (pool, setup):
        job_id = flow.create(pool, wanted, setup, now=place.now(), actor=COMMAND)
        found = overview.entry(pool, job_id)
    if as_json:
        output.document(sync_job_rows.shown(found))
        return
    output.say(f"The sync job {job_id} is made; `sync-job show {job_id}` tells how it fares.")


@click.command()
@_of_new
def preview(*, as_json: bool, **given: Any) -> None:  # noqa: ANN401 - what `_of_new` adds
    """Say what a job would send, without making one or sending anything.

    Example: python -m gateway sync-job preview 17 crm --map email=email
    """
    wanted, settings = _wanted(**given), place.settings()
    with sending.opened(settings) as (pool, setup):
        found = previews.preview(
            pool, wanted, setup, suppress=settings.suppress, now=place.now(), actor=COMMAND
        )
    if as_json:
        output.document(schemas.of(job_schemas.JobPreviewAnswer).dump(found))
        return
    click.echo(f"{found.add} to add, {found.remove} to remove")
    click.echo(f"{found.matchable:.0%} of the members can be found there\n")
    rows = [(name, f"{one['share']:.0%}") for name, one in found.identifiers.items()]
    place.table(("IDENTIFIER", "FILLED"), rows)


@click.command("set")
@click.argument("job_id", metavar="ID")
@click.option("--frequency", help="once, live, 5m … 1d.")
@_MODE
@_MAP
@_SUPPRESS
@click.option("--no-suppress", is_flag=True, help="Suppress the members of no cohort.")
@_NOTIFY
@output.as_json
def change(
    *,
    job_id: str,
    mapping: tuple[str, ...],
    suppress: tuple[str, ...],
    no_suppress: bool,
    notify: tuple[str, ...],
    as_json: bool,
    **terms: str | None,
) -> None:
    """Change a job; what is not named stays. A mapping that is given replaces the whole one.

    Example: python -m gateway sync-job set 3 --frequency 15m
    """
    if suppress and no_suppress:
        raise click.UsageError("An option and its opposite were given; leave one of the two out.")
    sent: dict[str, object] = {name: text for name, text in terms.items() if text is not None}
    if mapping:
        sent["mapping"] = _mapped(mapping)
    if suppress or no_suppress:
        sent["suppress"] = list(suppress)
    if notify:
        sent["notify"] = list(notify)
    if not sent:
        raise click.UsageError("Nothing to set; give --frequency, --mode, --map or --suppress.")
    number, changes = job_requests.number(job_id), forms.load(job_requests.JobForm, sent)
    with sending.opened() as (pool, setup):
        flow.change(pool, number, changes, setup, now=place.now(), actor=COMMAND)
        found = overview.entry(pool, number)
    if as_json:
        output.document(sync_job_rows.shown(found))
        return
    output.say(f"The sync job {number} is changed; it is compared anew at its next run.")


def _wanted(
    *,
    mapping: tuple[str, ...],
    consent: tuple[str, ...],
    options: tuple[str, ...],
    suppress: tuple[str, ...],
    notify: tuple[str, ...],
    mode: str | None,
    **terms: str,
) -> flow.Wanted:
    sent: dict[str, object] = {**terms, "mapping": _mapped(mapping), "suppress": list(suppress)}
    sent["options"] = sending.values(options, "--option", "start=members")
    if consent:
        sent["consent"] = sending.values(consent, "--consent", "ad_user_data=GRANTED")
    if mode is not None:
        sent["mode"] = mode
    if notify:
        sent["notify"] = list(notify)
    wanted: flow.Wanted = forms.load(job_requests.NewJobForm, sent)
    return wanted


def _mapped(given: tuple[str, ...]) -> dict[str, str]:
    return dict(sending.pairs(given, "--map", _MAP_EXAMPLE))
