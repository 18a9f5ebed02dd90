"""Senders die, Postgres is restarted and destinations fail while cohorts are sent out."""

from __future__ import annotations

import base64
import random
import signal
import time
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from tests.destinations.http.lists import DECLARED, KEY
from tests.faults import ends
from tests.faults.api import Api
from tests.faults.points import SENDER, WORDS
from tests.faults.receivers import Club, Mailbox
from tests.faults.report import Row
from tests.faults.trial import Bench
from tests.stack import until
from tests.syncs import receiver

PATIENCE_SECONDS = 90.0
SECRET = "whsec_" + base64.b64encode(b"f" * 32).decode()
# Of the room of sync jobs, as a process runs them in some ten seconds.
MOST_LINES = 4000
STEPS = 8
TROUBLE = ("", "", "", "cut", "lost", "busy")
QUICK = "sender.after-request"
POINTS = [one if one == QUICK else pytest.param(one, marks=pytest.mark.long) for one in SENDER]
# What is sent to a list is noted first; of a webhook a position is kept. By changes in a request.
OF_WEBHOOKS = [
    pytest.param(batch, point, marks=[] if (batch, point) == (1, QUICK) else [pytest.mark.long])
    for batch, point in [*((1, one) for one in SENDER[1:]), (5, QUICK)]
]


class Outlet:
    """A cohort, and a live sync job that sends it to a destination."""

    def __init__(self, bench: Bench, api: Api, destination: str) -> None:
        self.bench, self.api = bench, api
        self.cohort = api.list_of()
        self.members: set[str] = set()
        # Lists at a vendor are called as cohorts are.
        self.name = uuid.uuid4().hex
        self.api.insist("PATCH", f"/v1/cohorts/{self.cohort}", {"name": self.name})
        body: dict[str, object] = {
            "cohort_id": self.cohort,
            "destination": destination,
            "frequency": "live",
            "mapping": {"email": "email"},
        }
        self.job = str(api.insist("POST", "/v1/sync-jobs", body)["id"])

    def change(self, *, add: tuple[str, ...] = (), remove: tuple[str, ...] = ()) -> None:
        self.api.edit(self.cohort, add=add, remove=remove)
        self.members = (self.members | set(add)) - set(remove)

    @property
    def addresses(self) -> set[str]:
        return {f"{one}@example.com" for one in self.members}

    def shown(self) -> Any:  # noqa: ANN401 - JSON
        return self.api.insist("GET", f"/v1/sync-jobs/{self.job}")

    def take_over(self) -> None:
        """Let leases of the dead run out, and what failed be tried again, before their time.

        A lease would run out after 30 s; that it does is seen with a file.
        """
        self.bench.execute(
            "UPDATE leases SET leased_until = statement_timestamp() WHERE kind = 'sync'",
            "UPDATE sync_jobs SET planned_at = statement_timestamp() WHERE state = 'failing'",
        )


def kill_at(bench: Bench, row: Row, point: str) -> None:
    """Wait until the sender has come by a point, where it died, and lives again."""
    here = bench.installation
    until(lambda: here.points.fired(point) is not None, PATIENCE_SECONDS)
    row.kills += 1
    until(lambda: here.sender.pid != here.points.fired(point).pid, PATIENCE_SECONDS)  # type: ignore[union-attr]
    here.sender.await_running()


@pytest.fixture
def club(api: Api) -> Iterator[Club]:
    """Lend a vendor of lists that is a destination."""
    vendor = Club()
    with receiver.serving(vendor) as url:
        body = {
            "slug": "club",
            "kind": "http",
            "config": {**DECLARED, "endpoint": url},
            "secrets": {"api_key": KEY},
        }
        api.insist("POST", "/v1/destinations", body)
        yield vendor
        remove_destination(api, "club")


