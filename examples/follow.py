"""Follow the changes of a cohort, and act on each of them exactly once.

It needs Python 3.11 and nothing else. What it does is written to a table of SQLite, in the
transaction that moves the position: after a crash at any line, both are there or neither is.
docs/following.md explains each step.

    GATEWAY_API_KEY=… python3 examples/follow.py --url http://127.0.0.1:8000 --cohort 1
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import sqlite3
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any, TypeVar

AHEAD, GONE, NOT_FOUND = 409, 410, 404
LATER = (429, 500, 502, 503, 504)
T = TypeVar("T")

# How long the gateway may wait for a change before it answers that there is none. Where as many
# requests wait as may, it answers at once; the next then comes after a pause.
WAIT_SECONDS = 25
PAUSE_SECONDS = 2

# No cohort has had so many changes; asked for those after it, the gateway says how far it is.
BEYOND = 2**53

TABLES = """
    CREATE TABLE IF NOT EXISTS position (cohort TEXT PRIMARY KEY, epoch TEXT, after INTEGER);
    CREATE TABLE IF NOT EXISTS members (cohort TEXT, member TEXT, PRIMARY KEY (cohort, member));
    CREATE TABLE IF NOT EXISTS actions (
        id INTEGER PRIMARY KEY, cohort TEXT, epoch TEXT, seq INTEGER, change TEXT, member TEXT
    );
