"""`python -m bench.console`: how long each page of the console takes beside a list of the API.

There are ten thousand cohorts and one of a million members. Each page and `GET /v1/cohorts` are
asked for in turn on one connection. Statements are counted in an application of this process, on
the same database.
"""

from __future__ import annotations

import contextlib
import datetime
import http.client
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from http import HTTPStatus
from pathlib import Path
from typing import Final

import click
import structlog
from flask import Flask
from sqlalchemy import text

from bench import cohorts, destination, payload, report, subject
from bench.subject import Subject, sync
from gateway.flows.access import sign_in
from gateway.handlers.http import deps
from tests import stack, statements
from tests.http.world import Clock, make_app

BASELINE: Final = "/v1/cohorts"
COOKIE: Final = "gateway_console"
ASKED_TIMES, ASKED_STATEMENTS = 4, 5
# `large` has all members, `list` a load, `rule` a definition, `query` one of a database.
PAGES: Final = (
    "",
    "/cohorts",
    "/cohorts?q=one",
    "/deleted-cohorts",
    "/cohorts/{large}",
    "/cohorts/{large}?id=a&span=year",
    "/cohorts/{large}/changes",
    "/cohorts/{large}/syncs",
    "/cohorts/{large}/loads",
    "/cohorts/{large}/settings",
    "/cohorts/{large}/sync-jobs",
    "/cohorts/{large}/why",
    "/cohorts/{large}/members/{member}",
    "/cohorts/{large}/members/{member}/history",
    "/cohorts/{list}/loads",
    "/cohorts/{query}/query",
    "/cohorts/{rule}/rule",
    "/loads/{load}",
    "/new-cohort",
    "/new-cohort/lists",
    "/people",
    "/people/{member}",
    "/people/{member}/cohorts",
    "/events",
    "/rules",
    "/rules/offers/cohorts",
    "/sources",
    "/sources/default",
    "/new-source",
    "/new-source/postgresql",
    "/destinations",
    "/destinations/bench",
    "/new-destination",
    "/new-destination/http",
    "/sync-jobs",
    "/sync-jobs/{job}",
    "/sync-jobs/{job}/settings",
    "/new-sync-job",
    "/new-sync-job/{large}",
    "/deliveries",
    "/keys",
    "/activity",
)


