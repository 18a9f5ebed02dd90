"""Text files of members: formats, encodings, delimiters, lines, and hostile ones."""

import io
import json

import pytest

from gateway.sources.lists import encodings, limits
from tests.sources.lists.loaded import fail, load

MEBIBYTE = 1024 * 1024


@pytest.mark.parametrize(
    ("text", "kind", "ids"),
    [
        ("", "text", []),
        ("\n\n", "text", []),
        ("ada\ngrace", "text", ["ada", "grace"]),
        ("name\nada\n", "text", ["name", "ada"]),
        ('"ada"\n ada\n\n{x}\n[y]\n<z>', "text", ['"ada"', " ada", "{x}", "[y]", "<z>"]),
        ("email\nada\n", "csv", ["ada"]),
        ('"E-Mail"\r\nada\r\n', "csv", ["ada"]),
        ("id,plan\nada,gold\n", "csv", ["ada"]),
        ('{"id": "ada"}', "ndjson", ["ada"]),
        ('\n{"id": "ada"}\n\n{"id": 1}\n', "ndjson", ["ada", "1"]),
    ],
)
def test_format__of_a_text__is_told_by_its_content(text: str, kind: str, ids: list[str]) -> None:
    found = load(text)
    assert (found.table.format, found.ids) == (kind, ids)
    assert (found.table.delimiter is None) == (kind != "csv")


@pytest.mark.parametrize(
    ("raw", "what"),
    [
        (b"\xd0\xcf\x11\xe0\xa1\xb1", "old kind"),
        (b"\x1f\x8b\x08\x00", "gzip"),
        (b"%PDF-1.7\n", "PDF"),
        ("id\nada\n".encode("utf-32"), "UTF-32"),
        (b"\0\0\xfe\xff" + "ada".encode("utf-32-be"), "UTF-32"),
        (b"PK\x05\x06" + bytes(18), "empty archive"),
        (b"PK\x03\x04 and no more", "damaged"),
        (b"\x00\x01\x02\x03abc" * 10, "control"),
        ("\x00".join("id,plan\n").encode(), "control"),
        (b"\x80\x01abcdefgh" * 10, "control"),
        (b"<!DOCTYPE html><table>", "HTML"),
        (b"\n<?xml version='1.0'?>", "HTML"),
        (b'[{"id": 1}]', "JSON"),
        (b"[]", "JSON"),
        (b'{\n  "id": 1\n}\n', "JSON"),
        (b'{"id": 1,\n "plan": 2}\n', "JSON"),
    ],
)
def test_format__that_is_no_table__fails(raw: bytes, what: str) -> None:
    failed = fail(raw)
    assert failed.failure == "not_a_table"
    assert what in str(failed)


def test_format__that_was_given__is_not_told_by_content() -> None:
    assert load("a,b\n", format="text").ids == ["a,b"]
    assert load("id\na\n", format="text").ids == ["id", "a"]
    assert fail("name\na\n", format="csv").failure == "no_id_column"
    assert load("a\nb\n", format="csv", header=False, member_id="1").ids == ["a", "b"]
    assert load("[]\n{}", format="text").ids == ["[]", "{}"]
    assert load("name\na\n", delimiter="|", member_id="name").ids == ["a"]
    assert fail("id,plan\na,b", format="ndjson").failure == "not_a_table"
    assert fail("id,plan\na,b", format="xlsx").failure == "not_a_table"


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("end", ["\n", "\r", "\r\n"])
def test_csv__with_any_delimiter_and_line_end__is_read(delimiter: str, end: str) -> None:
    records = [["id", "plan", "note"], ["a", '"x ""y"""', f'"1{end}2{delimiter}3"'], ["b", "", "z"]]
    found = load(end.join(map(delimiter.join, records)))
    assert found.table.delimiter == delimiter
    assert found.members["a"]["properties"] == {"plan": 'x "y"', "note": f"1{end}2{delimiter}3"}
    assert found.members["b"]["properties"] == {"note": "z"}


