"""Several Mixpanels at once, each with a cohort of its own, and every answer they were given."""

from __future__ import annotations

import dataclasses
import http.client
import itertools
import json
import random
import threading
import time
from collections.abc import Iterator, Mapping, Sequence

from gateway.core.cohorts.page import Action
from gateway.simulator.mixpanel import Cohort, Page, Sync, SyncFailed, SyncPaused, WebhookSender
from gateway.simulator.wire import Answer, Wire
from tests.stack import DEFAULT, PASSWORD, PROJECT, USERNAME

# A scaled-down minute: five retries, at ever longer intervals.
RETRY_SECONDS = 6.0
# Above the gateway's own deadline for a request, so that it is the gateway that gives up.
WIRE_SECONDS = 20.0
PAGE_MEMBERS = 40
EXPIRES, BREAKS_OFF = 0.15, 0.1

_ALLOWED = {200, 429, 503}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Heard:
    """An answer, or that there was none (status 0); times by the clock all processes share."""

    asked_at: float
    at: float
    status: int

    @property
    def seconds(self) -> float:
        """How long it took."""
        return self.at - self.asked_at


class Ear:
    """What all the senders of a load were answered, and what of that breaks the contract."""

    def __init__(self) -> None:
        self.heard: list[Heard] = []
        self.complaints: list[str] = []

    def hear(self, asked_at: float, answer: Answer | None) -> None:
        """Take in an answer; None if none came."""
        status = 0 if answer is None else answer.status
        self.heard.append(Heard(asked_at=asked_at, at=time.monotonic(), status=status))
        if answer is not None and not _is_in_contract(answer):
            self.complaints.append(f"{answer.status}: {answer.body[:300]!r}")

    def statuses(self, *, since: float = 0.0) -> list[int]:
        """List the statuses of what was asked since a moment."""
        return [one.status for one in list(self.heard) if one.asked_at >= since]

    def first_success_after(self, moment: float) -> float | None:
        """When the first page was acknowledged that was asked after a moment."""
        times = [one.at for one in list(self.heard) if one.status == 200 and one.asked_at >= moment]
        return min(times, default=None)


class Listening(Wire):
    """A wire with an ear on it."""

    def __init__(self, base_url: str, ear: Ear) -> None:
        super().__init__(base_url, timeout_seconds=WIRE_SECONDS)
        self._ear = ear

    def _exchange(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes | None
    ) -> Answer:
        asked_at = time.monotonic()
        try:
            answer = super()._exchange(method, path, headers, body)
        except (OSError, http.client.HTTPException):
            self._ear.hear(asked_at, None)
            raise
        self._ear.hear(asked_at, answer)
        return answer


class SmallSync(Sync):
    """A sync in small pages, so that a little says a lot."""

    def _paged(self, action: Action, session_id: str, member_ids: Sequence[str]) -> Iterator[Page]:
        starts = range(0, max(len(member_ids), 1), PAGE_MEMBERS)
        for number, start in enumerate(starts, start=1):
            yield Page(
                cohort=self.cohort,
                action=action,
                session_id=session_id,
                number=number,
                total=len(starts),
                member_ids=tuple(member_ids[start : start + PAGE_MEMBERS]),
            )


