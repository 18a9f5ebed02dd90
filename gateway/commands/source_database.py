"""`source test`, `source schema` and `source preview`: what a source answers when it is asked."""

from __future__ import annotations

import dataclasses
import sys
from typing import TYPE_CHECKING

import click

from gateway.commands import output, place
from gateway.core.access.actor import COMMAND
from gateway.flows.sources import databases, probe
from gateway.flows.sources.setup import Setup

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gateway.settings import Settings

_WIDEST_CELL = 40


@click.command()
@click.argument("slug")
@output.as_json
def test(slug: str, as_json: bool) -> None:  # noqa: FBT001 - a flag of the command line
    """Test a source step by step, and say at the first that fails what to do; exit code 1 then.

    Example: python -m gateway source test warehouse
    """
    settings = place.settings()
    with place.database(settings) as pool:
        found = probe.test(pool, setup(settings), slug, now=place.now(), actor=COMMAND)
    if as_json:
        output.document(dataclasses.asdict(found))
    else:
        for one in found.steps:
            word = "ok" if one.ok else "FAILED"
            output.say(f"{one.step:<14}{word:<8}{one.milliseconds:>6} ms  {one.message}")
    if not found.ok:
        sys.exit(1)


@click.command()
@click.argument("slug")
@click.option("--search", default="", help="Only tables with this in their schema or name.")
@output.as_json
def schema(slug: str, search: str, as_json: bool) -> None:  # noqa: FBT001 - as above
    """List the tables of a database that its role may read, with their columns.

    Example: python -m gateway source schema warehouse --search users
    """
    settings = place.settings()
    with place.database(settings) as pool:
        found = databases.schema(pool, setup(settings), slug, search=search, now=place.now())
    if as_json:
        output.document(dataclasses.asdict(found))
        return
    for table in found.tables:
        click.echo(f"{table.schema}.{table.name}")
        for column in table.columns:
            click.echo(f"  {column.name}  {column.type}")
    if found.truncated:
        output.note("there are more tables; search for them")


@click.command()
@click.argument("slug")
@click.argument("query")
@click.option("--member-id", metavar="COLUMN", help="The column with the member id.")
@output.as_json
def preview(*, slug: str, query: str, member_id: str | None, as_json: bool) -> None:
    """Run a query for its first 50 rows; nothing is kept. QUERY is one SELECT, or - for stdin.

    Example: python -m gateway source preview warehouse 'SELECT id FROM users' --member-id id
    """
    text = sys.stdin.read() if query == "-" else query
    asked = databases.Asked(query=text, member_id=member_id)
    settings = place.settings()
    with place.database(settings) as pool:
        made = setup(settings)
        found = databases.preview(pool, made, slug, asked, now=place.now(), actor=COMMAND)
    if as_json:
        output.document(dataclasses.asdict(found))
        return
    place.table([one.name for one in found.columns], [_cells(row) for row in found.rows])
    more = " and more" if found.truncated else ""
    output.note(f"{len(found.rows)} rows{more}, {found.milliseconds} ms")
    for warning in found.warnings:
        output.complain(f"warning: {warning.message}")


def _cells(row: Sequence[object]) -> list[str]:
    written = ("NULL" if value is None else str(value).replace("\n", " ") for value in row)
    return [one if len(one) <= _WIDEST_CELL else f"{one[:_WIDEST_CELL]}…" for one in written]


def setup(settings: Settings) -> Setup:
    """Set up what the gateway has, with the database that it really uses."""
    url = place.database_url(settings)
    return Setup.of(dataclasses.replace(settings, database_url=url))