@pytest.mark.parametrize(
    ("text", "delimiter"),
    [
        ("id;a,b\n1;2\n", ";"),  # a comma gives as many columns, but none of ids
        ("a,b;id\n1,2;3\n4,5;6\n", ";"),
        ("id,x\na|b,1\nc|d,2\n", ","),
        ("id,x,y\na\nb,1\nc;d;e;f\n", ","),
        ("title\nid|x\n1|2\n3|4\n", "|"),  # fails for want of an id
    ],
)
def test_delimiter__of_several_that_occur__is_the_one_that_gives_a_table(
    text: str, delimiter: str
) -> None:
    if text.startswith("title"):
        assert fail(text).failure == "no_id_column"
    else:
        assert load(text).table.delimiter == delimiter


def test_delimiter__of_a_single_column_with_a_name__separates_nothing_else() -> None:
    found = load("id\na;b\nc;d\n")
    assert (found.table.columns, found.ids) == (("id",), ["a;b", "c;d"])
    assert load("id\na,b\n").reasons == {"too_many_cells": 1}


@pytest.mark.parametrize("end", ["\n", "\r", "\r\n"])
def test_numbers__of_rows__are_lines_of_the_file(end: str) -> None:
    lines = ["", "id,plan", "a,x", '"b\n\nb\r\nb",y', "", ",1", '"\n",2', ",3"]
    found = load(end.join(lines))
    # A cell keeps its own line ends, whatever those of the records are.
    assert [row.row for row in found.rejected] == [9, 10, 12]


def test_numbers__across_blocks__go_on() -> None:
    rows = "".join(f'a{n},"x\ny"\n' if n % 7 == 0 else f"a{n},x\n" for n in range(9000))
    found = load(f"id,plan\n{rows},last\n")
    assert [row.row for row in found.rejected] == [2 + 9000 + 1286]
    lines = load("".join(f"a{n}\n" for n in range(20_000)) + " \n")
    assert [row.row for row in lines.rejected] == [20_001]


@pytest.mark.parametrize(
    ("encoding", "label"),
    [
        ("utf-8", "utf-8"),
        ("utf-8-sig", "utf-8"),
        ("utf-16", "utf-16le"),
        ("cp1252", "windows-1252"),
    ],
)
@pytest.mark.parametrize("rows", [1, 5000])
def test_encoding__of_a_file__is_found(encoding: str, label: str, rows: int) -> None:
    text = "id,plan\n" + "".join(f"Zoë{n},für 5 €\n" for n in range(rows))
    found = load(text.encode(encoding))
    assert found.table.encoding == label
    assert found.table.columns == ("id", "plan")
    assert found.ids[-1] == f"Zoë{rows - 1}"
    assert found.members["Zoë0"]["properties"] == {"plan": "für 5 €"}
    assert found.warnings == ({"encoding_guessed": 1} if encoding == "cp1252" else {})


def test_encoding__utf_16_of_the_other_order__is_found() -> None:
    found = load(b"\xfe\xff" + "id,plan\né,x\n".encode("utf-16-be"))
    assert (found.table.encoding, found.ids) == ("utf-16be", ["é"])


@pytest.mark.parametrize(
    ("raw", "asked"),
    [
        (b"id,plan\nZo\xeb,\x81\n", None),  # Windows-1252 lacks it
        (b"\xff\xfei\x00d\x00\n", None),
        (b"\xff\xfe\x00\xd8\n\x00", None),
        (b"id,plan\nZo\xeb,x\n", "utf-8"),
        (b"id,plan\nZo\xc3", "UTF-8"),
    ],
)
def test_encoding__with_bytes_that_it_lacks__fails(raw: bytes, asked: str | None) -> None:
    assert fail(raw, encoding=asked).failure == "encoding"


def test_encoding__with_a_wrong_byte__says_which() -> None:
    rows = b"a,b\n" * 30_000
    assert "byte 120011 " in str(fail(b"id,plan\n" + rows + b"x,\x81\n"))
    cut = b"id,p\n" + b"x" * (limits.CHUNK_BYTES - 6) + b"\xc3" + b"(" + rows
    assert f"byte {limits.CHUNK_BYTES} " in str(fail(cut, encoding="utf-8"))


def test_encoding__utf_8_with_a_bom_and_a_wrong_byte__is_guessed_without_the_bom() -> None:
    found = load(b"\xef\xbb\xbfid,plan\nZo\xeb,x\n")
    assert found.table.columns == ("id", "plan")
    assert found.warnings == {"encoding_guessed": 1}


