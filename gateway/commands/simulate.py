"""`simulate`: plays Mixpanel against a gateway and says whether it got everything right."""

from __future__ import annotations

import contextlib
import secrets
import sys
import time
from typing import TYPE_CHECKING, Final

import click

from gateway import addresses, errors
from gateway.commands import output, place
from gateway.commands import target as targets
from gateway.simulator import mixpanel, play
from gateway.simulator.mixpanel import WebhookSender
from gateway.simulator.service import Service
from gateway.simulator.wire import Wire

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from gateway.commands.target import Target
    from gateway.simulator.mixpanel import Cohort
    from gateway.simulator.service import Standing

MAX_MEMBERS: Final = 10_000_000


@click.command()
@click.option("--url", help="The gateway, or one of its webhook URLs; this machine's by default.")
@click.option("--source", metavar="SLUG", help="The source to post to.  [default: default]")
@click.option("--username", help="GATEWAY_WEBHOOK_USERNAME by default.")
@click.option("--password-file", metavar="FILE", help="GATEWAY_WEBHOOK_PASSWORD by default.")
@click.option("--no-auth", is_flag=True, help="Post without credentials.")
@click.option("--api-key-file", metavar="FILE", help="GATEWAY_API_KEY by default.")
@click.option("--project", default="simulation", show_default=True, metavar="ID")
@click.option("--cohort", metavar="ID", help="Beginning of the cohorts' ids; a new one by default.")
@click.option(
    "--members",
    type=click.IntRange(1, MAX_MEMBERS),
    default=10_000,
    show_default=True,
    metavar="N",
    help="The size of the large cohort.",
)
@click.option("--seed", type=int, metavar="S", help="Repeat the history of an earlier run.")
@click.option(
    "--retry-seconds",
    type=click.FloatRange(min=0),
    default=mixpanel.RETRY_SECONDS,
    show_default=True,
    help="Over how long the five retries of a page are spread.",
)
@click.option("--keep", is_flag=True, help="Leave the cohorts of the play when it is over.")
@output.as_json
def simulate(
    *,
    project: str,
    cohort: str | None,
    members: int,
    seed: int | None,
    retry_seconds: float,
    keep: bool,
    as_json: bool,
    **given: str | bool | None,
) -> None:
    """Play Mixpanel against a gateway over HTTP, and compare what comes of it.

    The documented example, a full refresh in pages of 1,000, diffs, syncs that break off and start
    from the top, and replays: at the end each member and each change must be exactly right, or the
    exit code is 1. However it ends, the cohorts that it made are deleted then, which takes an API
    key with the scope admin; --keep leaves them.

    Credentials come from the options, the environment, or the data folder of `make run`, which has
    the right ones unless it was started with others: then set the same here.

    Example: python -m gateway simulate --members 100000
    """
    settings = place.settings()
    target = targets.resolve(settings, targets.Given(**given))  # type: ignore[arg-type]
    plan = play.Plan(
        source=target.source,
        project_id=project,
        cohort_id=cohort or f"sim-{secrets.token_hex(4)}",
        members=members,
        seed=secrets.randbelow(2**31) if seed is None else seed,
    )
    if not as_json:
        output.say(
            f"Playing Mixpanel against {target.base_url}, source {plan.source}, seed {plan.seed}.",
        )
    with contextlib.nullcontext() if keep else _cleaned_up(plan, target):
        results, retries = _play(plan, target, retry_seconds, quiet=as_json)
    _report(plan, results, retries, as_json=as_json)


@contextlib.contextmanager
def _cleaned_up(plan: play.Plan, target: Target) -> Iterator[None]:
    """Delete at the end the cohorts of the play that were not there before."""
    with _reachable():
        ours = [one for one, found in _standings(plan, target) if found is None]
    try:
        yield
    finally:
        try:
            _delete(ours, plan, target)
        except errors.GatewayError as error:
            output.complain(f"warning: the cohorts of the play stay: {error}")


def _standings(plan: play.Plan, target: Target) -> list[tuple[Cohort, Standing | None]]:
    with contextlib.closing(Wire(target.base_url)) as wire:
        service = Service(wire, target.api_key, sleep=time.sleep)
        return [(one, service.standing(plan.source, one)) for one in play.cohorts(plan)]


