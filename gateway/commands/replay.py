"""`replay`: blocked pages are tried again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import click

from gateway import errors
from gateway.commands import output, place
from gateway.core.access.actor import COMMAND
from gateway.flows.cohorts import admin
from gateway.flows.health import status
from gateway.handlers.cohorts import ids
from gateway.store.cohorts.backlog import State

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gateway.store.cohorts.backlog import Delivery
    from gateway.store.db.engine import Pool

PART: Final = 1000


@click.command()
@click.argument("delivery_id", required=False)
@click.option("--blocked", is_flag=True, help="Every blocked page, instead of one.")
@click.option("--cohort", "cohort_id", metavar="ID", help="With --blocked: only this cohort's.")
@output.as_json
def replay(
    *,
    delivery_id: str | None,
    blocked: bool,
    cohort_id: str | None,
    as_json: bool,
) -> None:
    """Have blocked pages tried again, once what blocked them is mended.

    A blocked page is one that was accepted but could not be applied; it is kept, and nothing but
    this (or POST /v1/deliveries/{id}/retry) tries it again. The order of sessions decides what it
    still changes, so a page that newer ones have overtaken does no harm. Those that fail again are
    blocked again.

    Example: python -m gateway replay --blocked
    """
    if (delivery_id is None) == (not blocked):
        raise click.UsageError("Name one delivery, or say --blocked for all that are blocked.")
    if delivery_id is not None and cohort_id is not None:
        raise click.UsageError("--cohort goes with --blocked; a delivery's id names its cohort.")
    only = None if cohort_id is None else ids.cohort(cohort_id)
    with place.database(place.settings()) as pool:
        if delivery_id is not None:
            cohort, number = ids.delivery(delivery_id)
            again = [admin.retry_delivery(pool, cohort, number, now=place.now(), actor=COMMAND)]
        else:
            again = list(_retried(pool, _blocked(pool, only), say=not as_json))
    if as_json:
        output.document(
            {"deliveries": [ids.of_delivery(one.cohort_id, one.number) for one in again]}
        )
    elif delivery_id is not None:
        _say(again[0])
    else:
        where = "" if only is None else f" of cohort {only}"
        click.echo(
            f"{len(again)} blocked pages{where} wait to be tried again."
            if again
            else f"No page{where} is blocked."
        )


def _blocked(pool: Pool, only: int | None) -> Iterator[Delivery]:
    after: tuple[int, int] | None = (0, 0) if only is None else (only, 0)
    while after is not None:
        found = status.deliveries(pool, state=State.BLOCKED, after=after, limit=PART)
        for one in found.items:
            if only is not None and one.cohort_id != only:
                return
            yield one
        after = found.end


def _retried(pool: Pool, found: Iterator[Delivery], *, say: bool) -> Iterator[Delivery]:
    """Have each tried again, but for those that were retried, applied or dropped meanwhile."""
    for one in found:
        try:
            again = admin.retry_delivery(
                pool, one.cohort_id, one.number, now=place.now(), actor=COMMAND
            )
        except (errors.NotFound, errors.Conflict):
            continue
        if say:
            _say(again)
        yield again


def _say(one: Delivery) -> None:
    delivery_id = ids.of_delivery(one.cohort_id, one.number)
    output.say(
        f"{delivery_id}: {one.action} page {one.page} of {one.total_pages},"
        f" {one.members} members, waits to be tried again (it failed with {one.code})",
    )
