"""Rows of lists: which ones are members, and what is said of the others."""

import json

import pytest

from gateway.sources.lists import rejected_rows
from tests.sources.lists.loaded import fail, load


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (",x", "missing_id"),
        ('" \u2003",x', "blank_id"),
        ("a" * 1025 + ",x", "too_long"),
        ("é" * 513 + ",x", "too_long"),
        ("a\0b,x", "bad_text"),
        ("a,x,,,y", "too_many_cells"),
        ("1.23457E+17,x", "damaged_number"),
        ('"1,23457E+17",x', "damaged_number"),
        ("1e+20,x", "damaged_number"),
        ("5E+300,x", "damaged_number"),
    ],
)
def test_row__that_is_no_member__is_rejected_with_its_number(row: str, reason: str) -> None:
    found = load(f"id,plan\na,gold\n{row}\nb,gold\n")
    assert found.ids == ["a", "b"]
    assert found.reasons == {reason: 1}
    assert (found.received, found.accepted) == (3, 2)
    ((number, why),) = [(one.row, one.reason) for one in found.rejected]
    assert (number, why) == (3, reason)
    assert found.rejected[0].cells[1] == "x"


@pytest.mark.parametrize(
    "member_id",
    [
        "73928e03",
        "0010",
        "1E5",
        "+491",
        "a" * 1024,
        "é" * 512,
        "1.5",
        "E+17",
        "12345678901234567890",
    ],
)
def test_id__that_looks_odd__is_taken_as_it_is(member_id: str) -> None:
    found = load(f"id,plan\n{member_id},x\nb+,y\n")
    assert found.ids == [member_id, "b+"]
    assert found.warnings == {}


def test_ids__that_differ_in_case__are_two_members() -> None:
    assert load("id,plan\na,1\nA,2\n").ids == ["a", "A"]


def test_ids__with_outer_blanks__are_counted_and_not_trimmed() -> None:
    found = load('id,plan\n" ada",1\n"ada\u00a0",2\nada,3\n"a b",4\n')
    assert found.ids == [" ada", "ada\u00a0", "ada", "a b"]
    assert found.warnings == {"outer_blanks": 2}


def test_ids__with_tabs_line_ends_and_backslashes__are_kept() -> None:
    ids = ["a\tb", "a\nb", "a\r\nb", "a\\b", 'a"b', "a,b", "\\N", "\\."]
    quoted = [f'"{one.replace(chr(34), chr(34) * 2)}",x' for one in ids]
    assert load("\n".join(["id,plan", *quoted])).ids == ids


def test_rows__shorter_or_with_empty_cells_more__are_fitted() -> None:
    found = load("id,plan,town\na\nb,gold\nc,gold,Bonn,,,\n")
    assert found.reasons == {}
    assert [member["properties"] for member in found.members.values()] == [
        {},
        {"plan": "gold"},
        {"plan": "gold", "town": "Bonn"},
    ]


def test_rows__of_empty_cells__are_none() -> None:
    found = load('\n,,\n""\nid,plan\n\n,\n"",""\na,x\n,,,,,,\r\n\n')
    assert (found.received, found.ids) == (1, ["a"])
    found = load("id,plan\n,\n,1\na,x\n")
    assert (found.received, [one.row for one in found.rejected]) == (2, [3])


@pytest.mark.parametrize("rows_per_batch", [1, 3, 5000])
def test_rows__of_one_id__count_once_with_the_last_one(rows_per_batch: int) -> None:
    found = load("id,plan\na,1\nb,1\na,2\nb,\na,3\n", rows_per_batch=rows_per_batch)
    assert found.members["a"]["properties"] == {"plan": "3"}
    assert found.members["b"]["properties"] == {}
    assert found.received == 5
    if rows_per_batch == 5000:
        assert (found.accepted, found.duplicate) == (2, 3)


def test_batches__of_many_rows__end_when_they_are_large_enough() -> None:
    rows = "".join(f"{n},x\n" for n in range(30_000))
    found = load(f"id,plan\n{rows}", rows_per_batch=1000).table
    sizes = [batch.received for batch in found.batches(rows_per_batch=1000)]
    assert sum(sizes) == 30_000
    assert all(1000 <= size < 1500 for size in sizes[:-1])
    long = "".join(f"{n},{'x' * 1000}\n" for n in range(10_000))
    batches = [batch.received for batch in load(f"id,plan\n{long}").table.batches()]
    assert max(batches) < 3000


def test_batches__with_long_names__are_small() -> None:
    names = [f"{n:0>900}" for n in range(900)]
    row = ",".join("x" * 900)
    raw = ",".join(["id", *names]) + "\n" + "".join(f"{n},{row}\n" for n in range(9))
    batches = list(load(raw).table.batches())
    assert sum(batch.usable for batch in batches) == 9
    assert max(len(batch.roster) for batch in batches) < 5_000_000


def test_sample__of_a_file__has_its_first_twenty_members() -> None:
    rows = "".join(f"{n if n % 3 else ''},x\n" for n in range(60))
    for rows_per_batch in (1, 7, 5000):
        found = load(f"id,plan\n{rows}", rows_per_batch=rows_per_batch)
        expected = [str(n) for n in range(60) if n % 3][:20]
        assert [member["member_id"] for member in found.sample] == expected
        assert found.sample[0]["properties"] == {"plan": "x"}


