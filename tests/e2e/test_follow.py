"""The consumer in examples/, killed at any line, restored under, and left by a whole cohort."""

from __future__ import annotations

import contextlib
import itertools
import os
import pathlib
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from tests.stack import API_KEY, PASSWORD, PROJECT, ROOT, USERNAME, Stack

FOLLOW = ROOT / "examples" / "follow.py"
KILLS = 5
ENVIRON = {"GATEWAY_API_KEY": API_KEY, "PATH": os.environ["PATH"]}

# Runs the consumer and dies before its nth line, as a machine does: nothing is tidied up.
DYING = """
import os, runpy, signal, sys
path, last = sys.argv.pop(1), int(sys.argv.pop(1))
left = [last]
def trace(frame, event, _):
    if frame.f_code.co_filename != path:
        return None
    if event == "line":
        left[0] -= 1
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)
    return trace
sys.argv[0] = path
sys.settrace(trace)
runpy.run_path(path, run_name="__main__")
"""

numbers = itertools.count(1)


class Followed:
    """A cohort of the gateway, and a consumer with its database beside it."""

    def __init__(self, stack: Stack, folder: pathlib.Path) -> None:
        self.stack, self.database = stack, folder / "followed.sqlite"
        self.external_id = f"followed-{next(numbers)}"
        self.send("add_members", "a")
        self.id = stack.cohort(self.external_id, source="default")["id"]

    def send(self, action: str, members: str) -> None:
        """Post a page of people with ids of one letter, and have it applied."""
        page = {
            "action": action,
            "parameters": {
                "mixpanel_project_id": PROJECT,
                "mixpanel_cohort_id": self.external_id,
                "mixpanel_session_id": f"follow-{next(numbers)}",
                "page_info": {"total_pages": 1, "page_count": 1},
                "members": [{"mixpanel_distinct_id": one} for one in members],
            },
        }
        answer = self.stack.post(page, "/webhooks/mixpanel/default", auth=(USERNAME, PASSWORD))
        assert answer.status == 200
        self.stack.settle()

    def follow(self, *more: str, dies_at: int = 0) -> int:
        """Run the consumer to the end of what there is, or to the line where it dies."""
        argv = [str(FOLLOW)] if not dies_at else ["-c", DYING, str(FOLLOW), str(dies_at)]
        return subprocess.run(
            [sys.executable, *argv, *self._arguments(), "--once", *more],
            env=ENVIRON,
            check=False,
            timeout=100,
        ).returncode

    @contextlib.contextmanager
    def following(self) -> Iterator[subprocess.Popen[bytes]]:
        """Run the consumer for as long as the block."""
        argv = [sys.executable, str(FOLLOW), *self._arguments()]
        process = subprocess.Popen(argv, env=ENVIRON)
        try:
            yield process
        finally:
            process.kill()
            process.wait()

    def _arguments(self) -> list[str]:
        url = f"http://127.0.0.1:{self.stack.port}"
        return ["--url", url, "--cohort", self.id, "--database", str(self.database)]

    def done(self) -> list[tuple[int | None, str, str]]:
        """Return what was acted on, in order."""
        with sqlite3.connect(self.database) as database:
            if not database.execute(
                "SELECT 1 FROM sqlite_master WHERE name = 'actions'"
            ).fetchall():
                return []
            query = "SELECT seq, change, member FROM actions ORDER BY id"
            return database.execute(query).fetchall()

    def changes(self) -> list[tuple[int, str, str]]:
        """Return what happened, as the feed tells it."""
        listed = self.stack.api(f"/v1/cohorts/{self.id}/changes").json["changes"]
        return [(one["seq"], one["change"], one["member_id"]) for one in listed]


@pytest.fixture
def followed(stack: Stack, tmp_path: pathlib.Path) -> Followed:
    """Make a cohort that a consumer can follow."""
    return Followed(stack, tmp_path)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_follow__killed_five_times_at_any_line__acts_on_each_change_once(
    followed: Followed, seed: int
) -> None:
    draw = random.Random(seed)  # noqa: S311 - nothing is secret
    killed = 0
    rounds = itertools.cycle([("add_members", "bcd"), ("remove_members", "bc")])
    while killed < KILLS:
        followed.send(*next(rounds))
        killed += followed.follow(dies_at=draw.randint(1, 120)) == -signal.SIGKILL
    assert followed.follow() == 0
    assert len(followed.changes()) > KILLS
    assert followed.done() == followed.changes()


def test_follow__while_it_waits__acts_within_seconds_and_may_be_killed(
    followed: Followed,
) -> None:
    with followed.following() as process:
        followed.send("add_members", "b")
        deadline = time.monotonic() + 20
        while followed.done() != followed.changes() and time.monotonic() < deadline:
            time.sleep(0.1)
        assert followed.done() == followed.changes()
        process.kill()
    followed.send("remove_members", "a")
    assert followed.follow() == 0
    assert followed.done() == followed.changes()


def test_follow__from_now__acts_on_what_comes_and_knows_whom_it_left_out(
    followed: Followed,
) -> None:
    assert followed.follow("--from-now") == 0
    assert followed.done() == []
    followed.send("add_members", "b")
    followed.send("remove_members", "a")
    assert followed.follow() == 0
    assert followed.done() == followed.changes()[1:]


def test_follow__of_a_deleted_and_restored_cohort__sees_exits_and_the_new_entries(
    followed: Followed,
) -> None:
    followed.follow()
    path = f"/v1/cohorts/{followed.id}"
    assert followed.stack.call("DELETE", path, headers=_bearer()).status == 204
    assert followed.follow() == 0
    assert followed.stack.call("POST", f"{path}/restore", headers=_bearer()).status == 204
    followed.send("members", "az")
    assert followed.follow() == 0
    assert followed.done() == followed.changes()
    assert Counter(change for _, change, _ in followed.done()) == {"entered": 3, "exited": 1}


@pytest.mark.parametrize("moved", ["epoch", "position"])
def test_follow__of_a_restored_database__compares_members_and_acts_on_the_difference(
    followed: Followed, moved: str
) -> None:
    followed.send("add_members", "bc")
    followed.follow()
    before = len(followed.done())
    with sqlite3.connect(followed.database) as database:  # the gateway lost what came after
        database.execute("INSERT INTO members VALUES (?, 'lost')", [followed.id])
        if moved == "epoch":
            database.execute("UPDATE position SET epoch = 'of another history'")
        else:
            database.execute("UPDATE position SET after = after + 1")
    assert followed.follow() == 0
    assert followed.done()[before:] == [(None, "exited", "lost")]
    followed.send("add_members", "d")
    followed.follow()
    assert followed.done()[before + 1 :] == followed.changes()[3:]


def test_follow__of_a_person_who_was_erased__lets_them_go(followed: Followed) -> None:
    followed.send("add_members", "e")
    followed.follow()
    assert followed.stack.call("DELETE", "/v1/members/e", headers=_bearer()).status == 204
    followed.follow()
    assert followed.done()[-1] == (None, "exited", "e")


def test_follow__behind_what_is_kept__compares_members(followed: Followed) -> None:
    followed.send("add_members", "b")
    with followed.stack.pool() as pool, pool.begin() as conn:
        conn.execute(_PRUNE, {"id": int(followed.id)})
    assert followed.follow() == 0
    assert followed.done() == [(None, "entered", "a"), (None, "entered", "b")]


def _bearer() -> dict[str, str]:
    return {"Authorization": f"Bearer {API_KEY}"}


_PRUNE = sa.text("UPDATE apply_state SET oldest_change = 2 WHERE cohort_id = :id")
