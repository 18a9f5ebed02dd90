"""Whole cohorts as NDJSON and CSV."""

from __future__ import annotations

import contextlib
import csv
import http.client
import io
import json
import time
from typing import Any

import pytest
from sqlalchemy import text

from gateway import errors
from gateway.flows.cohorts.export import Export, Exporter
from gateway.flows.cohorts.lookup import Tagged
from gateway.flows.cohorts.read_routing import ReadRouter
from gateway.handlers.http import deps
from gateway.store.db.engine import Pool
from tests.http.serving import Web
from tests.http.test_api_members import ODD_IDS
from tests.http.world import Answer, World

NDJSON = "application/x-ndjson"
CSV = "text/csv"
FIELDS = [
    "member_id",
    "distinct_id",
    "email",
    "first_name",
    "last_name",
    "phone",
    "properties",
    "entered_at",
]

TRICKY = {
    "mixpanel_distinct_id": "tricky",
    "email": '"x",\n\r\n\\.\t',
    "first_name": "",
    "last_name": "\\N",
    "phone": "\\.",
    "brace": "}\x01{",
    "quote": '}\x01"',
    "text": 'a"b\\"c\\\\d\x02\n',
    "nested": {"a": [{}, [], None, 1.5, "}"]},
    "big": 123456789012345678901234567890,
}


def stream(world: World, cohort_id: str, accept: str, method: str = "GET") -> Answer:
    path = f"/v1/cohorts/{cohort_id}/members"
    return world.call(method, path, headers={"Accept": accept})


def opened_by(found: Tagged[Export]) -> Export:
    assert found.answer is not None
    return found.answer


def test_ndjson__of_any_members__is_the_members_of_the_list(world: World) -> None:
    cohort_id = world.fill([*ODD_IDS, TRICKY])
    answer = stream(world, cohort_id, NDJSON)
    assert answer.status_code == 200
    assert answer.mimetype == NDJSON
    lines = answer.get_data().decode().split("\n")
    assert lines.pop() == ""
    listed = world.get(f"/v1/cohorts/{cohort_id}/members", limit=1000)["members"]
    assert [json.loads(line) for line in lines] == listed
    assert list(json.loads(lines[0])) == FIELDS


def test_csv__of_any_members__is_the_members_of_the_list(world: World) -> None:
    cohort_id = world.fill([*ODD_IDS, TRICKY])
    answer = stream(world, cohort_id, CSV)
    assert answer.status_code == 200
    assert answer.mimetype == CSV
    header, *rows = csv.reader(io.StringIO(answer.get_data().decode(), newline=""))
    assert header == FIELDS
    listed = world.get(f"/v1/cohorts/{cohort_id}/members", limit=1000)["members"]
    assert [_from_csv(row) for row in rows] == [
        {name: value or "" if name in FIELDS[:6] else value for name, value in one.items()}
        for one in listed
    ]


def _from_csv(row: list[str]) -> dict[str, Any]:
    named: dict[str, Any] = dict(zip(FIELDS, row, strict=True))
    return named | {"properties": json.loads(named["properties"])}


def test_stream__of_nobody__is_empty_or_a_header(world: World) -> None:
    world.post("add_members", [])
    cohort_id = world.cohort_id()
    assert stream(world, cohort_id, NDJSON).data == b""
    assert stream(world, cohort_id, CSV).data.decode() == ",".join(FIELDS) + "\n"


@pytest.mark.parametrize(("accept", "ending"), [(NDJSON, "ndjson"), (CSV, "csv")])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_stream__of_any_form__names_a_file_and_its_moment(
    world: World, accept: str, ending: str, method: str
) -> None:
    world.post("add_members", [])
    cohort_id = world.cohort_id()
    for people, last_seq in (([], "0"), (["a", "b"], "2"), (["b"], "3")):
        world.post("members", people, session=f"of {len(people)}: {last_seq}")
        world.apply()
        head = stream(world, cohort_id, accept, method).headers
        assert head["X-Last-Seq"] == last_seq
        assert head["Content-Disposition"] == f'attachment; filename="cohort-{cohort_id}.{ending}"'
    assert "X-Last-Seq" not in stream(world, cohort_id, "application/json").headers


