"""Indexes of hot properties: built beside events that come in, used by rules, and dropped."""

from __future__ import annotations

import datetime
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import text

from gateway import errors
from gateway.core.access.actor import GATEWAY
from gateway.core.behaviour import parse
from gateway.flows.behaviour import indexing
from gateway.store.behaviour import indexes, members
from gateway.store.behaviour.compile import Asked
from gateway.store.db.engine import Pool
from gateway.store.people import months
from tests.flows.behaving import Behaving
from tests.model.rules import Event, Facts

NOW = datetime.datetime(2026, 11, 29, 12, tzinfo=datetime.UTC)
# Which a key of an index tells apart, or not: each is the brand of a person.
BRANDS: dict[str, Any] = {
    "acme": "Acme",
    "listed": ["Brent", "Acme"],
    "within": [["Acme"]],
    "object": {"Acme": 1},
    "null": None,
    "long": "Acme" * 200,
    "one": 1,
    "one.0": 1.0,
    "many": 10**300,
    "two": 2,
    "numbers": [5, "x"],
    "true": True,
    "quoted": 'it\'s 100% \\ "so"',
    "blank": "",
}
VALUES: list[tuple[str, Any]] = [
    ("eq", "Acme"),
    ("eq", "Acme" * 200),
    ("eq", 1),
    ("eq", 10**300),
    ("eq", True),
    ("eq", 'it\'s 100% \\ "so"'),
    ("eq", ""),
    ("in", ["Acme", 2, True]),
    ("gt", 1),
    ("gte", 1),
    ("lt", 2),
    ("lte", 1),
    ("between", [1, 2]),
    ("is_true", None),
    ("is_false", None),
    ("ne", "Acme"),
    ("contains", "cm"),
    ("exists", None),
]


def rule(op: str, value: object = None, **more: object) -> dict[str, Any]:
    cond = {"property": "brand", "op": op} | ({} if value is None else {"value": value})
    return {"did": {"event": "buy", "where": [cond], **more}}


@pytest.fixture
def people(pool: Pool) -> Iterator[Behaving]:
    """Fill a source with people of which each has bought another brand."""
    events = [
        Event(person, "buy", NOW - datetime.timedelta(days=1 + 40 * (number % 3)), {"brand": brand})
        for number, (person, brand) in enumerate(BRANDS.items())
    ]
    events.append(Event("nobody", "buy", NOW, {}))
    yield Behaving(pool, Facts(people={}, events=events, cohorts={}, as_of=NOW))
    for one in indexing.listing(pool, "people"):
        indexing.request_drop(pool, "people", one.name, one.path[0], now=NOW, actor=GATEWAY)
    tend(pool)
    assert index_names(pool) == []


def tend(pool: Pool) -> bool:
    return indexing.tend(pool, pool, now=lambda: NOW, every_seconds=0.0)


def request(pool: Pool, path: str = "brand", name: str = "buy") -> indexes.Index:
    return indexing.request(pool, "people", name, path, now=NOW, actor=GATEWAY)


def find(pool: Pool) -> indexes.Index:
    return indexing.find(pool, "people", "buy", "brand")


def index_names(pool: Pool) -> list[str]:
    with pool.read() as conn:
        return list(conn.execute(_NAMES).scalars())


def used(people: Behaving, sent: dict[str, Any]) -> int:
    """Count how often a rule looks into indexes of properties."""
    definition = parse.definition({"rule": sent})
    assert people.source_id is not None
    with people.pool.begin() as conn:
        indexed = indexes.ready(conn, people.source_id)
        asked = Asked(source_id=people.source_id, as_of=NOW, indexed=indexed)
        before = int(conn.execute(_SCANS).scalar_one())
        members.held(conn, definition, asked)
        return int(conn.execute(_SCANS).scalar_one()) - before


def grow(people: Behaving) -> None:
    with people.pool.begin() as conn:
        conn.execute(_GROW, {"source_id": people.source_id, "now": NOW})


@pytest.mark.parametrize(("op", "value"), VALUES, ids=lambda one: str(one)[:20])
def test_rule__with_an_index__finds_the_same_people(people: Behaving, op: str, value: Any) -> None:  # noqa: ANN401 - JSON
    before = people.members(rule(op, value))
    request(people.pool)
    assert people.members(rule(op, value)) == before
    assert tend(people.pool)
    assert find(people.pool).state == "ready"
    assert people.members(rule(op, value)) == before


