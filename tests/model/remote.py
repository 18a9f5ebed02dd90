"""A running gateway seen from outside: pages are posted to it, and its API is asked."""

from __future__ import annotations

import dataclasses
import datetime
import gzip
import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gateway.store.cohorts.session_reports import Sync
from tests import stack as stacks
from tests.model.judge import Seen

if TYPE_CHECKING:
    from tests.model.oracle import Cohort, Found
    from tests.model.sender import Page
    from tests.stack import Answer, Stack


class Remote:
    """One project of a gateway that is reached over HTTP alone."""

    def __init__(self, stack: Stack, project_id: str) -> None:
        self._stack = stack
        self._project_id = project_id
        self._ids: dict[str, str] = {}

    def post(self, page: Page, *, packed: bool) -> Answer:
        """Post a page, perhaps as gzip."""
        body = page.body()
        headers = {"Content-Type": "application/json"}
        if packed:
            body, headers = gzip.compress(body), {**headers, "Content-Encoding": "gzip"}
        return self._stack.post(body, headers=headers)

    def knows(self, cohort: str) -> bool:
        """Tell whether there is such a cohort, deleted ones not included."""
        found = self._stack.cohort(cohort, source="default", project_id=self._project_id)
        if found is not None:
            self._ids[cohort] = found["id"]
        return found is not None

    def settle(self, cohort: str) -> None:
        """Wait until nothing of a cohort waits to be applied."""
        self._stack.settle(self._ids[cohort])

    def members(self, cohort: str) -> dict[str, str | None]:
        """List the members of a cohort with their e-mail addresses."""
        listed = self._list(cohort, "members")
        return {member["member_id"]: member["email"] for member in listed}

    def see(self, cohort: str) -> Seen:
        """Read all there is to see; the sessions of its syncs have no numbers yet."""
        described = self._stack.api(f"/v1/cohorts/{self._ids[cohort]}").json
        refresh = described["refresh"]
        moves: list[Found] = [
            (one["change"], one["member_id"], one["session_id"])
            for one in self._list(cohort, "changes")
        ]
        return Seen(
            members=self.members(cohort),
            member_count=described["member_count"],
            moves=moves,
            last_change=described["last_seq"],
            syncs=[_sync(one) for one in self._list(cohort, "syncs")],
            name=described["name"],
            refresh=refresh
            and (refresh["session_id"], refresh["pages_received"], refresh["total_pages"]),
        )

    def erase(self, member_id: str) -> Answer:
        """Erase a person from the project."""
        path = f"/v1/members/{member_id}"
        query = {"source": "default", "project_id": self._project_id}
        return self._stack.api(path, method="DELETE", **query)

    def joined(self, member_id: str) -> set[str]:
        """List the cohorts of the project that somebody is in, by external id."""
        found = self._stack.api(
            f"/v1/members/{member_id}/cohorts", source="default", project_id=self._project_id
        )
        return {one["external_id"] for one in found.json["cohorts"]}

    def delete(self, cohort: str) -> Answer:
        """Delete a cohort."""
        return self._stack.api(f"/v1/cohorts/{self._ids[cohort]}", method="DELETE")

    def restore(self, cohort: str) -> Answer:
        """Restore a cohort."""
        return self._stack.api(f"/v1/cohorts/{self._ids[cohort]}/restore", method="POST")

    def end_workers(self, number: signal.Signals) -> None:
        """Send every worker a signal; the supervisor starts another in its place."""
        for pid in stacks.descendants(self._stack.process.pid):
            words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
            if words[1:4] == [b"-m", b"workers", b""]:
                os.kill(pid, number)

    def _list(self, cohort: str, what: str) -> Any:  # noqa: ANN401 - JSON
        answer = self._stack.api(f"/v1/cohorts/{self._ids[cohort]}/{what}", limit="1000")
        return answer.json[what]


def numbered(seen: Seen, expected: Cohort) -> Seen:
    """Give the sessions of syncs the numbers that an oracle has for them."""
    keys = sorted(expected.syncs, key=lambda key: (-key[0], key[1]))
    assert [one.action for one in seen.syncs] == [action for _, action in keys]
    syncs = [
        dataclasses.replace(one, session=session)
        for one, (session, _) in zip(seen.syncs, keys, strict=True)
    ]
    return dataclasses.replace(seen, syncs=syncs)


def _sync(shown: dict[str, Any]) -> Sync:
    times = {
        name: shown[name] and datetime.datetime.fromisoformat(shown[name])
        for name in ("started_at", "completed_at")
    }
    return Sync(**{**shown, **times, "session": 0})