def test_stream__of_no_cohort__is_a_404_problem(world: World) -> None:
    for accept in (NDJSON, CSV):
        answer = stream(world, "999", accept)
        assert answer.status_code == 404
        assert answer.content_type == "application/problem+json"


def test_stream__after_head__has_no_body_and_gives_its_connection_back(world: World) -> None:
    cohort_id = world.fill(["a"])
    for _ in range(20):  # more than the pool has connections
        answer = stream(world, cohort_id, NDJSON, "HEAD")
        assert (answer.status_code, answer.data) == (200, b"")


@pytest.mark.parametrize(
    ("accept", "mimetype"),
    [
        ("", "application/json"),
        ("*/*", "application/json"),
        ("application/json, text/csv", "application/json"),
        ("text/html", "application/json"),
        ("application/json;q=0.5, text/csv", CSV),
        (f"{NDJSON};q=0.9, text/csv;q=0.1", NDJSON),
        ("text/*", CSV),
        ("text/csv; charset=utf-8", CSV),
        ("Text/CSV;header=present;q=0.4, application/json;q=0.3", CSV),
        (f"{NDJSON}; charset=utf-8", NDJSON),
        (f"text/csv;charset=utf-8;q=0, {NDJSON};q=0.1", NDJSON),
        ('application/json; profile="a,b;c", text/csv;q=0.2', "application/json"),
        (";;,=;q=x", "application/json"),
    ],
)
def test_accept__of_members__picks_the_form(world: World, accept: str, mimetype: str) -> None:
    cohort_id = world.fill(["a"])
    assert stream(world, cohort_id, accept).mimetype == mimetype


def test_export__while_members_change__is_of_one_moment(world: World) -> None:
    people = [f"p-{number}" for number in range(3000)]
    cohort_id = world.fill(people)
    chunks: list[bytes] = []
    exporter = Exporter(ReadRouter(world.pool), at_once=1)
    with opened_by(exporter.ndjson(int(cohort_id))) as opened:
        world.post("members", ["someone-else"], session="s2")
        world.apply()
        opened.send(chunks.append)
        assert opened.last_seq == len(people)
    seen = [json.loads(line)["member_id"] for line in b"".join(chunks).splitlines()]
    assert sorted(seen) == sorted(people)
    assert world.members(cohort_id) == ["someone-else"]


def test_export__writer_fails__raises_it_and_the_pool_goes_on(
    world: World, database_url: str
) -> None:
    cohort_id = world.fill([f"p-{number}" for number in range(5000)])
    pool = Pool(database_url, name="test", size=1, limit_seconds=5)

    def broken(_chunk: bytes) -> None:
        raise BrokenPipeError

    exporter = Exporter(ReadRouter(pool), at_once=1)
    for _ in range(3):
        with pytest.raises(BrokenPipeError), opened_by(exporter.ndjson(int(cohort_id))) as opened:
            opened.send(broken)
    with pool.read() as conn:
        assert conn.execute(text("SELECT 1")).scalar_one() == 1
    pool.close()


def test_export__database_ends_it__is_unavailable_and_the_pool_goes_on(
    world: World, database_url: str
) -> None:
    big = [{"mixpanel_distinct_id": f"p-{n}", "x": "y" * 1400} for n in range(9999)]
    cohort_id = int(world.fill(big))
    pool = Pool(database_url, name="ended", size=1, limit_seconds=5)

    def end_it(_chunk: bytes) -> None:
        with world.pool.begin() as conn:
            conn.execute(_END_STREAMS, {"name": "gateway-ended"})

    exporter = Exporter(ReadRouter(pool), at_once=1)
    with pytest.raises(errors.Unavailable), opened_by(exporter.ndjson(cohort_id)) as opened:
        opened.send(end_it)
    opened_by(exporter.csv(cohort_id)).close()
    with pool.read() as conn:
        assert conn.execute(text("SELECT 1")).scalar_one() == 1
    pool.close()


