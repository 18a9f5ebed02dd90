"""What an installation sends to, in the process of the test, which nothing kills."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Mapping
from typing import Final

from tests.destinations.http.lists import MOST, Lists
from tests.destinations.servers import Asked
from tests.faults.api import change_of
from tests.faults.ends import Message
from tests.syncs.receiver import Request

# As many answers may be unbooked at a kill as requests are under way.
UNDER_WAY: Final = 4
HANG_SECONDS: Final = 32.0
STRANGER: Final = "stranger@example.com"

Given = tuple[int, Mapping[str, str], bytes] | None


class Club(Lists):
    """A fake of a list API, with its limits; it notes what no vendor should see.

    That is an addition of who is there without a reason to be unsure, the removal of somebody
    the gateway has not added, and more in a request than may be. `trouble` says what to do in place
    of the next answers: "busy" is 503, "cut" loses a request, "lost" its answer, "hang" takes long
    and then loses it.
    """

    def __init__(self) -> None:
        super().__init__()
        self.page = 100
        self.trouble: list[str] = []
        self.pause_seconds = 0.0
        self.wrong: list[str] = []
        self.changes = 0
        self._answered: list[set[str]] = []
        self._unsure: set[str] = set()
        self._turn = threading.Lock()

    def __call__(self, request: Request) -> Given:
        """Answer one request."""
        time.sleep(self.pause_seconds)
        with self._turn:
            trouble = self.trouble.pop(0) if self.trouble else ""
        if trouble == "hang":
            time.sleep(HANG_SECONDS)
        asked = Asked(
            method=request.method,
            target=request.path,
            headers=request.headers,
            body=request.body,
        )
        with self._turn:
            if trouble in ("", "lost"):
                return self._take(asked, is_lost=trouble == "lost")
            # Who was to be removed may come back, and then is sent again.
            self._unsure |= _named(asked) if asked.path.endswith("/remove") else set()
        return (503, {}, b"") if trouble == "busy" else None

    def died(self, expected: set[str]) -> None:
        """Note that what had been answered last may not have been booked.

        What is there and not expected may have been asked to go, as far as the gateway knows.
        """
        with self._turn:
            self._unsure |= set().union(*self.members.values()) - expected
            for addresses in self._answered[-UNDER_WAY:]:
                self._unsure |= addresses
            self._answered.clear()

    def on(self, name: str) -> set[str]:
        """Tell who is on the list of a name, but for the stranger."""
        numbers = [number for number, one in self.names.items() if one == name]
        if len(numbers) > 1:
            self.wrong.append(f"{len(numbers)} lists are called {name}")
        return set().union(*(self.members[number] for number in numbers)) - {STRANGER}

    def _take(self, asked: Asked, *, is_lost: bool) -> Given:
        before = {number: set(there) for number, there in self.members.items()}
        said = self.answer(asked)
        named = _named(asked)
        self._look(asked, named, before)
        for number in self.members.keys() - before.keys():
            self.members[number].add(STRANGER)
        self._unsure = self._unsure | named if is_lost else self._unsure - named
        self._answered.append(named)
        self.changes += bool(named)
        return None if is_lost else (said.status, {}, json.dumps(said.body).encode())

    def _look(self, asked: Asked, named: set[str], before: Mapping[int, set[str]]) -> None:
        if len(named) > MOST:
            self.wrong.append(f"{len(named)} were sent at once")
        if STRANGER in named:
            self.wrong.append("the stranger was named")
        if asked.path.endswith("/add"):
            there = before[int(asked.path.split("/")[2])]
            for one in sorted(named & there - self._unsure):
                self.wrong.append(f"{one} is added again")


def _named(asked: Asked) -> set[str]:
    """Tell whom a request adds or removes."""
    if not asked.path.endswith(("/add", "/remove")):
        return set()
    body = asked.json
    return set(body["emails"]) if "emails" in body else {one["email"] for one in body["people"]}


class Mailbox:
    """Takes webhooks, unless it is busy or loses its answers."""

    def __init__(self, batch: int = 1) -> None:
        """`batch` is how many changes a request has at most."""
        self.batch = batch
        self.taken: list[Message] = []
        self.trouble: list[str] = []
        self.status = 204
        self._turn = threading.Lock()

    def __call__(self, request: Request) -> Given:
        """Answer one request."""
        with self._turn:
            trouble = self.trouble.pop(0) if self.trouble else ""
            if trouble == "busy" or self.status >= 300:
                return (503 if trouble else self.status), {}, b""
            if trouble == "cut":
                return None
            if request.method == "POST":
                self.taken.append(_message(request))
            return None if trouble == "lost" else (self.status, {}, b"")


def _message(request: Request) -> Message:
    told = request.json
    listed = told.get("messages", [told])
    return Message(
        id=request.headers["webhook-id"],
        changes=tuple(
            change_of(
                {
                    "seq": one["seq"],
                    "change": one["type"].removeprefix("cohort."),
                    "member_id": (one["member"] or {}).get("member_id"),
                }
            )
            for one in listed
        ),
    )


class Notices:
    """Takes messages to people, as Apprise posts them to a service of one's own."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def __call__(self, request: Request) -> Given:
        """Answer one request."""
        self.texts.append(str(request.json["message"]))
        return 200, {}, b""