@pytest.fixture
def mailbox(api: Api, request: pytest.FixtureRequest) -> Iterator[Mailbox]:
    """Lend a receiver of webhooks that is a destination, of single changes or of batches."""
    made = Mailbox(request.param)
    with receiver.serving(made) as url:
        body = {
            "slug": "mailbox",
            "kind": "webhook",
            "config": {"url": url, "batch": made.batch},
            "secrets": {"secret": SECRET},
        }
        api.insist("POST", "/v1/destinations", body)
        yield made
        remove_destination(api, "mailbox")


def remove_destination(api: Api, slug: str) -> None:
    """Remove a destination with the jobs to it."""
    for one in api.insist("GET", f"/v1/sync-jobs?destination={slug}")["sync_jobs"]:
        api.insist("DELETE", f"/v1/sync-jobs/{one['id']}")
    api.insist("DELETE", f"/v1/destinations/{slug}")


def require_equal(outlet: Outlet, club: Club, row: Row) -> None:
    """Wait until the audience is the cohort, and see that nothing went wrong on the way."""
    until(lambda: is_equal(outlet, club), PATIENCE_SECONDS)
    until(lambda: outlet.shown()["state"] == "active", PATIENCE_SECONDS)
    row.differences += club.wrong
    row.notes.append(f"{club.changes} requests with members")
    assert row.differences == []
    assert club.on(outlet.name) == outlet.addresses


def require_delivered(outlet: Outlet, mailbox: Mailbox, row: Row) -> None:
    """Wait until the receiver has had the newest change, and judge what it has had."""
    changes = outlet.api.changes(outlet.cohort)

    def has_all() -> bool:
        return any(changes[-1] in one.changes for one in list(mailbox.taken))

    until(has_all, PATIENCE_SECONDS)
    until(lambda: outlet.shown()["state"] == "active", PATIENCE_SECONDS)
    row.take(ends.delivered(mailbox.taken, changes))
    repeated = len(mailbox.taken) - len({one.id for one in mailbox.taken})
    row.notes.append(f"{repeated} of {len(mailbox.taken)} requests came again, as they were")
    assert row.differences == []


@pytest.mark.timeout(240)
@pytest.mark.parametrize("point", POINTS)
def test_sender__killed_on_its_way_to_a_list__is_taken_over(
    bench: Bench, api: Api, club: Club, row: Row, point: str
) -> None:
    row.name = f"SIGKILL of a {WORDS[point]} (to a list)"
    outlet = Outlet(bench, api, "club")
    outlet.change(add=people("a", 8))
    until(lambda: is_equal(outlet, club), PATIENCE_SECONDS)
    for add, remove in ((people("b", 8), people("a", 4)), (people("a", 2), people("b", 6))):
        bench.installation.points.arm(point)
        outlet.change(add=add, remove=remove)
        kill_at(bench, row, point)
        # Of those who may have been sent just now, some are not to be there after all.
        outlet.change(remove=add[:3])
        club.died(outlet.addresses)
        outlet.take_over()
        until(lambda: is_equal(outlet, club), PATIENCE_SECONDS)
    require_equal(outlet, club, row)


@pytest.mark.timeout(240)
@pytest.mark.parametrize(("mailbox", "point"), OF_WEBHOOKS, indirect=["mailbox"])
def test_sender__killed_on_its_way_to_a_webhook__goes_on_in_order(
    bench: Bench, api: Api, mailbox: Mailbox, row: Row, point: str
) -> None:
    outlet = Outlet(bench, api, "mailbox")
    row.name = f"SIGKILL of a {WORDS[point]} (to a webhook, {mailbox.batch} in a request)"
    for turn in ("a", "b"):
        bench.installation.points.arm(point)
        outlet.change(add=people(turn, 6))
        kill_at(bench, row, point)
        outlet.change(remove=people(turn, 3))
        outlet.take_over()
    require_delivered(outlet, mailbox, row)


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.parametrize("seed", [1, 2])
def test_sender__killed_at_any_line_while_the_vendor_fails__ends_with_the_cohort(
    bench: Bench, api: Api, club: Club, row: Row, seed: int
) -> None:
    row.name = f"SIGKILL of the sender at any line, and a vendor that fails, seed {seed}"
    chance = random.Random(seed)  # noqa: S311 - no secret
    outlet, names = Outlet(bench, api, "club"), people("p", 14)
    here = bench.installation
    first = here.sender.starts
    for _ in range(STEPS):
        club.trouble = chance.choices(TROUBLE, k=8)
        here.points.arm_line("sender", chance.randrange(1, MOST_LINES))
        starts = restart_sender(bench)
        club.died(outlet.addresses)
        some = chance.sample(names, 6)
        outlet.change(add=tuple(some[:4]), remove=tuple({*some[4:]} & outlet.members))
        outlet.take_over()
        until(lambda: here.sender.starts > starts or is_equal(outlet, club), PATIENCE_SECONDS)  # noqa: B023
    here.points.disarm()
    restart_sender(bench)
    club.died(outlet.addresses)
    club.trouble = []
    outlet.take_over()
    row.kills = here.sender.starts - first
    require_equal(outlet, club, row)