@click.command()
@click.option("--members", default=1_000_000, show_default=True, help="Of the large cohort.")
@click.option("--cohorts", "count", default=10_000, show_default=True, help="Beside that one.")
@click.option("--runs", default=40, show_default=True, help="How often each page is asked for.")
@click.option("--write/--print-only", default=True, help="Renew docs/performance.md.")
def main(members: int, count: int, runs: int, *, write: bool) -> None:
    """Ask for every page, again and again."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    with tempfile.TemporaryDirectory() as folder, subject.running(Path(folder)) as one:
        names = _fill(one, members, count)
        session = sign_in.sign_in(one.pool, stack.API_KEY, now=_now())
        paths = {page: f"/console{page.format_map(names)}" for page in PAGES}
        taken = _ask(one, session, [BASELINE, *paths.values()], runs)
        sent = _count_statements(one, session, paths)
        circumstances = report.circumstances(one.pool)
    pages = {page: taken[path] for page, path in paths.items()}
    size = f"{count:,} cohorts and one of {members:,} members"
    words = (
        f"{circumstances}; {size}, each page {runs} times.\n\n"
        f"{describe(taken[BASELINE], pages, sent)}"
    )
    click.echo(words)
    if write:
        report.write("console", words)


def _fill(one: Subject, members: int, count: int) -> Mapping[str, str]:
    """Make what the pages show; returns the ids that stand in their paths."""
    pages = payload.crowd(range(members))
    one.post(payload.bodies(sync("large", "1", "add_members"), pages))
    one.settle()
    with one.pool.begin() as conn:
        conn.execute(_COHORTS, {"count": count, "now": _now()})
    names = {"large": one.stack.cohort("large")["id"], "member": payload.member_id(0)}
    made = cohorts.make(one, source="lists", name="a list")
    load = cohorts.call(one, "POST", f"/v1/cohorts/{made}/loads", payload.table(range(1000)))
    cohorts.await_loads(one, [made])
    names |= {"list": made, "load": load["id"], "query": _query(one), "rule": _rule(one)}
    return names | {"job": _job(one, names["large"])}


def _rule(one: Subject) -> str:
    event = {"person_id": payload.member_id(0), "event": "view", "properties": {"amount": 1}}
    cohorts.call(one, "POST", "/v1/events", {"events": [event]})
    definition = {"rule": {"did": {"event": "view"}}}
    return cohorts.make(one, source="people", name="a rule", definition=definition)


def _query(one: Subject) -> str:
    """Make a cohort of a database that cannot be reached; its page is the same."""
    config = {"host": "customer.invalid", "port": 5432, "database": "shop", "user": "reader"}
    wanted = {"slug": "customer", "kind": "postgresql", "config": config}
    cohorts.call(one, "POST", "/v1/sources", wanted | {"secrets": {"password": "-"}})
    definition = {"query": "SELECT id FROM people", "member_id": "id"}
    return cohorts.make(one, source="customer", name="a query", definition=definition)


def _job(one: Subject, cohort_id: str) -> str:
    """Keep a cohort at a destination that is paused, so that nothing is sent."""
    config = {**destination.DECLARED, "endpoint": "https://destination.invalid"}
    wanted = {"slug": "bench", "kind": "http", "config": config}
    cohorts.call(one, "POST", "/v1/destinations", wanted)
    cohorts.call(one, "PATCH", "/v1/destinations/bench", {"paused": True})
    job = {"cohort_id": cohort_id, "destination": "bench", "frequency": "1d"}
    made = cohorts.call(one, "POST", "/v1/sync-jobs", job | {"mapping": destination.MAPPING})
    return str(made["id"])


def _ask(
    one: Subject, session: str, paths: Sequence[str], runs: int
) -> Mapping[str, Sequence[float]]:
    """Ask for each path in turn; returns the seconds of each answer."""
    taken: dict[str, list[float]] = {path: [] for path in paths}
    headers = {"Authorization": f"Bearer {stack.API_KEY}", "Cookie": f"{COOKIE}={session}"}
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", one.stack.port)) as line:
        for turn in range(runs + 1):
            for path in paths:
                began = time.perf_counter()
                line.request("GET", path, headers=headers)
                answer = line.getresponse()
                answer.read()
                if answer.status != HTTPStatus.OK:
                    message = f"{path}: {answer.status}"
                    raise RuntimeError(message)
                if turn:  # the first one makes templates and plans
                    taken[path].append(time.perf_counter() - began)
    return taken


def _count_statements(one: Subject, session: str, paths: Mapping[str, str]) -> Mapping[str, int]:
    """Return how many statements each page costs."""
    with _application(one) as made:
        given: deps.Deps = made.extensions[deps.EXTENSION]
        visitor, counted = made.test_client(), {}
        visitor.set_cookie(COOKIE, session)
        for page, path in paths.items():
            sent: list[str] = []
            with statements.noted(given.reading.engine, sent.append):
                answer = visitor.get(path)
            if answer.status_code != HTTPStatus.OK:
                message = f"{path}: {answer.status_code}"
                raise RuntimeError(message)
            counted[page] = len(sent)
    return counted


@contextlib.contextmanager
def _application(one: Subject) -> Iterator[Flask]:
    """Make the application once more, on the database of the one that runs."""
    clock = Clock()
    clock.now = _now()
    made = make_app(one.pool.engine.url.render_as_string(hide_password=False), clock)
    yield made
    given: deps.Deps = made.extensions[deps.EXTENSION]
    for pool in (given.reading, given.accepting):
        pool.close()


def describe(
    baseline: Iterable[float], pages: Mapping[str, Sequence[float]], sent: Mapping[str, int]
) -> str:
    """Put each page beside the list of the API."""
    beside = report.percentile(baseline, 95)
    rows = [[f"`GET {BASELINE}`", report.milliseconds(beside), "1.00", ""]]
    rows += [
        [
            f"`/console{page}`",
            report.milliseconds(report.percentile(seconds, 95)),
            report.share(report.percentile(seconds, 95) / beside),
            f"{sent[page]}",
        ]
        for page, seconds in pages.items()
    ]
    rows.append(["asked, at most", "", report.share(ASKED_TIMES), f"{ASKED_STATEMENTS}"])
    columns = ("page", "p95", "of that list", "statements")
    return report.Table(name="console", columns=columns, rows=rows).markdown()


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)


_COHORTS = text("""
    WITH made AS (
        INSERT INTO cohorts (source_id, project_id, external_id, key, name, created_at, updated_at)
        SELECT s.id, '', 'one-' || n, decode(md5('one-' || n), 'hex'), 'Cohort one-' || n, :now,
               :now
        FROM sources s, generate_series(1, :count) n WHERE s.slug = 'default' RETURNING id),
    counted AS (INSERT INTO intake_state (cohort_id) SELECT id FROM made)
    INSERT INTO apply_state (cohort_id, updated_at) SELECT id, :now FROM made
""")


if __name__ == "__main__":
    main()