def test_rules__with_an_index__are_found_by_it(people: Behaving, pool: Pool) -> None:
    grow(people)
    sent = {op: rule(op, value) for op, value in VALUES}
    assert used(people, sent["eq"]) == 0
    request(pool)
    tend(pool)
    found = {op for op, one in sent.items() if used(people, one)}
    assert {"eq", "in", "is_true"} <= found
    assert used(people, rule("gt", 10**9))
    assert used(
        people, rule("eq", "brand-77", when={"within": "7d"}, count={"op": "gt", "value": 0})
    )
    assert not found & {"ne", "contains", "exists"}


def test_index__of_months_made_later__is_built_on_them_too(people: Behaving, pool: Pool) -> None:
    request(pool)
    tend(pool)
    later, there = datetime.date(2031, 5, 1), index_names(pool)
    with pool.begin() as conn:
        months.create(conn, later)
    try:
        tend(pool)
        assert set(index_names(pool)) - set(there) == {
            there[0].replace(there[0][:14], "events_2031_05")
        }
        assert find(pool).state == "ready"
        assert people.members(rule("eq", "Acme")) == {"acme", "listed"}
    finally:
        with pool.begin() as conn:
            months.drop(conn, later)


def test_index__of_which_the_builder_is_killed__is_built_by_the_next(
    people: Behaving, pool: Pool
) -> None:
    """What is left of it is not valid, and rules do without."""
    request(pool)
    raised: list[errors.GatewayError] = []

    def build() -> None:
        try:
            tend(pool)
        except errors.Unavailable as error:
            raised.append(error)

    with pool.begin() as holder:
        holder.execute(text("LOCK TABLE events IN ROW EXCLUSIVE MODE"))
        builder = threading.Thread(target=build)
        builder.start()
        while not _busy(pool):
            pass
        with pool.read() as conn:
            conn.execute(_KILL)
        builder.join()
    assert raised
    with pool.read() as conn:
        assert [one.is_valid for one in indexes.pieces(conn) if one.is_there] == [False]
    assert find(pool).state == "building"
    assert people.members(rule("eq", "Acme")) == {"acme", "listed"}
    tend(pool)
    assert find(pool).state == "ready"
    with pool.read() as conn:
        assert indexes.pieces(conn) == []
    assert people.members(rule("eq", "Acme")) == {"acme", "listed"}


def test_index__while_another_process_builds_it__is_left_alone(
    people: Behaving, pool: Pool
) -> None:
    assert people.source_id is not None
    request(pool)
    with pool.begin() as holder:
        holder.execute(text("LOCK TABLE events IN ROW EXCLUSIVE MODE"))
        with pool.read() as conn:
            first = indexes.pieces(conn)[0]
        builder = threading.Thread(target=_build, args=(pool, first))
        builder.start()
        while not _busy(pool):
            pass
        with pool.read() as conn:
            seen = {one.month: one.is_busy for one in indexes.pieces(conn)}
        assert seen[first.month]
        assert find(pool).state == "building"
        # Events come in meanwhile.
        holder.execute(_GROW, {"source_id": people.source_id, "now": NOW})
    builder.join()
    tend(pool)
    assert find(pool).ready_at == NOW


def _build(pool: Pool, piece: indexes.Piece) -> None:
    with pool.apart() as conn:
        indexes.build(conn, piece)


def _busy(pool: Pool) -> bool:
    with pool.read() as conn:
        return any(one.is_busy for one in indexes.pieces(conn))


def test_index__dropped__is_gone_from_every_month(people: Behaving, pool: Pool) -> None:
    request(pool)
    tend(pool)
    assert index_names(pool)
    indexing.request_drop(pool, "people", "buy", "brand", now=NOW, actor=GATEWAY)
    with pytest.raises(errors.NotFound):
        find(pool)
    with pytest.raises(errors.NotFound):
        indexing.request_drop(pool, "people", "buy", "brand", now=NOW, actor=GATEWAY)
    assert people.members(rule("eq", "Acme")) == {"acme", "listed"}
    tend(pool)
    assert index_names(pool) == []
    assert indexing.listing(pool, "people") == []


