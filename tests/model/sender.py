"""A model of Mixpanel as a sender: a true set of people, sent in pages, sessions and retries."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

MEMBERS: Final = "members"
ADD: Final = "add_members"
REMOVE: Final = "remove_members"

PROJECT: Final = "project-1"

# A member is an id and an e-mail address, which stands for the whole profile.
Member = tuple[str, str]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Page:
    """One webhook call; `number` and `total` are None where `page_info` is left out."""

    cohort: str
    session: str | None
    action: str
    number: int | None
    total: int | None
    members: tuple[Member, ...]
    name: str | None = None
    project: str = PROJECT

    def body(self) -> bytes:
        """Write the page as the webhook's body."""
        parameters: dict[str, Any] = {
            "mixpanel_project_id": self.project,
            "mixpanel_cohort_id": self.cohort,
            "mixpanel_cohort_name": self.name,
            "mixpanel_session_id": self.session,
            "members": [
                {"mixpanel_distinct_id": member_id, "email": email}
                for member_id, email in self.members
            ],
        }
        if self.number is not None:
            parameters["page_info"] = {"total_pages": self.total, "page_count": self.number}
        return json.dumps({"action": self.action, "parameters": parameters}).encode()


@dataclasses.dataclass
class Export:
    """The pages of one session and action, and how far they have been sent."""

    pages: list[Page]
    sent: int = 0

    def next(self) -> Page | None:
        """Take the next page, None after the last."""
        if self.sent == len(self.pages):
            return None
        self.sent += 1
        return self.pages[self.sent - 1]

    def restart(self, session: str | None) -> None:
        """Begin again from the top, under the same session id or another one."""
        self.pages = [dataclasses.replace(page, session=session) for page in self.pages]
        self.sent = 0


class Sender:
    """The connection of one cohort: who is in it really, and whom the gateway was told about."""

    def __init__(self, cohort: str, sessions: Iterator[int], *, project: str = PROJECT) -> None:
        self.cohort = cohort
        self.project = project
        self.truth: dict[str, str] = {}
        self.snapshot: dict[str, str] = {}
        self.name: str | None = None
        self._sessions = sessions

    def new_session(self) -> str:
        """Make up a session id that no other sender uses."""
        return f"session-{next(self._sessions)}"

    def become(self, members: Mapping[str, str]) -> None:
        """Change who is in the cohort really."""
        self.truth = dict(members)

    def export(
        self, action: str, members: Sequence[Member], *, session: str | None, page_size: int
    ) -> Export:
        """Cut members into pages; nobody makes one empty page."""
        slices = _cut(members, page_size)
        return Export(
            [
                Page(
                    cohort=self.cohort,
                    session=session,
                    action=action,
                    number=number,
                    total=len(slices),
                    members=part,
                    name=self.name,
                    project=self.project,
                )
                for number, part in enumerate(slices, start=1)
            ]
        )

    def refresh(self, *, page_size: int) -> Export:
        """Export everybody."""
        self.snapshot = dict(self.truth)
        members = list(self.truth.items())
        return self.export(MEMBERS, members, session=self.new_session(), page_size=page_size)

    def diff(self, *, page_size: int, one_session: bool) -> list[Export]:
        """Export what changed since the last export: who came or changed, and who left."""
        came = [member for member in self.truth.items() if member not in self.snapshot.items()]
        left = [member for member in self.snapshot.items() if member[0] not in self.truth]
        self.snapshot = dict(self.truth)
        first = self.new_session()
        second = first if one_session else self.new_session()
        return [
            self.export(ADD, came, session=first, page_size=page_size),
            self.export(REMOVE, left, session=second, page_size=page_size),
        ]


def _cut(members: Sequence[Member], page_size: int) -> list[tuple[Member, ...]]:
    starts = range(0, len(members), page_size) or range(1)
    return [tuple(members[start : start + page_size]) for start in starts]
