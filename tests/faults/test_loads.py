"""Web processes and loaders die, and Postgres is restarted, while files become lists."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterable, Iterator
from typing import Any

import pytest
from sqlalchemy import text

from tests.faults import ends
from tests.faults.api import Api, Said
from tests.faults.installation import LOADER as COMMAND
from tests.faults.parts import Part
from tests.faults.points import LOADER, SPOOLS, STOP, WORDS
from tests.faults.report import Row
from tests.faults.trial import Bench
from tests.stack import until

MANY = 150_000
# A lease runs out after 30 s, and a loader looks every 5; then the file is read from the start.
PATIENCE_SECONDS = 120.0
QUICK = "loader.has-read"


@pytest.fixture
def loaders(bench: Bench) -> Iterator[list[Part]]:
    """Lend two loaders."""
    second = bench.installation.add("second loader", COMMAND)
    yield [bench.installation.loader, second]
    bench.installation.heal()
    bench.installation.remove(second)


def named(name: str, count: int) -> list[str]:
    return [f"{name}-{number}" for number in range(count)]


def file_of(ids: Iterable[str]) -> bytes:
    lines = [f"{one},{one}@example.com" for one in ids]
    return "\n".join(["id,email", *lines, ""]).encode()


def post(api: Api, cohort: str, ids: Iterable[str], query: str = "") -> str:
    """Post a file; returns the id of its load."""
    path = f"/v1/cohorts/{cohort}/loads{query}"
    return str(api.insist("POST", path, file_of(ids))["id"])


def run_out(bench: Bench) -> None:
    """Let the leases of the dead run out before their time."""
    bench.execute("UPDATE leases SET leased_until = statement_timestamp() WHERE kind = 'load'")


def require(api: Api, cohort: str, expected: Iterable[str], row: Row) -> None:
    """See that a list has these members, by changes that each came once."""
    row.take(ends.history(api.members(cohort), api.changes(cohort), set(expected)))
    assert row.differences == []


def end(parts: Iterable[Part]) -> None:
    """SIGKILL parts that are not to be started again."""
    for part in parts:
        part.hold()
        part.kill()
        part.await_dead()


@pytest.mark.timeout(240)
@pytest.mark.parametrize(
    "point", [one if one == QUICK else pytest.param(one, marks=pytest.mark.long) for one in LOADER]
)
def test_loader__killed_at_a_step_of_reading_a_file__is_taken_over_by_another(
    bench: Bench, api: Api, loaders: list[Part], row: Row, point: str
) -> None:
    row.name, row.kills = f"SIGKILL of a {WORDS[point]} (a file)", 1
    cohort, ids, points = api.list_of("old", "older"), named("new", 300), bench.installation.points
    for part in loaders:
        part.hold()
    points.arm(point)
    load = post(api, cohort, ids)
    until(lambda: points.fired(point) is not None, PATIENCE_SECONDS)
    until(lambda: sum(part.is_running() for part in loaders) == 1)
    if point != "loader.after-commit":
        assert sorted(api.members(cohort)) == ["old", "older"]
    run_out(bench)
    done = api.await_state(load, "applied", "failed")
    assert (done["state"], done["entered"], done["exited"]) == ("applied", 300, 2)
    require(api, cohort, ids, row)


@pytest.mark.long
@pytest.mark.timeout(240)
@pytest.mark.usefixtures("loaders")
def test_loader__frozen_while_it_reads__changes_nothing_when_it_is_revived(
    bench: Bench, api: Api, row: Row
) -> None:
    point = "loader.mid-read"
    row.name = f"SIGSTOP of a {WORDS[point]}, then SIGCONT (a file)"
    cohort, ids, points = api.list_of("old"), named("new", 300), bench.installation.points
    points.arm(point, STOP)
    load = post(api, cohort, ids)
    until(lambda: points.fired(point) is not None, PATIENCE_SECONDS)
    fired = points.fired(point)
    assert fired is not None
    run_out(bench)
    done = api.await_state(load, "applied", "failed")
    assert (done["state"], done["entered"]) == ("applied", 300)
    log = bench.installation.log_of(bench.installation.part_of(fired.pid))
    os.kill(fired.pid, signal.SIGCONT)
    until(lambda: "load.lost" in log.read_text() or "lease.lost" in log.read_text())
    require(api, cohort, ids, row)
    row.notes.append("the revived one changed nothing")


@pytest.mark.timeout(240)
def test_web_process__killed_while_it_stores_a_file__has_it_sent_again(
    bench: Bench, api: Api, row: Row
) -> None:
    row.name, row.kills = f"SIGKILL of a {WORDS[SPOOLS]}", 2
    cohort, ids = api.list_of("old"), named("new", 300)
    points, file = bench.installation.points, file_of(ids)
    upload = api.insist("POST", "/v1/uploads", {"name": "people.csv"})["id"]
    for number, part in enumerate((file[:2000], file[2000:]), start=1):
        points.arm(SPOOLS)
        api.insist("PUT", f"/v1/uploads/{upload}/parts/{number}", part)
        assert points.fired(SPOOLS) is not None
    load = api.insist("POST", f"/v1/cohorts/{cohort}/loads?upload={upload}")["id"]
    assert api.await_state(load, "applied", "failed")["state"] == "applied"
    require(api, cohort, ids, row)


@pytest.mark.long
@pytest.mark.timeout(240)
def test_files__two_at_once_and_a_loader_killed__are_one_of_them_whole(
    bench: Bench, api: Api, row: Row
) -> None:
    row.name, row.kills = "two files for one list at once, and the loader killed", 1
    cohort, points = api.list_of("old"), bench.installation.points
    files = {name: named(name, 400) for name in ("a", "b")}
    said: dict[str, Said] = {}

    def send(name: str) -> None:
        path = f"/v1/cohorts/{cohort}/loads"
        said[name] = api.ask("POST", path, file_of(files[name]))

    points.arm("loader.mid-read")
    threads = [threading.Thread(target=send, args=(name,)) for name in files]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(one.status for one in said.values()) == [202, 409]
    (taken,) = [name for name, one in said.items() if one.status == 202]
    until(lambda: points.fired("loader.mid-read") is not None, PATIENCE_SECONDS)
    run_out(bench)
    done = api.await_state(str(said[taken].document["id"]), "applied", "failed")
    assert done["state"] == "applied"
    require(api, cohort, files[taken], row)
    row.notes.append("one was read, and the other told 409")


@pytest.mark.long
@pytest.mark.timeout(240)
def test_load__approved_after_newer_members_came__keeps_them(
    bench: Bench, api: Api, row: Row
) -> None:
    row.name = "a load approved after newer members came, and everything killed on the way"
    cohort, ids, here = api.list_of(*named("old", 200)), named("new", 10), bench.installation
    load = post(api, cohort, ids)
    waits = api.await_state(load, "needs_approval", "applied", "failed")
    assert (waits["approval"], waits["would_exit"]) == ("shrink", 200)
    api.edit(cohort, add=("newer", "old-1"))
    for part in (here.loader, *here.workers):
        part.kill()
        row.kills += 1
    # Whichever lives applies this: a worker that was started again, or the scheduler.
    api.insist("POST", f"/v1/loads/{load}/approve")
    assert api.await_state(load, "applied", "failed")["state"] == "applied"
    require(api, cohort, [*ids, "newer", "old-1"], row)


@pytest.mark.long
@pytest.mark.timeout(300)
def test_load__canceled_in_each_state__changes_nobody_or_is_told_to_be_too_late(
    bench: Bench, api: Api, row: Row
) -> None:
    row.name, here = "a load canceled in each state, between kills", bench.installation
    cohort, before = api.list_of("old", "older"), ["old", "older"]
    end([here.loader])
    cancel(api, post(api, cohort, named("queued", 50)))
    here.points.arm("loader.mid-read", STOP)
    here.loader.release()
    load = post(api, cohort, named("read", 50))
    until(lambda: here.points.fired("loader.mid-read") is not None, PATIENCE_SECONDS)
    cancel(api, load)
    here.loader.send(signal.SIGCONT)
    load = post(api, cohort, named("held", 50), "?review=true")
    assert api.await_state(load, "needs_approval", "applied")["state"] == "needs_approval"
    here.loader.kill()
    cancel(api, load)
    require(api, cohort, before, row)
    appliers = [*here.workers, here.scheduler]
    end(appliers)
    ids = named("late", 50)
    load = post(api, cohort, ids)
    api.await_state(load, "applying")
    assert refusal(api, load) == "wrong_state"
    for part in appliers:
        part.release()
    api.await_state(load, "applied")
    assert refusal(api, load) == "wrong_state"
    row.kills = 2 + len(appliers)
    require(api, cohort, ids, row)


def cancel(api: Api, load: str) -> None:
    api.insist("POST", f"/v1/loads/{load}/cancel")
    assert api.load(load)["state"] == "canceled"


def refusal(api: Api, load: str) -> Any:  # noqa: ANN401 - JSON
    """Cancel what cannot be canceled any more; returns the code of the answer."""
    said = api.ask("POST", f"/v1/loads/{load}/cancel")
    assert said.status == 409
    return said.document["code"]


@pytest.mark.long
@pytest.mark.timeout(400)
@pytest.mark.parametrize("part", ["loader", "postgres"])
def test_large_file__interrupted_while_it_is_read__is_read_again(
    bench: Bench, api: Api, row: Row, part: str
) -> None:
    here = bench.installation
    how, words = {
        "loader": (signal.SIGKILL, "SIGKILL of the loader"),
        "postgres": (signal.SIGQUIT, "restart of Postgres"),
    }[part]
    row.name = f"{words} in the middle of a file of {MANY:,} rows"
    cohort, ids = api.list_of(), named("user", MANY)
    load = post(api, cohort, ids)
    until(lambda: staged(bench, cohort) >= 2, PATIENCE_SECONDS)
    victim = here.loader if part == "loader" else here.postgres
    starts = victim.starts
    victim.send(how)
    row.kills = int(how is signal.SIGKILL)
    victim.await_running(starts + 1)
    until(here.is_ready)
    # The lease runs out by itself.
    until(lambda: api.load(load)["state"] not in ("queued", "reading", "applying"), 240)
    done = api.load(load)
    assert (done["state"], done["entered"]) == ("applied", MANY)
    found = api.cohort(cohort)
    assert (found["member_count"], done["last_seq"]) == (MANY, MANY)
    assert staged(bench, cohort) == 0


def staged(bench: Bench, cohort: str) -> int:
    """Count the staged pages of a cohort."""
    with bench.pool.read() as conn:
        return int(conn.execute(_STAGED, {"id": int(cohort)}).scalar_one())


_STAGED = text("SELECT count(*) FROM deliveries WHERE number < 0 AND cohort_id = :id")