def test_index__asked_for_again__is_built_once_and_kept_while_it_goes(
    people: Behaving, pool: Pool
) -> None:
    assert people.source_id is not None
    request(pool)
    tend(pool)
    again = request(pool)
    assert (again.state, again.ready_at) == ("ready", NOW)
    indexing.request_drop(pool, "people", "buy", "brand", now=NOW, actor=GATEWAY)
    assert request(pool).state == "building"
    tend(pool)
    assert find(pool).state == "ready"
    assert len(indexing.listing(pool, "people")) == 1


def test_indexes__of_a_removed_source__are_dropped(people: Behaving, pool: Pool) -> None:
    request(pool)
    tend(pool)
    with pool.begin() as conn:
        conn.execute(text("UPDATE sources SET removed_at = now() WHERE slug = 'people'"))
    tend(pool)
    assert index_names(pool) == []
    with pool.begin() as conn:
        assert conn.execute(text("SELECT count(*) FROM event_indexes")).scalar_one() == 0
        conn.execute(text("UPDATE sources SET removed_at = NULL WHERE slug = 'people'"))
    assert people.members(rule("eq", "Acme")) == {"acme", "listed"}


def test_index__that_the_database_refuses__has_failed_until_it_is_asked_for_again(
    people: Behaving, pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise errors.Denied("the database denies this to our role")

    def be_away(*_: object) -> None:
        raise errors.Unavailable("the database did not answer")

    assert people.source_id is not None
    request(pool)
    with monkeypatch.context() as patched:
        patched.setattr(indexes, "build", be_away)
        with pytest.raises(errors.Unavailable):
            tend(pool)
        assert (find(pool).state, find(pool).error) == ("building", "the database did not answer")
        patched.setattr(indexes, "build", refuse)
        tend(pool)
    assert (find(pool).state, find(pool).error) == (
        "failed",
        "the database denies this to our role",
    )
    assert not indexing.tend(pool, pool, now=lambda: NOW), "it is not due"
    tend(pool)
    assert find(pool).state == "failed"
    assert request(pool).error is None
    tend(pool)
    assert find(pool).state == "ready"


def test_indexes__of_a_source__are_so_many_at_most(people: Behaving, pool: Pool) -> None:
    assert people.source_id is not None
    for number in range(indexing.MOST):
        request(pool, "brand", f"name-{number}")
    with pytest.raises(errors.Conflict, match="at most"):
        request(pool)
    assert request(pool, "brand", "name-0").state == "building", "that one is there already"
    with pool.begin() as conn:
        conn.execute(text("DELETE FROM event_indexes"))


@pytest.mark.parametrize(("name", "path"), [("", "brand"), ("n" * 201, "brand"), ("buy", "")])
def test_index__of_what_no_event_can_have__is_refused(
    people: Behaving, pool: Pool, name: str, path: str
) -> None:
    assert people.source_id is not None
    with pytest.raises(errors.Invalid):
        request(pool, path, name)


def test_index__of_an_odd_name_and_path__is_built(people: Behaving, pool: Pool) -> None:
    assert people.source_id is not None
    name, path = 'it\'s 100% \\ "bought"; --', "a.%(b)s.c'\\"
    request(pool, path, name)
    tend(pool)
    (found,) = indexing.listing(pool, "people")
    assert (found.name, found.path, found.state) == (name, tuple(path.split(".")), "ready")
    with pool.begin() as conn:
        conn.execute(text("UPDATE event_indexes SET state = 'dropping'"))


_NAMES = text("""
    SELECT CAST(relname AS text) FROM pg_class
    WHERE relkind = 'i' AND relname ~ '^events_.*_i[0-9]+$' ORDER BY relname
""")

_KILL = text("SELECT pg_terminate_backend(pid) FROM pg_stat_progress_create_index")

_SCANS = text("""
    SELECT coalesce(sum(pg_stat_get_xact_numscans(oid)), 0) FROM pg_class
    WHERE relkind = 'i' AND relname ~ '^events_.*_i[0-9]+$'
""")

_GROW = text("""
    INSERT INTO events (source_id, person_id, time, id, name, received_at, properties)
    SELECT :source_id, 'p-' || n, CAST(:now AS timestamptz) - n * interval '10 minutes', n, 'buy',
           :now, jsonb_build_object('brand', 'brand-' || n)
    FROM generate_series(1, 3000) n
""")
