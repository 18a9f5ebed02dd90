"""Cohorts that are no webhook's: made by the API, loaded, and waited for until all can be seen."""

from __future__ import annotations

import json
import time
from collections.abc import Collection
from typing import Any, Final

from sqlalchemy import text

from bench.subject import Subject
from tests import stack

PATIENCE_SECONDS: Final = 3600.0
_LOOK_SECONDS: Final = 0.01
_RUNNING: Final = ("queued", "reading", "applying")


def call(one: Subject, method: str, path: str, body: object = None) -> Any:  # noqa: ANN401 - JSON
    """Call the API; bytes are sent as they are. Raises RuntimeError for what is refused."""
    sent = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
    headers = {"Authorization": f"Bearer {stack.API_KEY}", "Content-Type": "application/json"}
    answer = one.stack.call(method, path, sent, headers)
    if answer.status >= 400:
        message = f"{method} {path}: {answer.status} {answer.body.decode(errors='replace')}"
        raise RuntimeError(message)
    return answer.json if answer.body else None


def make(one: Subject, **wanted: object) -> str:
    """Make a cohort and return its id; one with a definition is being loaded then."""
    return str(call(one, "POST", "/v1/cohorts", wanted)["id"])


def await_loads(one: Subject, cohort_ids: Collection[str]) -> None:
    """Wait until no load of some cohorts runs; Postgres is asked, which costs the gateway nothing.

    Raises RuntimeError unless the last load of each was applied.
    """
    end = time.monotonic() + PATIENCE_SECONDS
    while are_running(one, cohort_ids, end):
        time.sleep(_LOOK_SECONDS)
    states = _last_states(one, cohort_ids)
    if states != {"applied"}:
        found = call(one, "GET", f"/v1/cohorts/{next(iter(cohort_ids))}")
        message = f"loads ended as {sorted(states)}; {found['last_load']}"
        raise RuntimeError(message)


def are_running(one: Subject, cohort_ids: Collection[str], end: float) -> bool:
    """Tell whether a newest load of some cohorts runs. Raises RuntimeError after `end`."""
    if time.monotonic() > end:
        message = f"loads still run after {PATIENCE_SECONDS} s"
        raise RuntimeError(message)
    return not _last_states(one, cohort_ids).isdisjoint(_RUNNING)


def _last_states(one: Subject, cohort_ids: Collection[str]) -> set[str]:
    """Return the states of the newest load of each of some cohorts."""
    with one.pool.read() as conn:
        return set(conn.execute(_STATES, {"ids": [int(each) for each in cohort_ids]}).scalars())


def require(one: Subject, cohort_id: str, *, members: int, last: str) -> None:
    """Raise RuntimeError unless a cohort has so many members, and this one: all can be seen."""
    call(one, "GET", f"/v1/cohorts/{cohort_id}/members/{last}")
    found = call(one, "GET", f"/v1/cohorts/{cohort_id}")["member_count"]
    if found != members:
        message = f"cohort {cohort_id}: {found} members instead of {members}"
        raise RuntimeError(message)


_STATES = text("""
    SELECT DISTINCT ON (cohort_id) state FROM loads WHERE cohort_id = ANY(:ids)
    ORDER BY cohort_id, number DESC
""")
