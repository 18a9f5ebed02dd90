"""What the commands of destinations and of sync jobs share."""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING

import click

from gateway import outbound
from gateway.commands import place
from gateway.flows.syncs import setup as setups

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from gateway.flows.syncs.setup import Setup
    from gateway.settings import Settings
    from gateway.store.db.engine import Pool


@contextlib.contextmanager
def opened(settings: Settings | None = None) -> Iterator[tuple[Pool, Setup]]:
    """Lend the database, and what sends to destinations."""
    where = settings or place.settings()
    with (
        setups.client(where, outbound.Limits()) as client,
        place.database(where) as pool,
    ):
        yield pool, setups.of_settings(where, client)


def pairs(given: Sequence[str], option: str, example: str) -> Iterator[tuple[str, str]]:
    """Read what an option was given with, as NAME=VALUE."""
    for one in given:
        name, equals, value = one.partition("=")
        if not (name and equals):
            raise click.UsageError(f"{option} takes NAME=VALUE, like {example}.")
        yield name, value


def values(given: Sequence[str], option: str, example: str) -> dict[str, object]:
    """Read settings; a VALUE that is JSON is taken as that."""
    return {name: _value(text) for name, text in pairs(given, option, example)}


def _value(text: str) -> object:
    try:
        return json.loads(text)
    except ValueError:
        return text