def test_stream__asked_for_with_any_tag__keeps_no_connection(world: World) -> None:
    cohort_id = world.fill(["a"])
    for _ in range(20):  # more than the pool has connections
        headers = {"Accept": CSV, "If-None-Match": "*"}
        answer = world.call("GET", f"/v1/cohorts/{cohort_id}/members", headers=headers)
        assert (answer.status_code, answer.data) == (304, b"")


def test_export__never_entered__gives_its_connection_back(world: World, database_url: str) -> None:
    cohort_id = int(world.fill(["a"]))
    pool = Pool(database_url, name="test", size=1, limit_seconds=5)
    exporter = Exporter(ReadRouter(pool), at_once=1)
    for _ in range(3):
        opened_by(exporter.csv(cohort_id)).close()
        with pytest.raises(errors.NotFound):
            exporter.csv(10**9)
    with pool.read() as conn:
        assert conn.execute(text("SELECT 1")).scalar_one() == 1
    pool.close()


def test_stream__while_too_many_are_open__is_429_and_lists_go_on(world: World) -> None:
    cohort_id = world.fill(["a"])
    given: deps.Deps = world.app.extensions[deps.EXTENSION]
    with contextlib.ExitStack() as opened:
        for _ in range(given.settings.web_threads // 2):
            opened.enter_context(opened_by(given.exporter.csv(int(cohort_id))))
        answer = stream(world, cohort_id, CSV)
        assert answer.status_code == 429
        assert int(answer.headers["Retry-After"]) > 0
        assert world.members(cohort_id) == ["a"]
    assert stream(world, cohort_id, CSV).status_code == 200


def test_stream__database_dies_midway__ends_without_the_last_chunk(world: World, web: Web) -> None:
    cohort_id = world.fill(
        [{"mixpanel_distinct_id": f"p-{n}", "x": "y" * 1400} for n in range(9999)]
    )
    client, answer = web.open(f"/v1/cohorts/{cohort_id}/members", accept=NDJSON)
    assert answer.status == 200
    answer.read(1000)
    with world.pool.begin() as conn:
        parameters = {"name": "gateway-read"}
        assert conn.execute(_END_STREAMS, parameters).scalars().all() == [True]
    with pytest.raises((http.client.IncompleteRead, ConnectionError)):
        answer.read()
    client.close()


def test_stream__reader_goes_away_midway__makes_room_for_others(world: World, web: Web) -> None:
    big = [{"mixpanel_distinct_id": f"p-{n}", "x": "y" * 1400} for n in range(9999)]
    path = f"/v1/cohorts/{world.fill(big)}/members"
    for _ in range(12):  # more than there are threads
        client, answer = web.open(path, accept=NDJSON)
        answer.read(1000)
        client.close()
        end = time.monotonic() + 10
        while _streams(world):
            assert time.monotonic() < end
            time.sleep(0.02)
    client, answer = web.open(path, accept=NDJSON)
    assert sum(1 for _ in answer) == len(big)
    client.close()


def _streams(world: World) -> int:
    with world.pool.read() as conn:
        return int(conn.execute(_COUNT_STREAMS).scalar_one())


def test_stream__of_a_hundred_megabytes__stays_small(world: World, web: Web) -> None:
    cohort_id = world.fill(["a"])
    with world.pool.begin() as conn:
        conn.execute(_MANY_MEMBERS, {"cohort_id": int(cohort_id)})
    for accept, lines in ((NDJSON, 60_001), (CSV, 60_002)):
        client, answer = web.open(f"/v1/cohorts/{cohort_id}/members", accept=accept)
        assert sum(1 for _ in answer) == lines
        client.close()
    assert web.peak_megabytes() < 150


_COUNT_STREAMS = text("""
    SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND application_name = 'gateway-read'
      AND state = 'active' AND query LIKE '%COPY%'
""")

_END_STREAMS = text("""
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND application_name = :name
      AND state = 'active' AND query LIKE '%COPY%'
""")

_MANY_MEMBERS = text("""
    INSERT INTO memberships (cohort_id, member_id, session, entered_at, properties)
    SELECT :cohort_id, 'user-' || number, 1, now(), jsonb_build_object('text', repeat('x', 1700))
    FROM generate_series(1, 60000) number
""")
