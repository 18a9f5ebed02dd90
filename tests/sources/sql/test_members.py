"""Rows of a result as members: columns found by name, ids judged, lines as they are stored."""

from __future__ import annotations

import decimal
import json
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from gateway import database_errors, errors
from gateway.core.cohorts import member_rows
from gateway.sources.sql import columns, definition, members
from gateway.sources.sql.definition import Definition
from gateway.sources.sql.members import Batch
from tests.sources.sql import cases

NAMES = ("id", "Email", "plan", "n")


def defined(**parts: object) -> Definition:
    return definition.read({"query": "SELECT 1", "member_id": "id", **parts}, "postgres")


def batch(rows: Sequence[Sequence[Any]], names: Sequence[str] = NAMES, **parts: object) -> Batch:
    return members.batch(rows, columns.find(names, defined(**parts)), first=1)


def stored(found: Batch) -> list[Mapping[str, Any]]:
    lines = found.roster.decode().split("\n")[:-1]
    assert len(lines) == found.usable
    rows: list[Mapping[str, Any]] = []
    for line in lines:
        cells = [
            None if c == member_rows.NULL else member_rows.unescape(c) for c in line.split("\t")
        ]
        row: dict[str, Any] = dict(zip(member_rows.COLUMNS, cells, strict=True))
        rows.append({**row, "properties": json.loads(row["properties"] or "null")})
    return rows


def test_rows__mapped__are_members_with_fields_and_properties() -> None:
    found = batch(
        [("u1", "a@x.io", "p\tro", decimal.Decimal("1.50")), (2, None, None, None)],
        email="EMAIL",
        properties="*",
    )
    empty = dict.fromkeys(("distinct_id", "first_name", "last_name", "phone"))
    assert stored(found) == [
        {"member_id": "u1", "email": "a@x.io", "properties": {"plan": "p\tro", "n": 1.5}, **empty},
        {"member_id": "2", "email": None, "properties": {"plan": None, "n": None}, **empty},
    ]
    assert [one["member_id"] for one in found.sample] == ["u1", "2"]
    assert (found.received, found.usable, found.duplicate) == (2, 2, 0)


def test_rows__without_a_usable_id__are_rejected_with_number_and_reason() -> None:
    found = batch(
        [(None, "a", None, 1), (" ", "b", "x", 2), ([1], "c", "y", 3), (" u ", "d", "z", 4)]
    )
    assert [(one.row, one.reason.value, one.cells) for one in found.rejected] == [
        (1, "missing_id", ("", "a", "", "1")),
        (2, "blank_id", (" ", "b", "x", "2")),
        (3, "wrong_type", ("[1]", "c", "y", "3")),
    ]
    assert found.skipped == {"missing_id": 1, "blank_id": 1, "wrong_type": 1}
    assert found.warnings == {"outer_blanks": 1}
    assert [one["member_id"] for one in stored(found)] == [" u "]
    assert stored(batch([(None,)], ["id"])) == []


def test_rows__with_an_id_twice__leave_the_last_one() -> None:
    found = batch([("u", "1", "", 1), ("v", "2", "", 2), ("u", "3", "", 3)], email="email")
    assert {one["member_id"]: one["email"] for one in stored(found)} == {"u": "3", "v": "2"}
    assert (found.received, found.usable, found.duplicate) == (3, 2, 1)


def test_sample__of_later_batches__is_empty_beyond_the_first_rows() -> None:
    places = columns.find(["id"], defined())
    first = members.batch([(n,) for n in range(30)], places, first=1)
    later = members.batch([(n,) for n in range(30)], places, first=31)
    assert (len(first.sample), len(later.sample)) == (20, 0)


def test_column__named_in_another_case__fits_if_it_is_unique() -> None:
    assert columns.place(["USER_ID", "x"], "user_id") == 0
    with pytest.raises(errors.ReadFailed, match="USER_ID, User_Id") as refused:
        columns.place(["USER_ID", "User_Id"], "user_id")
    cases.see("case", refused.value)


def test_column__of_a_quoted_name__is_found_as_it_is() -> None:
    names = ["id", 'Odd "name"', " ", "select", "größe"]
    for number, name in enumerate(names):
        assert columns.place(names, name) == number


def test_column__that_is_not_there__is_named_with_those_that_are() -> None:
    with pytest.raises(errors.ReadFailed, match="a, b") as refused:
        columns.find(["a", "b"], defined())
    cases.see("lacking", refused.value)
    with pytest.raises(errors.ReadFailed, match="…"):
        columns.find([f"c{n}" for n in range(30)], defined())


def test_columns__of_the_same_name__cannot_both_be_properties() -> None:
    with pytest.raises(errors.ReadFailed) as refused:
        columns.find(["id", "a", "a"], defined(properties="*"))
    assert refused.value.failure == "ambiguous_column"
    found = columns.find(["id", "a", "A"], defined(properties="*"))
    assert found.properties == {"a": 1, "A": 2}
    listed = columns.find(["id", "a", "b"], defined(properties=["B", "id"]))
    assert listed.properties == {"b": 2, "id": 0}


@pytest.mark.parametrize(
    ("parts", "paths"),
    [
        ({"query": 1}, ["definition.query"]),
        ({"member_id": None}, ["definition.member_id"]),
        ({"member_id": ""}, ["definition.member_id"]),
        ({"email": 1, "phone": "x" * 256}, ["definition.email", "definition.phone"]),
        ({"properties": "x"}, ["definition.properties"]),
        ({"properties": ["a", 1]}, ["definition.properties.1"]),
        ({"more": 1}, ["definition.more"]),
    ],
)
def test_definition__that_cannot_be_used__names_what_is_wrong(
    parts: Mapping[str, object], paths: Sequence[str]
) -> None:
    with pytest.raises(errors.Invalid) as refused:
        defined(**parts)
    assert [one.path for one in refused.value.faults] == list(paths)


def test_definition__with_a_query_that_writes__is_refused_by_its_path() -> None:
    with pytest.raises(database_errors.QueryRefused) as refused:
        defined(query="DELETE FROM a")
    assert [one.path for one in refused.value.faults] == ["definition.query"]
    assert defined(properties=None).properties == ()