def test_properties__with_any_text__are_stored_as_they_are() -> None:
    odd = ['"', "\\", "\t", "\n", "\u2028", "é", "{}", "%s", "\x01", "a,b", "\\N", "\u00a0x"]
    cells = [one.replace('"', '""') for one in odd]
    rows = "\n".join(f'{n},"{cell}","{cell}"' for n, cell in enumerate(cells))
    found = load(f'id,"a ""{{0}}"" \\",email\n{rows}\nlast,,\n')
    *members, last = found.members.values()
    assert [member["properties"] for member in members] == [{'a "{0}" \\': one} for one in odd]
    assert [member["email"] for member in members] == odd
    assert (last["properties"], last["email"]) == ({}, None)
    dense = load(f'id,"a ""{{0}}"" \\",email\n{rows}\n')
    assert [*dense.members.values()] == members


def test_properties__with_nul__are_made_storable() -> None:
    found = load("id,plan,email\na,x\0y,\0\n")
    assert found.member["properties"] == {"plan": "x\ufffdy"}
    assert found.member["email"] == "\ufffd"


MEMBER = "member_id,distinct_id,email,first_name,last_name,phone,properties,entered_at"


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"plan": "gold", "n": 1, "list": [1, {"a": None}]},
        {"email": "x", "member_id": "y", 'q"\\\n': "\t\\"},
        {"large": 10**30, "float": 1e300, "small": 5e-324, "real": 1.5},
        {"deep": [[[[[]]]]] * 60},
        {"pair": "\U0001f600", "nul": "a\ufffd"},
    ],
)
@pytest.mark.parametrize("ascii_only", [False, True])
def test_member_columns__of_any_properties__are_read_as_member(
    document: dict[str, object], *, ascii_only: bool
) -> None:
    cell = json.dumps(document, ensure_ascii=ascii_only).replace('"', '""')
    found = load(f'{MEMBER}\na,d,e,f,l,p,"{cell}",2026-01-01T00:00:00.000000+00:00\n')
    assert found.members["a"] == {
        "member_id": "a",
        "distinct_id": "d",
        "email": "e",
        "first_name": "f",
        "last_name": "l",
        "phone": "p",
        "properties": document,
    }
    assert found.table.mapping["properties"] == "properties"
    assert "entered_at" not in found.table.mapping


@pytest.mark.parametrize(
    ("cell", "properties"),
    [
        ("", {}),
        (" {} ", {}),
        ("gold", {"properties": "gold"}),
        ("[1]", {"properties": "[1]"}),
        ('{"a":', {"properties": '{"a":'}),
        ('{"a": "\\u0000\\ud800", "b": NaN}', {"a": "\ufffd\ufffd", "b": None}),
        ('{"n": ' + "1" * 400 + "}", {"n": int("1" * 400)}),
        ('{"n": 1e400}', {"n": None}),
        ('{"n": 0.12345678901234567890}', {"n": 0.12345678901234567890}),
    ],
)
def test_member_columns__of_odd_properties__keep_what_can_be_kept(
    cell: str, properties: dict[str, object]
) -> None:
    quoted = cell.replace('"', '""')
    found = load(f'member_id,properties\na,"{quoted}"\n')
    assert found.members["a"]["properties"] == properties


def test_member_columns__with_more_of_them__add_to_properties() -> None:
    found = load(f'{MEMBER},plan\na,,,,,,"{{""n"": 1}}",,gold\nb,,,,,,,,\n')
    assert found.members["a"]["properties"] == {"n": 1, "plan": "gold"}
    assert found.members["b"]["properties"] == {}


def test_columns__that_are_not_those_of_member__are_texts() -> None:
    found = load('id,properties,entered_at\na,"{""n"": 1}",today\n')
    assert found.member["properties"] == {"properties": '{"n": 1}', "entered_at": "today"}


def test_rejected_rows__as_csv__are_harmless_in_a_spreadsheet() -> None:
    found = load('id,=x\n,=1+1\n,+1\n,-1\n,@x\n,"\tx"\n,"\rx"\n,plain\na,b,c\n')
    raw = b"".join(rejected_rows.as_csv(found.table.columns, found.rejected))
    assert raw.decode().replace("\r\n", "\n") == (
        "row,reason,id,'=x\n"
        "2,missing_id,,'=1+1\n3,missing_id,,'+1\n4,missing_id,,'-1\n5,missing_id,,'@x\n"
        "6,missing_id,,'\tx\n7,missing_id,,\"'\rx\"\n9,missing_id,,plain\n"
        "10,too_many_cells,a,b,c\n"
    )


def test_rejected_rows__many_of_them__come_in_pieces() -> None:
    found = load("id,x\n" + ",1\n" * 2000)
    pieces = list(rejected_rows.as_csv(found.table.columns, found.rejected))
    assert len(pieces) == 5
    assert b"".join(pieces).count(b"\n") == 2001


def test_quote__without_end__fails_with_its_line() -> None:
    failed = fail('id,plan\na,x\nb,"y\nc,z\n')
    assert failed.failure == "unclosed_quote"
    assert "row 3" in str(failed)
