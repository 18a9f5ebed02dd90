"""Cohorts that change, vendors that fail and senders that are killed, all by one seed."""

from __future__ import annotations

import multiprocessing
import random
import signal
import sys
import threading
from collections.abc import Iterable
from typing import Any, Final

from sqlalchemy import text

from tests.syncs import killed
from tests.syncs.audience import Vendor
from tests.syncs.office import Office
from tests.syncs.test_keep import MAPPING, person

NAMES: Final = "abcdefghijklmnop"
SHARED: Final = ("email", "both@x.io")
STRANGERS: Final = frozenset({("id", "stranger"), ("email", "stranger@x.io")})
# More lines than most runs have, so that some end well.
MOST_LINES: Final = 6000
# As many answers may be unbooked at a kill as requests are under way.
UNDER_WAY: Final = 4
# Each sender is forked from a process that has loaded everything.
SENDERS: Final = multiprocessing.get_context("forkserver")
SENDERS.set_forkserver_preload([killed.__name__])
TROUBLE: Final = ("", "", "", "before", "after", "busy")

Key = tuple[str, str]


class Witness(Vendor):
    """Keeps an audience, and what no vendor should see: additions and removals without a reason."""

    def __init__(self) -> None:
        super().__init__()
        self.present = set(STRANGERS)
        self.wrong: list[str] = []
        # What was answered, newest last; and of what the answer may not have been booked.
        self._answered: list[set[Key]] = []
        self._unsure: set[Key] = set()
        self._turn = threading.Lock()

    def killed(self, leaving: set[Key]) -> None:
        """Note that the sender died: its last answers may not have been booked.

        What it was to remove may have been asked for, as far as whoever comes next can know.
        """
        self._unsure |= leaving
        for keys in self._answered[-UNDER_WAY:]:
            self._unsure |= keys
        self._answered.clear()

    def _answer(self, verb: str, body: Any) -> Any:  # noqa: ANN401 - JSON
        rows = [_keys(one) for one in body.get("rows", ())]
        for keys in rows:
            again = keys <= self.present and not keys <= self._unsure
            # What others have too may be there already.
            if verb == "add" and again and SHARED not in keys:
                self.wrong.append(f"{sorted(keys)} is added again")
            if verb == "remove" and keys & STRANGERS:
                self.wrong.append(f"{sorted(keys)} is removed and was another's")
        told = super()._answer(verb, body)
        taken = set().union(*rows) if rows else set()
        self._unsure -= taken
        self._answered.append(taken)
        return told

    def __call__(self, request: Any) -> tuple[int, dict[str, str], bytes] | None:  # noqa: ANN401
        with self._turn:
            if self.trouble[:1] == ["busy"]:
                del self.trouble[0]
                return 503, {}, b""
            before = len(self._answered)
            found = super().__call__(request)
            if found is None and len(self._answered) > before:
                self._unsure |= self._answered[-1]
            return found


def _keys(row: Any) -> set[Key]:  # noqa: ANN401 - JSON
    return {(name, value) for name, value in row.items() if name in ("id", "email")}


class Play:
    """A cohort, its job and its vendor, moved by chance."""

    def __init__(self, desk: Office, vendor: Witness, database_url: str, seed: int) -> None:
        self._desk = desk
        self._vendor = vendor
        self._url = database_url
        self._chance = random.Random(seed)  # noqa: S311 - no secret
        self._members: dict[str, str] = {}
        self.deaths = 0
        self._cohort = desk.fill([person(one) for one in NAMES[:8]])
        self._members = {one: f"{one}@x.io" for one in NAMES[:8]}
        self.job = desk.job(self._cohort, mapping=MAPPING, frequency="live")

    def step(self) -> None:
        """Change the cohort, let the vendor fail, and let a sender die or not."""
        self._change()
        self._vendor.trouble = self._chance.choices(TROUBLE, k=6)
        self._send(self._chance.randrange(1, MOST_LINES))

    def end(self) -> None:
        """Let everything go well from now on."""
        self._vendor.trouble = []
        for _ in range(2):
            self._desk.clock.tick(hours=2)
            self._send(sys.maxsize)

    @property
    def expected(self) -> set[Key]:
        """What the audience is to have, with what others put there."""
        ids = {("id", one) for one in self._members}
        return ids | {("email", one) for one in self._members.values()} | STRANGERS

    def _change(self) -> None:
        names = self._chance.sample(NAMES, self._chance.randrange(1, 6))
        leaving = [one for one in names if one in self._members]
        if self._chance.random() < 0.5:
            self._edit("remove_members", leaving)
            for one in leaving:
                del self._members[one]
            return
        for one in names:
            self._members[one] = self._chance.choice([f"{one}@x.io", SHARED[1]])
        self._edit("add_members", [person(one, self._members[one]) for one in names])

    def _edit(self, action: str, members: Iterable[object]) -> None:
        self._desk.clock.tick(minutes=1)
        made = list(members)
        if made:
            self._desk.post(action, made, session=f"s{self._desk.clock.now.timestamp()}")
            self._desk.apply()

    def _send(self, line: int) -> None:
        sender = SENDERS.Process(target=killed.work, args=(self._url, self._desk.clock.now, line))
        sender.start()
        sender.join()
        if sender.exitcode == -signal.SIGKILL:
            self.deaths += 1
            self._vendor.killed(self._vendor.present - self.expected)
            self._let_leases_run_out()
        else:
            assert sender.exitcode == 0

    def _let_leases_run_out(self) -> None:
        with self._desk.pool.begin() as conn:
            conn.execute(text("UPDATE leases SET leased_until = now() - interval '1 second'"))