@pytest.mark.long
@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    ("trouble", "words"),
    [
        (["busy"] * 40, "answers 503 for longer than a run waits"),
        (["hang"] * 2, "hangs for longer than a request may take"),
        (["lost", "cut"] * 5, "loses requests and answers"),
    ],
)
def test_vendor__in_trouble__gets_the_cohort_in_the_end(
    bench: Bench, api: Api, club: Club, row: Row, trouble: list[str], words: str
) -> None:
    row.name = f"a destination {words}"
    outlet = Outlet(bench, api, "club")
    outlet.change(add=people("a", 12))
    until(lambda: is_equal(outlet, club), PATIENCE_SECONDS)
    club.trouble = trouble
    outlet.change(add=people("b", 12), remove=people("a", 5))
    until(lambda: not club.trouble, PATIENCE_SECONDS)
    outlet.take_over()
    require_equal(outlet, club, row)


@pytest.mark.long
@pytest.mark.timeout(600)
@pytest.mark.parametrize("mailbox", [5], indirect=True)
def test_receiver__in_trouble__gets_each_change_in_order(
    bench: Bench, api: Api, mailbox: Mailbox, row: Row
) -> None:
    row.name = f"a webhook that fails and loses answers ({mailbox.batch} in a request)"
    outlet = Outlet(bench, api, "mailbox")
    mailbox.trouble = ["busy", "lost", "cut", "lost", "lost", "busy"]
    outlet.change(add=people("a", 9))
    outlet.change(remove=people("a", 4))
    until(lambda: not mailbox.trouble, PATIENCE_SECONDS)
    outlet.take_over()
    require_delivered(outlet, mailbox, row)


@pytest.mark.long
@pytest.mark.timeout(600)
def test_postgres__restarted_while_members_are_sent__costs_nobody(
    bench: Bench, api: Api, club: Club, row: Row
) -> None:
    row.name = "restart of Postgres while members are sent to a list"
    outlet, here = Outlet(bench, api, "club"), bench.installation
    club.pause_seconds = 0.1
    outlet.change(add=people("a", 90))
    until(lambda: club.changes >= 3, PATIENCE_SECONDS)
    starts = here.postgres.starts
    here.postgres.send(signal.SIGQUIT)
    here.postgres.await_running(starts + 1)
    until(here.is_ready)
    time.sleep(1)
    club.died(outlet.addresses)
    require_equal(outlet, club, row)


def restart_sender(bench: Bench) -> int:
    """SIGKILL the sender; returns how often one has been started once it lives again."""
    sender = bench.installation.sender
    starts = sender.starts
    sender.kill()
    sender.await_running(starts + 1)
    return sender.starts


def is_equal(outlet: Outlet, club: Club) -> bool:
    """Tell whether the audience is the cohort."""
    return club.on(outlet.name) == outlet.addresses


def people(name: str, count: int) -> tuple[str, ...]:
    """Name some people."""
    return tuple(f"{name}{number}" for number in range(count))