@pytest.mark.parametrize(
    ("label", "codec"),
    [
        ("Windows-1250", "cp1250"),
        ("latin1", "cp1252"),
        ("UTF-16", "utf-16-le"),
        ("shift_jis", "cp932"),
        ("utf-16be", "utf-16-be"),
    ],
)
def test_encoding__that_was_given__is_taken(label: str, codec: str) -> None:
    text = "id,plan\na,b\n" if codec != "cp1250" else "id,plan\nŁ,b\n"
    assert load(text.encode(codec), encoding=label).ids[0] in ("a", "Ł")


def test_text__with_a_character_cut_by_a_chunk__is_read() -> None:
    for before in range(4):
        raw = b"x" * (limits.CHUNK_BYTES - 2 - before) + "\n€uro\r\n".encode()
        assert load(raw).reasons == {"too_long": 1}
        assert load(raw).ids == ["€uro"]


def test_text__with_a_line_end_cut_by_a_chunk__has_one_line_end_there() -> None:
    raw = b"id,p\r\n" + b"a,b\r\n" * 20_000 + b",x\r\n"
    for before in range(5):
        found = load(b"\r\n" * before + b" " * before + raw, member_id=" " * before + "id")
        assert [row.row for row in found.rejected] == [20_002 + before]


NDJSON_MEMBER = {
    "member_id": "a",
    "distinct_id": None,
    "email": "",
    "first_name": "Ada",
    "last_name": None,
    "phone": None,
    "properties": {"email": {"x": 1}, "n": 10**30, "q": '"\\\t'},
    "entered_at": "2026-01-01T00:00:00.000000+00:00",
}


def test_ndjson__of_members__is_read_unchanged() -> None:
    found = load(json.dumps(NDJSON_MEMBER) + "\n")
    del NDJSON_MEMBER["entered_at"]
    assert found.members == {"a": NDJSON_MEMBER}
    assert not found.table.bare
    assert found.table.mapping["properties"] == "properties"


def test_ndjson__of_other_objects__is_read_by_their_names() -> None:
    objects = [
        {"User ID": 7, "E-Mail": "a@b.c", "plan": {"name": "gold"}, "properties": "x"},
        {"User ID": "8", "plan": None, "phone": 12, "$first_name": True, "properties": {"n": 1}},
    ]
    found = load("\n".join(map(json.dumps, objects)))
    assert found.table.mapping == {
        "User ID": "member_id",
        "E-Mail": "email",
        "plan": "properties",
        "properties": "properties",
        "phone": "phone",
        "$first_name": "first_name",
    }
    assert found.members["7"]["email"] == "a@b.c"
    assert found.members["7"]["properties"] == {"plan": {"name": "gold"}, "properties": "x"}
    assert found.members["8"]["phone"] == "12"
    assert found.members["8"]["properties"] == {"plan": None, "$first_name": True, "n": 1}


def test_ndjson__with_a_field_that_comes_late__knows_it_by_its_name() -> None:
    lines = [f'{{"id": {n}}}' for n in range(200)]
    late = '{"id": "late", "email": "a@b.c", "distinct_id": "d", "plan": "gold"}'
    found = load("\n".join([*lines, late]))
    assert found.members["late"]["email"] == "a@b.c"
    assert found.members["late"]["distinct_id"] == "d"
    assert found.members["late"]["properties"] == {"plan": "gold"}


def test_ndjson__with_columns_that_were_given__takes_these() -> None:
    found = load('{"id": 1, "nr": 2, "m": "a@b.c"}', member_id="nr", fields={"email": "m"})
    assert found.member == {"member_id": "2", "email": "a@b.c", "properties": {"id": 1}}


