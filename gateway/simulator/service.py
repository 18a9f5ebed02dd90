"""An internal service: it asks the query API for the members of a cohort, and what changed."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, Final, NoReturn
from urllib.parse import urlencode

from gateway import errors

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from gateway.simulator.mixpanel import Cohort
    from gateway.simulator.wire import Answer, Wire

PART: Final = 1000
_SUCCESS: Final = 200
_GONE: Final = (204, 404)
_NO_KEY: Final = (401, 403)
_LATER: Final = (429, 503)
_RETRY_DELAYS: Final = (0.5, 1.0, 2.0, 4.0)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Standing:
    """A cohort as the API shows it."""

    id: str
    member_count: int
    last_seq: int


@dataclasses.dataclass(frozen=True, kw_only=True)
class Listed:
    """A member as the API lists it."""

    member_id: str
    profile: tuple[str | None, str | None, str | None, str | None]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Change:
    """A transition as the API tells it; `entered` is False for an exit."""

    seq: int
    entered: bool
    member_id: str | None


class Service:
    """Reads with one key over one connection.

    429 and 503 are tried again for some seconds. Each call raises errors.CommandFailed for an
    answer other than 200, and errors.Unavailable without one.
    """

    def __init__(self, wire: Wire, api_key: str, *, sleep: Callable[[float], None]) -> None:
        self._wire = wire
        self._sleep = sleep
        self._headers = {"Authorization": f"Bearer {api_key}", "Accept": "application/json"}

    def standing(self, source: str, cohort: Cohort) -> Standing | None:
        """Find a cohort; None if the gateway does not know it."""
        document = self._get(
            "/v1/cohorts",
            source=source,
            project_id=cohort.project_id,
            external_id=cohort.cohort_id,
        )
        for one in document["cohorts"]:
            return Standing(
                id=one["id"], member_count=one["member_count"], last_seq=one["last_seq"]
            )
        return None

    def members(self, cohort_id: str) -> Iterator[Listed]:
        """List the members, a thousand at a time."""
        cursor: str | None = None
        while True:
            more = {} if cursor is None else {"cursor": cursor}
            document = self._get(f"/v1/cohorts/{cohort_id}/members", limit=PART, **more)
            for one in document["members"]:
                shown = (one["email"], one["first_name"], one["last_name"], one["phone"])
                yield Listed(member_id=one["member_id"], profile=shown)
            cursor = document["next_cursor"]
            if cursor is None:
                return

    def changes(self, cohort_id: str, *, after: int) -> Iterator[Change]:
        """List the changes with a seq above `after`, a thousand at a time."""
        while True:
            document = self._get(f"/v1/cohorts/{cohort_id}/changes", after=after, limit=PART)
            for one in document["changes"]:
                entered = one["change"] == "entered"
                yield Change(seq=one["seq"], entered=entered, member_id=one["member_id"])
            if not document["changes"]:
                return
            after = document["next_after"]

    def delete(self, cohort_id: str) -> None:
        """Delete a cohort; one that is gone already is no failure."""
        path = f"/v1/cohorts/{cohort_id}"
        answer = self._ask("DELETE", path)
        if answer.status not in _GONE:
            self._refused(f"DELETE {path}", answer, "admin")

    def _get(self, path: str, **query: str | int) -> dict[str, Any]:
        answer = self._ask("GET", f"{path}?{urlencode(query)}")
        if answer.status != _SUCCESS:
            self._refused(f"GET {path}", answer, "read")
        return answer.document()

    def _ask(self, method: str, target: str) -> Answer:
        answer = self._wire.request(method, target, headers=self._headers)
        for delay in _RETRY_DELAYS:
            if answer.status not in _LATER:
                break
            self._sleep(delay)
            answer = self._wire.request(method, target, headers=self._headers)
        return answer

    def _refused(self, call: str, answer: Answer, scope: str) -> NoReturn:
        hint = f"; use an API key with the scope {scope}" if answer.status in _NO_KEY else ""
        raise errors.CommandFailed(
            f"{call} was answered {answer.status}:"
            f" {answer.document().get('detail') or 'without a reason'}{hint}",
        )
