"""`upload`: a file of members goes into a list, in parts, and its receipt is printed."""

from __future__ import annotations

import contextlib
import pathlib
import sys
from typing import IO, TYPE_CHECKING, Any, Final

import click

from gateway import errors
from gateway.commands import load, output, place
from gateway.core.access.actor import COMMAND
from gateway.core.cohorts.load import Mode, State
from gateway.flows.cohorts import load_lookup, load_queue, uploads
from gateway.flows.cohorts.load_queue import File, Wanted
from gateway.handlers.cohorts import ids
from gateway.sources.lists import options
from gateway.sources.lists.options import Options

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from gateway.core.cohorts.receipt import Receipt
    from gateway.store.db.engine import Pool

PART_BYTES: Final = 4 * 1024 * 1024
LOOK_SECONDS: Final = 2.0


@click.command()
@click.argument(
    "file", type=click.Path(exists=True, dir_okay=False, readable=True, path_type=pathlib.Path)
)
@click.option("--cohort", "cohort_id", required=True, metavar="ID", help="The list to load into.")
@click.option(
    "--mode",
    type=click.Choice([mode.value for mode in Mode]),
    default=Mode.REPLACE.value,
    show_default=True,
)
@click.option("--review", is_flag=True, help="Wait for an approval once it was read.")
@click.option("--member-id", metavar="COLUMN", help="The column of the ids.")
@click.option(
    "--map", "pairs", multiple=True, metavar="FIELD=COLUMN", help="The column of a field."
)
@click.option("--encoding", help="A label of WHATWG, if it is not recognised.")
@click.option("--delimiter", help="One of , ; TAB |, if it is not recognised.")
@click.option("--sheet", help="The sheet of a workbook to read.")
@click.option("--header/--no-header", default=True, help="Whether the first row has names.")
@output.as_json
def upload(
    *,
    file: pathlib.Path,
    cohort_id: str,
    mode: str,
    review: bool,
    pairs: tuple[str, ...],
    as_json: bool,
    **of_file: Any,  # noqa: ANN401 - the options that are those of the file
) -> None:
    """Load FILE (CSV, XLSX, NDJSON, or one id a line) into a list, and wait for the receipt.

    Exits with 1 unless it is applied, or waits for an approval that --review asks for.

    Example: python -m gateway upload members.csv --cohort 17
    """
    asked = Options(fields=_pairs(pairs), **of_file)
    if faults := options.faults(asked):
        raise errors.Invalid(faults)
    wanted = Wanted(mode=Mode(mode), review=review, options=asked)
    where, number = place.settings(), ids.cohort(cohort_id)
    most = where.max_upload_bytes
    with place.database(where) as pool:
        sent = File(upload=_send(pool, file, max_bytes=most))
        found = load_queue.accept_file(
            pool,
            number,
            sent,
            wanted,
            max_bytes=most,
            wake_ups=load.wake_ups(where),
            now=place.now(),
            actor=COMMAND,
        )
        found = _await(pool, found)
    load.tell(found, as_json=as_json)
    if found.state != State.APPLIED and not (review and found.state == State.NEEDS_APPROVAL):
        raise click.exceptions.Exit(1)


def _send(pool: Pool, path: pathlib.Path, *, max_bytes: int) -> str:
    """Store a file in parts, with a bar on stderr."""
    size, now = path.stat().st_size, place.now()
    begun = uploads.announce(pool, name=path.name, size=size, max_bytes=max_bytes, now=now)
    with path.open("rb") as file, _bar("sending", size) as step:
        for number, part in enumerate(_parts(file), start=1):
            uploads.put_part(pool, begun.id, number, part, max_bytes=max_bytes, now=place.now())
            step(len(part))
    return begun.id


def _parts(file: IO[bytes]) -> Iterator[bytes]:
    return iter(lambda: file.read(PART_BYTES), b"")


def _await(pool: Pool, found: Receipt) -> Receipt:
    """Wait until a load is over, or waits itself."""
    shown = 0
    with _bar("reading", 100) as step:
        while not found.is_over and found.state != State.NEEDS_APPROVAL:
            found = load_lookup.await_change(
                pool, found.cohort_id, found.number, seconds=LOOK_SECONDS
            )
            percent = round(100 * (found.progress or 0.0))
            step(max(0, percent - shown))
            shown = max(shown, percent)
    return found


@contextlib.contextmanager
def _bar(label: str, length: int) -> Iterator[Callable[[int], None]]:
    """Show progress at a terminal."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    with click.progressbar(length=length, label=label, file=sys.stderr) as bar:
        yield bar.update


def _pairs(given: tuple[str, ...]) -> dict[str, str]:
    found = {}
    for pair in given:
        field, equals, column = pair.partition("=")
        if not equals:
            raise click.UsageError(f"--map takes FIELD=COLUMN, not {pair}")
        found[field] = column
    return found
