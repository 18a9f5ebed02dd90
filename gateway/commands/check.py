"""`check`: whether this installation keeps the promise that a 200 makes."""

from __future__ import annotations

import dataclasses
import os
from typing import TYPE_CHECKING

import click

from gateway import errors
from gateway.commands import output, place
from gateway.core.health.finding import Finding, Level, error, ok, warning
from gateway.core.health.server_rules import POSTGRES, REDIS
from gateway.flows.health import check as flow
from gateway.flows.health import public_url
from gateway.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Sequence

_COLOURS = {Level.OK: "green", Level.WARNING: "yellow", Level.ERROR: "red"}


@click.command()
@output.as_json
@click.option("--url", help="Ask the webhook at its public URL too, without posting any page.")
def check(*, as_json: bool, url: str | None) -> None:
    """Check settings, servers, access and processes, and say what to do about what is wrong.

    One line for each finding (ok, warning or error) with its remedy; any error makes the exit code
    1. Beside a running `make run` it looks at that one's servers.

    Example: DATABASE_URL=postgresql://… REDIS_URL=redis://… python -m gateway check
    """
    findings = _findings()
    if url is not None:
        findings += public_url.front(url)
    if as_json:
        good = not _errors(findings)
        said = [dataclasses.asdict(one) for one in findings]
        output.document({"ok": good, "findings": said})
    else:
        for one in findings:
            _say(one)
    if count := _errors(findings):
        raise errors.CommandFailed(
            f"{count} of {len(findings)} findings are errors; each names its remedy",
        )


def _findings() -> list[Finding]:
    try:
        settings = place.with_kept_key(Settings.from_environ(os.environ))
    except errors.BadSettings as bad:
        names_only = Settings.from_environ(dict.fromkeys(os.environ, ""))
        return [*flow.settings_warnings(names_only), *flow.settings_problems(bad)]
    return [
        *flow.settings_warnings(settings),
        *flow.error_hook(settings.error_hook),
        *flow.traces(settings.trace_exporter),
        *_postgres(settings),
        *_redis(settings),
    ]


def _postgres(settings: Settings) -> list[Finding]:
    try:
        pool = place.connect(settings)
    except errors.GatewayError as why:
        return [error(POSTGRES, str(why), None)]
    try:
        found = flow.postgres(pool, settings, now=place.now())
    except errors.GatewayError as why:
        return [
            error(
                POSTGRES,
                f"it cannot be asked: {place.first_cause(why)}",
                "start it, or correct DATABASE_URL",
            )
        ]
    finally:
        pool.close()
    # `make run` has servers of its own, whose disk is ours.
    return found if settings.database_url else [*found, *flow.disk(settings.data_dir)]


def _redis(settings: Settings) -> list[Finding]:
    if settings.redis_url:
        return flow.wake_ups(settings.redis_url)
    said = place.redis_of_running(settings)
    if said is None:
        text = "REDIS_URL is not set, and only `make run` brings a server of its own"
        return [
            warning(
                REDIS,
                text,
                "set REDIS_URL unless `make run` is what will run",
            )
        ]
    # Its password is known to the running gateway alone.
    text = f"the running gateway says that its own Valkey is {said}"
    if said == "up":
        return [ok(REDIS, text)]
    return [error(REDIS, text, "look into valkey.log in the data folder, or start `make run` anew")]


def _say(one: Finding) -> None:
    level = click.style(f"{one.level:8}", fg=_COLOURS[one.level])
    remedy = f"; {one.remedy}" if one.remedy else ""
    output.say(f"{level} {one.subject}: {one.text}{remedy}", indent=" " * 9)


def _errors(findings: Sequence[Finding]) -> int:
    return sum(one.level is Level.ERROR for one in findings)
