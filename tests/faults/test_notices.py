"""The sender of notices, and the scheduler that watches for troubles, die as both tell of one."""

from __future__ import annotations

import base64
from collections.abc import Iterator

import pytest

from tests.faults import ends
from tests.faults.api import Api
from tests.faults.points import WORDS
from tests.faults.receivers import Mailbox, Notices
from tests.faults.report import Row
from tests.faults.trial import Bench
from tests.stack import until
from tests.syncs import receiver

PATIENCE_SECONDS = 90.0
SECRET = "whsec_" + base64.b64encode(b"n" * 32).decode()
GONE = 410


@pytest.fixture
def notices(bench: Bench) -> Iterator[Notices]:
    """Lend the service that the channel `faults` leads to."""
    made = Notices()
    with receiver.serving(made, bench.installation.notices_port):
        yield made


@pytest.fixture
def mailbox() -> Iterator[tuple[Mailbox, str]]:
    """Lend a receiver of webhooks, and its address."""
    made = Mailbox()
    with receiver.serving(made) as url:
        yield made, url


def watch(bench: Bench) -> None:
    """Have the scheduler look for troubles before its time."""
    bench.execute(
        "UPDATE chores SET begun_at = begun_at - interval '1 hour' WHERE name = 'notices'"
    )


def kill_on_the_way(bench: Bench, row: Row, point: str) -> None:
    """Kill the sender as it tells, the scheduler after it looked, and let the claim run out."""
    here = bench.installation
    watch(bench)
    until(lambda: here.points.fired(point) is not None, PATIENCE_SECONDS)
    starts = here.scheduler.starts
    here.scheduler.kill()
    here.scheduler.await_running(starts + 1)
    row.kills += 2
    watch(bench)
    # A claim would run out after 120 s.
    bench.execute("UPDATE notices SET next_at = statement_timestamp() WHERE outcome IS NULL")


class Told:
    """A live sync job to a webhook, whose troubles are told to the channel `faults`."""

    def __init__(self, api: Api, url: str) -> None:
        self._api = api
        body = {
            "slug": "told",
            "kind": "webhook",
            "config": {"url": url},
            "secrets": {"secret": SECRET},
        }
        api.insist("POST", "/v1/destinations", body)
        self.cohort = api.list_of()
        wanted = {
            "cohort_id": self.cohort,
            "destination": "told",
            "frequency": "live",
            "mapping": {},
            "notify": ["faults"],
        }
        self.id = str(api.insist("POST", "/v1/sync-jobs", wanted)["id"])

    def await_state(self, state: str) -> None:
        path = f"/v1/sync-jobs/{self.id}"
        until(lambda: self._api.insist("GET", path)["state"] == state, PATIENCE_SECONDS)

    def remove(self) -> None:
        """Remove the job and its destination."""
        self._api.insist("DELETE", f"/v1/sync-jobs/{self.id}")
        self._api.insist("DELETE", "/v1/destinations/told")


@pytest.mark.long
@pytest.mark.timeout(400)
@pytest.mark.parametrize(
    ("point", "times"), [("notices.before-post", 1), ("notices.after-post", 2)]
)
def test_notices__across_kills__tell_of_a_trouble_when_it_begins_and_when_it_is_over(
    bench: Bench,
    api: Api,
    row: Row,
    notices: Notices,
    mailbox: tuple[Mailbox, str],
    point: str,
    times: int,
) -> None:
    row.name, points, (box, url) = (
        f"SIGKILL of a {WORDS[point]}",
        bench.installation.points,
        mailbox,
    )
    job = Told(api, url)
    points.arm(point)
    box.status = GONE
    api.edit(job.cohort, add=("ada",))
    job.await_state("stopped")
    kill_on_the_way(bench, row, point)
    until(lambda: len(notices.texts) == times, PATIENCE_SECONDS)
    points.arm(point)
    box.status = 204
    api.insist("POST", f"/v1/sync-jobs/{job.id}/resume")
    until(lambda: bool(box.taken), PATIENCE_SECONDS)
    job.await_state("active")
    kill_on_the_way(bench, row, point)
    until(lambda: len(notices.texts) == 2 * times, PATIENCE_SECONDS)
    watch(bench)
    job.remove()
    assert all(f"Sync job {job.id} of cohort {job.cohort}" in one for one in notices.texts)
    heads = [one.partition(":")[0] for one in notices.texts]
    row.take(ends.told(heads[::times], "Needs attention", "Well again"))
    assert heads[1::2] == heads[::2] or times == 1
    if times > 1:
        row.notes.append("each was told once more, as no service can be asked whether it has one")
    assert row.differences == []
