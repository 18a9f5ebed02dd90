"""`activity`: what was changed, read out or tried, as `GET /v1/activity` says it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
import orjson

from gateway.commands import output, place
from gateway.flows.health import audit
from gateway.handlers.health import response_schemas
from gateway.handlers.http import schemas

if TYPE_CHECKING:
    from gateway.store.db.audit import Entry


@click.command()
@click.option(
    "--limit",
    type=click.IntRange(1, 1000),
    default=50,
    show_default=True,
    help="How many to show at most.",
)
@output.as_json
def activity(*, limit: int, as_json: bool) -> None:
    """List what was done, the newest first: by which API key, from where, and with what.

    Example: python -m gateway activity --limit 20
    """
    with place.database(place.settings()) as pool:
        found = audit.listing(pool, before=audit.NEWEST[0], limit=limit).items
    if as_json:
        shown = schemas.of(response_schemas.EntryAnswer)
        output.document({"activity": [shown.dump(one) for one in found]})
        return
    rows = [
        (f"{one.at:%Y-%m-%d %H:%M:%S}", one.by or "-", one.via, one.action, one.thing, _told(one))
        for one in found
    ]
    place.table(("AT (UTC)", "BY", "VIA", "ACTION", "THING", "DETAILS"), rows)


def _told(entry: Entry) -> str:
    return orjson.dumps(dict(entry.details)).decode() if entry.details else "-"