def _delete(ours: list[Cohort], plan: play.Plan, target: Target) -> None:
    # A wire of its own: whatever ended the play may have left the other one in an answer.
    with contextlib.closing(Wire(target.base_url)) as wire:
        service = Service(wire, target.api_key, sleep=time.sleep)
        for one in ours:
            if found := service.standing(plan.source, one):
                service.delete(found.id)


def _play(
    plan: play.Plan, target: Target, retry_seconds: float, *, quiet: bool
) -> tuple[list[play.Result], int]:
    """Play both cohorts; what became of them, and how often a page was sent again."""
    wire = Wire(target.base_url)
    courier = WebhookSender(
        wire,
        f"{addresses.WEBHOOKS}{target.source}",
        login=target.login,
        sleep=time.sleep,
        retry_seconds=retry_seconds,
    )
    service = Service(wire, target.api_key, sleep=time.sleep)
    with contextlib.closing(wire), _reachable(), _progress(plan, quiet=quiet) as (say, sent):
        results = [
            play.play(plan, name, courier=courier, service=service, say=say, sent=sent)
            for name in play.CAST
        ]
    return results, courier.retries


@contextlib.contextmanager
def _reachable() -> Iterator[None]:
    try:
        yield
    except errors.Unavailable as error:
        raise errors.CommandFailed(
            f"{error}. Start the gateway, or say where it is with PORT or --url",
        ) from error


@contextlib.contextmanager
def _progress(
    plan: play.Plan, *, quiet: bool
) -> Iterator[tuple[Callable[[str], None], Callable[[], None]]]:
    """Show a bar at a terminal and a line for each step elsewhere; nothing if it is to be quiet."""
    if quiet:
        yield lambda _text: None, lambda: None
        return
    if not sys.stdout.isatty():
        yield lambda text: click.echo(f"  {text}"), lambda: None
        return
    with click.progressbar(length=play.count_pages(plan), show_pos=True, label="pages") as bar:
        yield lambda text: setattr(bar, "label", text), lambda: bar.update(1)


def _report(plan: play.Plan, results: list[play.Result], retries: int, *, as_json: bool) -> None:
    if as_json:
        output.document(_as_json(plan, results, retries))
    else:
        _say(results, retries)
    _require_right(plan, results)


def _say(results: list[play.Result], retries: int) -> None:
    for one in results:
        seconds = max(one.sent_seconds, 1e-9)
        output.say(
            f"{one.cohort_id}: {one.pages:,} pages with {one.members:,} members were acknowledged"
            f" in {seconds:.2f} s ({one.pages / seconds:,.0f} pages/s,"
            f" {one.members / seconds:,.0f} members/s), and applied {one.waited_seconds:.2f} s"
            " after the last of them.",
        )
        for difference in one.verdict.differences:
            output.say(f"  WRONG: {difference}")
        if not one.verdict.differences:
            output.say(
                f"  Right: its {one.verdict.members:,} members and {one.verdict.changes:,} changes"
                " are exactly those of the play.",
            )
    if retries:
        output.say(f"{retries} times a page was sent again.")


def _require_right(plan: play.Plan, results: list[play.Result]) -> None:
    wrong = sum(len(one.verdict.differences) for one in results)
    if wrong:
        raise errors.CommandFailed(
            f"the gateway differs from the play in {wrong} points, listed above;"
            f" --seed {plan.seed} --members {plan.members} plays it again",
        )


def _as_json(plan: play.Plan, results: list[play.Result], retries: int) -> dict[str, object]:
    return {
        "source": plan.source,
        "seed": plan.seed,
        "retries": retries,
        "cohorts": [
            {
                "external_id": one.cohort_id,
                "pages": one.pages,
                "members_sent": one.members,
                "members": one.verdict.members,
                "changes": one.verdict.changes,
                "sent_seconds": round(one.sent_seconds, 3),
                "waited_seconds": round(one.waited_seconds, 3),
                "differences": list(one.verdict.differences),
            }
            for one in results
        ],
    }