class Sender:
    """One cohort whose members come and go, in a thread; one seed makes one history."""

    def __init__(self, name: str, base_url: str, ear: Ear, *, pause_seconds: float) -> None:
        self.sent: dict[tuple[str, str, int], Page] = {}
        self.acknowledged: list[Page] = []
        self.trouble: str | None = None
        self._drifted = False
        self._random = random.Random(name)  # noqa: S311 - a play, no secret
        self._wire = Listening(base_url, ear)
        self._enough = threading.Event()
        self._hurry = threading.Event()
        self._pause_seconds = pause_seconds
        self._gone: list[str] = []
        numbers, born = itertools.count(1), itertools.count(1)
        self._names = (f"{name}-{number}" for number in born)
        self._courier = WebhookSender(
            self._wire,
            DEFAULT,
            login=(USERNAME, PASSWORD),
            sleep=self._sleep,
            retry_seconds=RETRY_SECONDS,
        )
        self.sync = SmallSync(
            Cohort(project_id=PROJECT, cohort_id=name, name=f"Cohort {name}"),
            deliver=self._deliver,
            new_session_id=lambda: f"{name}-session-{next(numbers)}",
        )
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    def start(self) -> None:
        """Begin to send, one sync after the other."""
        self._thread.start()

    def finish(self) -> None:
        """Have it send until a sync has succeeded once more, and then end."""
        self._enough.set()

    def abandon(self) -> None:
        """Have it end as soon as it can, whatever it is at."""
        self._enough.set()
        self._hurry.set()

    def join(self, seconds: float) -> None:
        """Wait for its end."""
        self._thread.join(max(0.0, seconds))
        if self._thread.is_alive():
            self.trouble = self.trouble or "it found no success in time"
        self._wire.close()

    def _run(self) -> None:
        last = False
        while not last and not self.trouble and not self._hurry.is_set():
            last = self._enough.is_set()
            self._churn()
            try:
                self._sync(last=last)
            except SyncPaused as paused:
                self.trouble = str(paused)
            except SyncFailed:
                self._drifted = True
                last = False

    def _sync(self, *, last: bool) -> None:
        """Let the sync that is due succeed, perhaps after one that broke off.

        A failed sync may have stored people who leave before the next one. That one's difference
        to the last good snapshot does not name them, so only a full refresh takes them out.
        """
        full = self._random.random() < EXPIRES or (last and self._drifted)
        if full:
            self.sync.expire()
        if not last and self._random.random() < BREAKS_OFF:
            self.sync.break_off()
        self.sync.run()
        self._drifted = self._drifted and not full

    def _deliver(self, page: Page) -> None:
        self._sleep(self._pause_seconds)
        if self._hurry.is_set():
            raise SyncFailed("it was told to hurry")
        self.sent[page.session_id, page.action, page.number] = page
        self._courier.deliver(page)
        self.acknowledged.append(page)

    def _sleep(self, seconds: float) -> None:
        self._hurry.wait(seconds)

    def _churn(self) -> None:
        """Let some leave and some enter, half of them people who were here before."""
        members, chance = self.sync.members, self._random
        for gone in chance.sample(sorted(members), chance.randint(0, len(members) // 4)):
            members.discard(gone)
            self._gone.append(gone)
        coming = chance.randint(1, 5 * PAGE_MEMBERS)
        chance.shuffle(self._gone)
        back, self._gone = self._gone[: coming // 2], self._gone[coming // 2 :]
        members.update(back, itertools.islice(self._names, coming - len(back)))
        if len(members) > 12 * PAGE_MEMBERS:
            members.intersection_update(chance.sample(sorted(members), 4 * PAGE_MEMBERS))


class Load:
    """All the senders of one trial."""

    def __init__(self, name: str, base_url: str, *, senders: int, pause_seconds: float) -> None:
        self.ear = Ear()
        self.senders = [
            Sender(f"{name}-{number}", base_url, self.ear, pause_seconds=pause_seconds)
            for number in range(1, senders + 1)
        ]

    def start(self) -> None:
        """Begin."""
        for sender in self.senders:
            sender.start()

    def acknowledged(self) -> int:
        """How many pages were acknowledged until now."""
        return sum(len(sender.acknowledged) for sender in self.senders)

    def finish(self, seconds: float) -> None:
        """Let every sender end with a sync that succeeds, if that takes no longer than this."""
        for sender in self.senders:
            sender.finish()
        end = time.monotonic() + seconds
        for sender in self.senders:
            sender.join(end - time.monotonic())

    def abandon(self) -> None:
        """End all of them as they are."""
        for sender in self.senders:
            sender.abandon()
        for sender in self.senders:
            sender.join(WIRE_SECONDS)


def _is_in_contract(answer: Answer) -> bool:
    document = answer.document()
    if answer.status == 200:
        return document.keys() == {"action", "status"} and document["status"] == "success"
    error = document.get("error")
    return (
        answer.status in _ALLOWED
        and document.keys() == {"action", "status", "error"}
        and document["status"] == "failure"
        and isinstance(error, dict)
        and error.keys() == {"message", "code"}
        and error["code"] == answer.status
        and len(json.dumps(error["message"])) <= 502
    )