@pytest.mark.parametrize(
    ("line", "reason", "cells"),
    [
        ("no json", "not_an_object", ("no json",)),
        ("[1]", "not_an_object", ("[1]",)),
        ('"a"', "not_an_object", ('"a"',)),
        ('{"id": 1', "not_an_object", ('{"id": 1',)),
        ('{"plan": "x"}', "missing_id", ("", "x")),
        ('{"id": null, "plan": [1]}', "missing_id", ("", "[1]")),
        ('{"id": ""}', "missing_id", ("", "")),
        ('{"id": " "}', "blank_id", (" ", "")),
        ('{"id": "\\ud800"}', "bad_text", ("\ufffd", "")),
        ('{"id": 1.5}', "wrong_type", ("1.5", "")),
        ('{"id": true}', "wrong_type", ("true", "")),
        ('{"id": ["a"]}', "wrong_type", ('["a"]', "")),
    ],
)
def test_ndjson__line_that_is_no_member__is_rejected(
    line: str, reason: str, cells: tuple[str, ...]
) -> None:
    found = load('{"id": "a", "plan": 1}\n\n' + line + '\n{"id": " b"}')
    assert found.ids == ["a", " b"]
    assert found.reasons == {reason: 1}
    assert [(row.row, row.cells) for row in found.rejected] == [(3, cells)]
    assert found.warnings == {"outer_blanks": 1}


def test_ndjson__object_with_too_many_fields__is_rejected_or_fails() -> None:
    many = json.dumps({"id": 1} | {f"f{n}": n for n in range(1000)})
    assert fail(many).failure == "too_large"
    few = '{"id": 1}\n' * 100
    assert load(few + many).reasons == {"too_many_cells": 1}


def test_ndjson__of_deep_values__is_rejected_without_harm() -> None:
    deep = '{"id": 1, "x": ' + "[" * 300_000 + "]" * 300_000 + "}"
    assert load('{"id": 1}\n' + deep).reasons == {"not_an_object": 1}


@pytest.mark.parametrize(
    ("raw", "failure"),
    [
        ('id,plan\na,x\nb,"' + "x,\n" * MEBIBYTE, "unclosed_quote"),
        ('id,plan\na,x\nb,"' + "x" * 2 * MEBIBYTE, "too_large"),
        ('id,plan\na,x\nb,"' + "x" * MEBIBYTE + '"\n', "too_large"),
        ('id,plan\na,x\nb,"\n' + "x" * MEBIBYTE + '"\n', "unclosed_quote"),
        ('id,plan\na,x\nb,"' + "é" * (MEBIBYTE // 2) + '"\n', "too_large"),
        ("id,plan\na,x\nb" + ",x" * (MEBIBYTE + 1), "too_large"),
        ("id," + "x," * 1_000_000, "too_large"),
        ("id,plan\na,x\n" + "," * 5 * MEBIBYTE, "too_large"),
        ("x" * 2 * MEBIBYTE, "too_large"),
        ("a\nb\n" + "x" * (MEBIBYTE + 1) + "\n", "too_large"),
        ('{"id": 1}\n{"id": 1, "x": "' + "x" * MEBIBYTE + '"}\n', "too_large"),
    ],
    ids=range(11),
)
def test_record__that_is_too_large__fails_in_time(raw: str, failure: str) -> None:
    failed = fail(raw, member_id="id") if raw.startswith("id") else fail(raw)
    assert failed.failure == failure


def test_record__that_is_just_not_too_large__is_read() -> None:
    cell = "x" * (MEBIBYTE - 10)
    found = load(f'id,plan\na,"{cell}"\nb,{"é" * (MEBIBYTE // 2 - 10)}\nc,d\n')
    assert found.members["a"]["properties"] == {"plan": cell}
    assert found.ids == ["a", "b", "c"]
    multiline = "x\n" * (MEBIBYTE // 2 - 10)
    assert load(f'id,plan\na,"{multiline}"\n').member["properties"] == {"plan": multiline}


def test_record__of_very_many_empty_cells__is_read() -> None:
    found = load("id,plan\na,x" + "," * 500_000 + "\n" + "," * 500_000 + "\nb,y\n")
    assert found.ids == ["a", "b"]
    assert load("id,plan\na,x" + ",z" * 100_000).rejected[0].cells.count("z") == 998


class Watched(io.BytesIO):
    """A file that knows how much was asked of it at once."""

    most = 0

    def read(self, size: int | None = -1, /) -> bytes:
        self.most = max(self.most, 10**9 if size is None or size < 0 else size)
        return super().read(size)


def test_file__of_any_size__is_read_in_small_pieces() -> None:
    file = Watched(b"id,plan\n" + b"a,b\n" * 100_000)
    text = encodings.Text(file, encodings.of_file(file, None))
    assert sum(map(len, text.chunks())) == 400_008
    assert file.most <= limits.START_BYTES
