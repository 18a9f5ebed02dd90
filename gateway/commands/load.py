"""`load`: what became of files that were loaded into lists, and what waits for an approval."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import click

from gateway.commands import output, place
from gateway.core.access.actor import COMMAND
from gateway.core.cohorts.load import State
from gateway.flows.cohorts import load_lookup, load_queue
from gateway.handlers.cohorts import ids, load_schemas
from gateway.handlers.http import schemas
from gateway.jobs import WakeUps

if TYPE_CHECKING:
    from gateway.core.cohorts.receipt import Receipt
    from gateway.settings import Settings

MOST: Final = 1000
# Where no Redis is known nothing is rung for; loaders and the scheduler look by themselves.
_NOWHERE: Final = "redis://127.0.0.1:1/0"


@click.group()
def load() -> None:
    """List, show, approve and cancel loads of files.

    Example: python -m gateway load list --state needs_approval
    """


@load.command("list")
@click.option("--cohort", "cohort_id", metavar="ID", help="Only of this cohort.")
@click.option(
    "--state", type=click.Choice([state.value for state in State]), help="Only in this state."
)
@output.as_json
def list_loads(*, cohort_id: str | None, state: str | None, as_json: bool) -> None:
    """List loads, newest first; at most a thousand.

    Example: python -m gateway load list --cohort 17
    """
    newest = load_lookup.NEWEST
    with place.database(place.settings()) as pool:
        if cohort_id is None:
            found = load_lookup.of_all(pool, state=state, before=newest, limit=MOST).items
        else:
            number = ids.cohort(cohort_id)
            found = load_lookup.of_cohort(pool, number, before=newest, limit=MOST).items
    found = [one for one in found if state in (None, one.state)]
    if as_json:
        output.document({"loads": [shown(one) for one in found]})
        return
    rows = [
        (one.id, one.mode, one.state, f"{one.rows.read}", f"{one.queued_at:%Y-%m-%d %H:%M}")
        for one in found
    ]
    place.table(("ID", "MODE", "STATE", "ROWS", "QUEUED (UTC)"), rows)


@load.command()
@click.argument("load_id", metavar="ID")
@output.as_json
def show(load_id: str, as_json: bool) -> None:  # noqa: FBT001 - a flag of the command line
    """Show the receipt of a load.

    Example: python -m gateway load show 17-42
    """
    cohort_id, number = ids.load(load_id)
    with place.database(place.settings()) as pool:
        found = load_lookup.get(pool, cohort_id, number)
    tell(found, as_json=as_json)


@load.command()
@click.argument("load_id", metavar="ID")
@output.as_json
def approve(load_id: str, as_json: bool) -> None:  # noqa: FBT001 - a flag of the command line
    """Let a load that waits be applied.

    The same as POST /v1/loads/{id}/approve.

    Example: python -m gateway load approve 17-42
    """
    cohort_id, number = ids.load(load_id)
    where = place.settings()
    with place.database(where) as pool:
        bell = wake_ups(where)
        found = load_queue.approve(
            pool, cohort_id, number, wake_ups=bell, now=place.now(), actor=COMMAND
        )
    tell(found, as_json=as_json)


@load.command()
@click.argument("load_id", metavar="ID")
@output.as_json
def cancel(load_id: str, as_json: bool) -> None:  # noqa: FBT001 - a flag of the command line
    """Cancel a load that is not being applied yet; it changes nothing.

    The same as POST /v1/loads/{id}/cancel.

    Example: python -m gateway load cancel 17-42
    """
    cohort_id, number = ids.load(load_id)
    with place.database(place.settings()) as pool:
        found = load_queue.cancel(pool, cohort_id, number, now=place.now(), actor=COMMAND)
    tell(found, as_json=as_json)


def wake_ups(where: Settings) -> WakeUps:
    """Make what rings for loads."""
    return WakeUps(where.redis_url or _NOWHERE)


def tell(found: Receipt, *, as_json: bool) -> None:
    """Print a receipt."""
    if as_json:
        output.document(shown(found))
        return
    for line in receipt(found):
        output.say(line)


def receipt(found: Receipt) -> list[str]:
    """Write a receipt in lines."""
    rows = found.rows
    parts = f"{rows.accepted} accepted + {rows.duplicate} duplicate + {rows.rejected} rejected"
    lines = [
        f"Load {found.id} into the cohort {found.cohort_id} ({found.mode}): {found.state}",
        f"  rows: {rows.read} read = {parts}",
    ]
    lines += [f"    {reason}: {count}" for reason, count in sorted(rows.reasons.items())]
    lines += [f"  note: {code}: {count}" for code, count in sorted(found.warnings.items())]
    if found.entered is not None:
        lines.append(f"  members: {found.entered} entered, {found.exited} exited")
    elif found.would_enter is not None:
        lines.append(f"  members: {found.would_enter} would enter, {found.would_exit} would exit")
    if found.state == State.NEEDS_APPROVAL:
        lines.append(f"  it waits ({found.approval}): python -m gateway load approve {found.id}")
    if found.error is not None:
        lines.append(f"  {found.error.code}: {found.error.message} {found.error.hint or ''}")
    return lines


def shown(found: Receipt) -> dict[str, Any]:
    """Return a receipt as the API shows it."""
    dumped: dict[str, Any] = schemas.of(load_schemas.LoadAnswer).dump(found)
    return dumped
