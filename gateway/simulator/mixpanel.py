"""Mixpanel's side of cohort syncs, as its documentation describes it.

https://docs.mixpanel.com/docs/cohort-sync/webhooks

- A sync sends its people in pages of 1,000, all under one session id, one after the other.
- The first one, and any without a valid snapshot, is full (`members`); every other one is the
  difference to the snapshot: `add_members` and then `remove_members`, both also when empty.
- A snapshot is taken when every page was answered with success, and lasts three days.
- 429 and 5xx are tried again five times within 60 s, at ever longer intervals; then the sync has
  failed until the next one is due. 400, 401, 403 and 404 pause it until a person acts.
- A sync that was broken off starts from the top again, under another session id.
"""

from __future__ import annotations

import base64
import dataclasses
import json
from typing import TYPE_CHECKING, Final

from gateway import errors
from gateway.core.cohorts.page import Action

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from gateway.simulator.wire import Answer, Wire

PAGE_MEMBERS: Final = 1000
RETRIES: Final = 5
RETRY_SECONDS: Final = 60.0
PAUSING: Final = frozenset({400, 401, 403, 404})
_SUCCESS: Final = 200
_THROTTLED: Final = 429
_SERVER_ERRORS: Final = range(500, 600)


class SyncPaused(errors.CommandFailed):
    """An answer that makes Mixpanel pause the sync and write to its owners."""

    code = "sync_paused"


class SyncFailed(errors.CommandFailed):
    """A page that found no success in five retries; Mixpanel waits for the next sync."""

    code = "sync_failed"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Cohort:
    """A cohort in Mixpanel."""

    project_id: str
    cohort_id: str
    name: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class Page:
    """One call of the webhook; `number` counts from 1."""

    cohort: Cohort
    action: Action
    session_id: str
    number: int
    total: int
    member_ids: tuple[str, ...]


def profile(member_id: str) -> dict[str, str]:
    """Return a member as Mixpanel exports it; everything follows from the id."""
    return {
        "mixpanel_distinct_id": member_id,
        "email": f"{member_id}@example.com",
        "first_name": f"First {member_id}",
        "last_name": f"Last {member_id}",
        "phone_number": f"+1555{sum(member_id.encode()):07d}",
    }


def body(page: Page) -> bytes:
    document = {
        "action": page.action,
        "parameters": {
            "mixpanel_project_id": page.cohort.project_id,
            "mixpanel_cohort_name": page.cohort.name,
            "mixpanel_cohort_id": page.cohort.cohort_id,
            "mixpanel_cohort_description": "Made by `python -m gateway simulate`",
            "mixpanel_session_id": page.session_id,
            "page_info": {"total_pages": page.total, "page_count": page.number},
            "members": [profile(member_id) for member_id in page.member_ids],
        },
    }
    return json.dumps(document, separators=(",", ":")).encode()


class WebhookSender:
    """Posts pages to one webhook and does with its answers what Mixpanel does."""

    def __init__(
        self,
        wire: Wire,
        path: str,
        *,
        login: tuple[str, str] | None,
        sleep: Callable[[float], None],
        retry_seconds: float = RETRY_SECONDS,
    ) -> None:
        """`retry_seconds` is how long the five retries take together; Mixpanel's are 60."""
        self._wire = wire
        self._path = path
        self._sleep = sleep
        self._delays = [retry_seconds * 2**n / (2**RETRIES - 1) for n in range(RETRIES)]
        self._headers = {"Content-Type": "application/json"}
        if login is not None:
            pair = base64.b64encode(":".join(login).encode()).decode("ascii")
            self._headers["Authorization"] = f"Basic {pair}"
        self.retries = 0

    def deliver(self, page: Page) -> None:
        """Send a page until it is acknowledged. Raises SyncPaused or SyncFailed."""
        content = body(page)
        problem = self._try(page, content)
        for delay in self._delays:
            if problem is None:
                return
            self._sleep(delay)
            self.retries += 1
            problem = self._try(page, content)
        if problem is not None:
            raise SyncFailed(
                f"{_call(page)} was tried {RETRIES + 1} times: {problem}. Mixpanel would try the"
                " whole sync again in 30 minutes; see the gateway's /readyz and /v1/status",
            )

    def _try(self, page: Page, content: bytes) -> str | None:
        """Send a page once; None if it was acknowledged, or what stood in the way for now."""
        try:
            answer = self._wire.request("POST", self._path, headers=self._headers, body=content)
        except errors.Unavailable as error:
            return str(error)
        if answer.status == _SUCCESS:
            _require_success(page, answer)
            return None
        said = f"the gateway answered {answer.status} ({_message(answer)})"
        if answer.status in PAUSING:
            raise SyncPaused(
                f"{_call(page)}: {said}. Mixpanel would pause the sync and write to its owners;"
                " mend this first",
            )
        if answer.status == _THROTTLED or answer.status in _SERVER_ERRORS:
            return said
        raise SyncFailed(f"{_call(page)}: {said}, which Mixpanel does not document")


class Sync:
    """A cohort's recurring sync; `members` are those of the cohort now, and may be changed."""

    def __init__(
        self,
        cohort: Cohort,
        *,
        deliver: Callable[[Page], None],
        new_session_id: Callable[[], str],
    ) -> None:
        self.cohort = cohort
        self.members: set[str] = set()
        self._snapshot: frozenset[str] | None = None
        self._deliver = deliver
        self._new_session_id = new_session_id

    def expire(self) -> None:
        """Forget the snapshot, as Mixpanel does after three days without success."""
        self._snapshot = None

    def start_empty(self) -> None:
        """Take an empty snapshot: the first sync is then a diff, as in the example scenario."""
        self._snapshot = frozenset()

    def pages(self) -> list[Page]:
        """Return the pages of the sync that is due, under a session id of its own."""
        session_id = self._new_session_id()
        if self._snapshot is None:
            return list(self._paged(Action.REPLACE, session_id, sorted(self.members)))
        added = sorted(self.members - self._snapshot)
        removed = sorted(self._snapshot - self.members)
        return [
            *self._paged(Action.ADD, session_id, added),
            *self._paged(Action.REMOVE, session_id, removed),
        ]

    def run(self) -> list[Page]:
        """Send the sync that is due to its end and return its pages, for a replay.

        Raises SyncPaused or SyncFailed; the snapshot then stays what it was.
        """
        pages = self.pages()
        self.send(pages)
        self._snapshot = frozenset(self.members)
        return pages

    def break_off(self) -> None:
        """Begin the sync that is due and end it halfway, as if Mixpanel had failed."""
        pages = self.pages()
        self.send(pages[: max(1, len(pages) // 2)])

    def send(self, pages: Sequence[Page]) -> None:
        """Send pages as they are, also ones that were sent before."""
        for page in pages:
            self._deliver(page)

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


def _require_success(page: Page, answer: Answer) -> None:
    """Hold a 200 to the documented shape; Mixpanel shows anything else as a failure."""
    if answer.document() != {"action": page.action, "status": "success"}:
        raise SyncFailed(
            f"{_call(page)}: the gateway answered 200 with {answer.body[:200]!r} instead of the"
            " action and the status success",
        )


def _call(page: Page) -> str:
    return f"{page.action} page {page.number} of {page.total}"


def _message(answer: Answer) -> str:
    error = answer.document().get("error")
    message = error.get("message") if isinstance(error, dict) else None
    return str(message or answer.body[:200].decode("utf-8", "replace") or "nothing")
