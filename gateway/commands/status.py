"""`status`: how the gateway is doing, as `GET /v1/status` says it."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import click

from gateway.commands import output, place
from gateway.core.health import processes
from gateway.core.health.finding import Level
from gateway.flows.health import check as checking
from gateway.flows.health import status as flow

if TYPE_CHECKING:
    from gateway.settings import Settings


@click.command()
@output.as_json
def status(as_json: bool) -> None:  # noqa: FBT001 - a flag of the command line
    """Show how the gateway is doing: what waits, what is blocked, which processes live.

    Exit code 0 also when it is degraded; `check` says what to do and fails on errors.

    Example: python -m gateway status --json
    """
    settings = place.settings()
    redis = _redis(settings)
    with place.database(settings) as pool:
        found = flow.status(pool, redis_up=redis != "down", now=place.now())
    shown = {**dataclasses.asdict(found), "redis": redis}
    if as_json:
        output.document(shown)
        return
    del shown["processes"]
    for kind in processes.QUEUED[1:]:
        if one := found.processes.get(kind):
            shown |= {f"{kind}s_{name}": value for name, value in vars(one).items()}
    for name, value in shown.items():
        click.echo(f"  {name.replace('_', ' '):24}{'-' if value is None else value}")


def _redis(settings: Settings) -> str:
    """Ask the Redis of the settings, or the gateway that runs on this machine."""
    if settings.redis_url is None:
        return place.redis_of_running(settings) or "unknown"
    down = any(one.level is Level.ERROR for one in checking.wake_ups(settings.redis_url))
    return "down" if down else "up"