"""


class Gateway:
    """The query API, asked until it answers."""

    def __init__(self, url: str, key: str, *, patience: float = 1.0) -> None:
        self._url, self._patience = url.rstrip("/"), patience
        self._headers = {"Authorization": f"Bearer {key}"}

    def ask(self, path: str) -> tuple[int, dict[str, Any]]:
        """Return the status and the document of an answer."""
        return self._get(path, "application/json", lambda answer: json.loads(answer.read()))

    def members(self, cohort: str) -> set[str]:
        """Return the ids of all members; none of a deleted cohort."""

        def read(answer: Any) -> set[str]:  # noqa: ANN401 - urllib's
            if answer.status == NOT_FOUND:
                return set()
            return {json.loads(line)["member_id"] for line in answer}

        return self._get(f"/v1/cohorts/{cohort}/members", "application/x-ndjson", read)[1]

    def _get(self, path: str, accept: str, read: Callable[[Any], T]) -> tuple[int, T]:
        request = urllib.request.Request(  # noqa: S310 - the operator's own URL
            self._url + path, headers={**self._headers, "Accept": accept}
        )
        while True:
            delay = self._patience
            try:
                with _answer(request) as answer:
                    if answer.status not in LATER:
                        return answer.status, read(answer)
                    delay = float(answer.headers.get("Retry-After") or delay)
            except (OSError, http.client.HTTPException):
                pass  # nobody answered, or the answer broke off: it is whole or it does not count
            time.sleep(delay)


def _answer(request: urllib.request.Request) -> Any:  # noqa: ANN401 - urllib's
    try:
        return urllib.request.urlopen(request, timeout=60)  # noqa: S310 - as above
    except urllib.error.HTTPError as error:
        return error


class Follower:
    """One cohort, its position in a database of ours, and what is done at each change."""

    def __init__(self, database: sqlite3.Connection, gateway: Gateway, cohort: str) -> None:
        self._db, self._gateway, self._cohort = database, gateway, cohort
        database.executescript(TABLES)

    def start(self, *, from_now: bool) -> None:
        """Begin at the first change, or at the present members without acting; once."""
        if self._position() is not None:
            return
        if from_now:
            self._compare(act=False)
            return
        epoch, _ = self._end()
        with self._db:
            self._move(epoch, 0)

    def step(self, wait: int = 0) -> bool:
        """Act on the next changes; False if there are none, and none have come in that time."""
        epoch, after = self._position() or ("", 0)
        path = f"/v1/cohorts/{self._cohort}/changes?after={after}&limit=1000&wait={wait}"
        status, page = self._gateway.ask(path)
        if status == NOT_FOUND:
            raise SystemExit(f"there is no cohort {self._cohort}")
        changes = page.get("changes", [])
        erased = any(one["change"] == "exited" and one["member_id"] is None for one in changes)
        if status in (AHEAD, GONE) or page.get("epoch") != epoch or erased:
            self._compare(act=True)
            return True
        with self._db:  # one transaction: what is done, and how far it got
            for one in changes:
                self._act(epoch, one["seq"], one["change"], one["member_id"])
            self._move(epoch, page["next_after"])
        return bool(changes)

    def _compare(self, *, act: bool) -> None:
        """Read all members instead of changes, and act on what is different from ours."""
        end = self._end()
        # The list is of one moment. It belongs to a seq if that is the newest before and after it.
        while True:
            there = self._gateway.members(self._cohort)
            before, end = end, self._end()
            if before == end:
                break
        epoch, last_seq = end
        found = self._db.execute("SELECT member FROM members WHERE cohort = ?", [self._cohort])
        ours = {member for (member,) in found}
        with self._db:
            for change, ids in (("exited", ours - there), ("entered", there - ours)):
                for member in sorted(ids):
                    self._act(epoch, None, change, member, quiet=not act)
            self._move(epoch, last_seq)

    def _end(self) -> tuple[str, int]:
        """Ask for the epoch and the newest seq, which deleted cohorts have too."""
        status, said = self._gateway.ask(f"/v1/cohorts/{self._cohort}/changes?after={BEYOND}")
        if status != AHEAD:
            raise SystemExit(f"cohort {self._cohort}: {said.get('detail', status)}")
        return said["epoch"], said["last_seq"]

    def _act(
        self, epoch: str, seq: int | None, change: str, member: str | None, *, quiet: bool = False
    ) -> None:
        """Do what a change asks for. Replace this by what your service does in its database."""
        if member is None:
            return  # an erased person entered once, and nobody knows who it was
        known = [self._cohort, member]
        if change == "entered":
            self._db.execute("INSERT OR IGNORE INTO members VALUES (?, ?)", known)
        else:
            self._db.execute("DELETE FROM members WHERE cohort = ? AND member = ?", known)
        if not quiet:
            row = [self._cohort, epoch, seq, change, member]
            self._db.execute("INSERT INTO actions VALUES (NULL, ?, ?, ?, ?, ?)", row)

    def _position(self) -> tuple[str, int] | None:
        query = "SELECT epoch, after FROM position WHERE cohort = ?"
        found: tuple[str, int] | None = self._db.execute(query, [self._cohort]).fetchone()
        return found

    def _move(self, epoch: str, after: int) -> None:
        row = [self._cohort, epoch, after]
        self._db.execute("INSERT OR REPLACE INTO position VALUES (?, ?, ?)", row)


def main() -> None:
    """Follow until stopped, or to the end of what there is."""
    parser = argparse.ArgumentParser(description="Follow the changes of a cohort.")
    parser.add_argument("--url", default="http://127.0.0.1:8000")
    parser.add_argument("--cohort", required=True, help="its id at the gateway")
    parser.add_argument("--database", default="followed.sqlite")
    parser.add_argument("--from-now", action="store_true", help="do not act on what was before")
    parser.add_argument("--once", action="store_true", help="end when there is nothing new")
    given = parser.parse_args()
    gateway = Gateway(given.url, os.environ["GATEWAY_API_KEY"])
    database = sqlite3.connect(given.database)
    follower = Follower(database, gateway, given.cohort)
    follower.start(from_now=given.from_now)
    if given.once:
        while follower.step():
            pass
        return
    while True:
        began = time.monotonic()
        found = follower.step(WAIT_SECONDS)
        if not found and time.monotonic() - began < PAUSE_SECONDS:
            time.sleep(PAUSE_SECONDS)


if __name__ == "__main__":
    main()
