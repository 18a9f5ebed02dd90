"""Workbooks as files of members: their cells and sheets, and hostile ones."""

import io
import random
import struct
import zipfile
from typing import Any

import pytest

from gateway.sources.lists import table
from gateway.sources.lists.options import Options
from tests.sources.lists import workbooks
from tests.sources.lists.loaded import fail, load
from tests.sources.lists.workbooks import number, parts, rows, sheet, text, zipped

HEADER = [text("id"), text("x")]
KIBIBYTE = 1024


def one_sheet(*given: list[str], **of_book: Any) -> bytes:  # noqa: ANN401 - as parts takes them
    return zipped(parts(sheet(rows(*given)), **of_book))


def cell_as_read(cell: str, **of_book: Any) -> str | None:  # noqa: ANN401 - as above
    """Return what a cell becomes as a property."""
    member = load(one_sheet(HEADER, [text("a"), cell], **of_book)).members["a"]
    found: str | None = member["properties"].get("x")
    return found


def test_workbook__as_excel_writes_it__is_read() -> None:
    content = (
        '<row r="1" spans="1:3"><c r="A1" t="s"><v>0</v></c><c r="C1" t="s"><v>1</v></c></row>'
        '<row r="3" hidden="1"><c r="A3" s="0"><v>12345</v></c><c r="B3" s="0"/>'
        '<c r="C3" t="s"><v>2</v></c></row>'
        '<row r="7"><c r="B7"><v>1</v></c></row>'
    )
    shared = [
        "<t>member_id</t>",
        "<t>First name</t>",
        "<r><t>A</t></r><r><rPr><b/></rPr><t>da</t></r><rPh sb='0' eb='1'><t>no</t></rPh>",
    ]
    found = load(zipped(parts(sheet(content), shared=shared)))
    assert found.table.format == "xlsx"
    assert (found.table.encoding, found.table.delimiter) == (None, None)
    assert found.table.columns == ("member_id", "column_2", "First name")
    assert found.member == {"member_id": "12345", "first_name": "Ada"}
    assert [(row.row, row.reason, row.cells) for row in found.rejected] == [
        (7, "missing_id", ("", "1", ""))
    ]


@pytest.mark.parametrize("space", [workbooks.MAIN, workbooks.STRICT])
def test_workbook__strict_or_not__is_read(space: str) -> None:
    content = sheet(rows(HEADER, [text("a"), text("b")]), space=space)
    assert load(zipped(parts(content))).member["properties"] == {"x": "b"}


@pytest.mark.parametrize(
    ("cell", "read"),
    [
        (number("12345"), "12345"),
        (number("12345.0"), "12345"),
        (number("1.2345E4"), "12345"),
        (number("-7"), "-7"),
        (number("0"), "0"),
        (number("3.1400000000000001"), "3.14"),
        (number("0.1"), "0.1"),
        (number("999999999999999"), "999999999999999"),
        (number("1234567890123456789"), "1234567890123456789"),
        (number("1.5E+15"), "1500000000000000"),
        ('<c t="b"><v>1</v></c>', "true"),
        ('<c t="b"><v>0</v></c>', "false"),
        ('<c t="e"><v>#N/A</v></c>', None),
        ("<c/>", None),
        ("<c><f>1+1</f></c>", None),
        ("<c><f>1+1</f><v>2</v></c>", "2"),
        ('<c t="str"><f>A1</f><v>0010</v></c>', "0010"),
        (text("0010"), "0010"),
        (text("a_x000D_b_x005F_x"), "a\rb_x"),
        (text("_xD800_"), "\ufffd"),
        ('<c t="d"><v>2026-01-31T00:00:00</v></c>', "2026-01-31"),
        ('<c t="d"><v>2026-01-31T10:30:00</v></c>', "2026-01-31T10:30:00Z"),
        ('<c t="d"><v>2026-01-31T10:30:00+02:00</v></c>', "2026-01-31T10:30:00+02:00"),
        ('<c s="7"><v>5</v></c>', "5"),
        ('<c t="inlineStr"><is><t>a</t><rPh><t>b</t></rPh></is></c>', "a"),
    ],
)
def test_cell__of_any_type__is_read(cell: str, read: str | None) -> None:
    assert cell_as_read(cell) == read


@pytest.mark.parametrize(
    ("style", "value", "read"),
    [
        (14, "46053", "2026-01-31"),
        (22, "46053.4375", "2026-01-31T10:30:00Z"),
        (14, "46053.4375000001", "2026-01-31T10:30:00Z"),
        (14, "46053.43750578704", "2026-01-31T10:30:00.500Z"),
        ("yyyy\\-mm\\-dd", "1", "1900-01-01"),
        ("d.m.yy;@", "59", "1900-02-28"),
        ('[$-407]d/ mmm "h"', "61", "1900-03-01"),
        (14, "2958465", "9999-12-31"),
        (14, "2958466", "2958466"),
        (14, "-1", "-1"),
        (20, "0.4375", "10:30:00"),
        ("hh:mm", "0", "00:00:00"),
        (46, "1.5", "1.5"),
        ("[h]:mm", "1.5", "1.5"),
        ("[Red]0.00", "5", "5"),
        ('0 "days"', "5", "5"),
        ("0;[Red]-0;dd", "5", "5"),
        ("\\d0_d*d", "5", "5"),
        (0, "46053", "46053"),
        ("General", "46053", "46053"),
    ],
)
def test_cell__with_a_format__is_a_date_if_that_shows_one(
    style: str | int, value: str, read: str
) -> None:
    code = style.replace('"', "&quot;") if isinstance(style, str) else style
    styles = workbooks.styles_of(0, code)
    assert cell_as_read(number(value, 1), styles=styles) == read


def test_cell__of_a_workbook_since_1904__is_four_years_later() -> None:
    styles = workbooks.styles_of(14)
    assert cell_as_read(number("44591", 0), styles=styles, since_1904=True) == "2026-01-31"


@pytest.mark.parametrize(
    ("cell", "ids", "reasons"),
    [
        (number("0012"), ["12"], {}),
        (number("999999999999999"), ["999999999999999"], {}),
        (number("1000000000000000"), [], {"damaged_number": 1}),
        (number("1.23457E+17"), [], {"damaged_number": 1}),
        (text("1.23457E+17"), [], {"damaged_number": 1}),
        (text("1234567890123456789"), ["1234567890123456789"], {}),
        (text(" "), [], {"blank_id": 1}),
        (text("_xD800_"), [], {"bad_text": 1}),
    ],
)
def test_id__of_a_cell__is_taken_unless_digits_were_lost(
    cell: str, ids: list[str], reasons: dict[str, int]
) -> None:
    found = load(one_sheet(HEADER, [cell, text("y")]))
    assert (found.ids, found.reasons) == (ids, reasons)


def test_workbook__with_a_single_column__is_a_list_unless_it_has_a_name() -> None:
    plain = load(one_sheet([text("ada")], [text("grace")]))
    assert (plain.ids, plain.table.bare, plain.table.columns) == (["ada", "grace"], True, ("1",))
    named = load(one_sheet([text("User ID")], [text("grace")]))
    assert (named.ids, named.table.bare, named.table.columns) == (["grace"], True, ("User ID",))
    assert load(one_sheet([text("id")])).ids == []
    assert load(one_sheet([text("id")]), header=False).ids == ["id"]
    assert load(one_sheet()).ids == []


def test_sheet__that_was_given__is_read() -> None:
    raw = zipped(parts(sheet(rows([text("a")])), sheet(rows([text("b")]))))
    assert load(raw).ids == ["a"]
    assert load(raw, sheet="Two").ids == ["b"]
    failed = fail(raw, sheet="Four")
    assert failed.failure == "sheet_missing"
    assert "“One”, “Two”" in str(failed)


def test_sheet__of_many_rows__comes_in_batches() -> None:
    raw = one_sheet(HEADER, *([text(f"a{n}"), number(str(n))] for n in range(20_000)))
    found = table.open_table(io.BytesIO(raw), Options())
    batches = list(found.batches())
    assert sum(batch.usable for batch in batches) == 20_000
    assert len(batches) == 4
    progress = [batch.progress for batch in batches]
    assert progress == sorted(progress)
    assert (progress[0] < 0.5, progress[-1]) == (True, 1)


def test_row__with_cells_far_to_the_right__is_rejected() -> None:
    far = '<c r="ZZZ2"><v>1</v></c>'
    found = load(one_sheet(HEADER, ['<c r="A2"><v>1</v></c>', far], [text("a"), text("b")]))
    assert (found.ids, found.reasons) == (["a"], {"too_many_cells": 1})


def without(part: str) -> bytes:
    given = parts(sheet(rows([text("a")])))
    del given[part]
    return zipped(given)


def changed(part: str, content: str) -> bytes:
    return zipped(parts(sheet(rows([text("a")])), others={part: content}))


SHEET = "xl/worksheets/sheet1.xml"
BOOK = "xl/workbook.xml"
LINKS = "xl/_rels/workbook.xml.rels"


@pytest.mark.parametrize(
    "raw",
    [
        without("_rels/.rels"),
        without(BOOK),
        without(LINKS),
        without(SHEET),
        changed("_rels/.rels", workbooks.related()),
        changed(BOOK, f'<workbook xmlns="{workbooks.MAIN}"/>'),
        changed(BOOK, f'<workbook xmlns="{workbooks.MAIN}"><sheet name="One"/></workbook>'),
        changed(LINKS, workbooks.related(("rId1", "chartsheet", "worksheets/sheet1.xml"))),
        changed(SHEET, "<worksheet"),
        changed(SHEET, ""),
        one_sheet(['<c t="s"><v>0</v></c>']),
        one_sheet(['<c t="s"><v>x</v></c>']),
        one_sheet(['<c t="s"><v>99999999999</v></c>']),
        one_sheet(["<c><v>x</v></c>"]),
        one_sheet(["<c><v>nan</v></c>"]),
        one_sheet(["<c><v>1e999</v></c>"]),
        one_sheet(['<c s="x"><v>1</v></c>']),
        one_sheet(['<c t="d"><v>today</v></c>']),
        one_sheet(['<c r="1"><v>1</v></c>']),
        one_sheet(['<c r="AAAA1"><v>1</v></c>']),
        one_sheet(['<c r="é1"><v>1</v></c>']),
        one_sheet(["<c s='0'><v>x</v></c>"], styles=workbooks.styles_of(14)),
        zipped({"mimetype": "application/vnd.oasis.opendocument.spreadsheet"}),
        zipped(parts(sheet("")), compression=zipfile.ZIP_BZIP2),
    ],
    ids=range(24),
)
def test_workbook__that_is_damaged__is_no_table(raw: bytes) -> None:
    assert fail(raw).failure == "not_a_table"


def test_workbook__cut_off_or_changed_anywhere__fails_or_is_read() -> None:
    raw = one_sheet(HEADER, [text("a"), number("1")], shared=["<t>x</t>"])
    outcomes = set()
    for place in range(4, len(raw)):
        for damaged in (raw[:place], raw[:place] + bytes([raw[place] ^ 0xFF]) + raw[place + 1 :]):
            try:
                outcomes.add(str(load(damaged).ids))
            except Exception as error:  # noqa: BLE001 - its kind is what is tested
                outcomes.add(type(error).__name__)
    assert outcomes == {"ReadFailed", "['a']"}


def test_workbook__with_a_password__is_no_table() -> None:
    raw = bytearray(one_sheet([text("a")]))
    for magic, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        place = 0
        while (place := raw.find(magic, place)) >= 0:
            raw[place + flags] |= 1
            place += 4
    assert fail(bytes(raw)).failure == "not_a_table"


DTD = '<!DOCTYPE a [<!ENTITY b "bbbbbbbbbb"><!ENTITY c "&b;&b;&b;">]>'


@pytest.mark.parametrize(
    "part", [SHEET, BOOK, LINKS, "_rels/.rels", "xl/shared.xml", "xl/styles.xml"]
)
def test_workbook__with_a_dtd__is_too_large(part: str) -> None:
    failed = fail(changed(part, f"{DTD}<a>&c;</a>"))
    assert failed.failure == "too_large"
    assert "CSV" in failed.hint


def noise(size: int) -> bytes:
    """Bytes that cannot be compressed, so a file may hold a hundred times as much."""
    return random.Random(size).randbytes(size)  # noqa: S311 - no secret


def padded(part: str, content: str) -> bytes:
    others: dict[str, str | bytes] = {part: content, "padding": noise(len(content) // 90)}
    return zipped(parts(sheet(rows([text("a")])), others=others))


def main(name: str, content: str) -> str:
    return f'<{name} xmlns="{workbooks.MAIN}" xmlns:r="{workbooks.OFFICE}">{content}</{name}>'


@pytest.mark.parametrize(
    "raw",
    [
        changed(SHEET, sheet(" " * 5_000_000)),  # more than a hundred times the file
        zipped({f"part{n}": "" for n in range(20_000)}),
        padded(SHEET, "<a>" * 100_000),
        padded(SHEET, f'<worksheet xmlns="{workbooks.MAIN}" a="{"x" * 3_000_000}"/>'),
        padded(SHEET, main("worksheet", "".join(f"<n{n}/>" for n in range(20_000)))),
        padded(SHEET, sheet(f"<row>{text('x' * 1_100_000)}</row>")),
        padded("xl/shared.xml", main("sst", f"<si><t>{'x' * 50_000}</t></si>")),
        padded(BOOK, main("workbook", '<sheet name="a" r:id="rId1"/>' * 20_000)),
        padded(LINKS, workbooks.related(*[("rId1", "worksheet", "x")] * 20_000)),
        padded("xl/styles.xml", main("s", f"<cellXfs>{'<xf/>' * 80_000}</cellXfs>")),
    ],
    ids=range(10),
)
def test_workbook__that_is_hostile__is_too_large(raw: bytes) -> None:
    assert fail(raw).failure == "too_large"


def test_workbook__with_very_many_shared_texts__is_too_large() -> None:
    items = "<si><t>" + "x" * 30_000 + "</t></si>"
    raw = padded("xl/shared.xml", main("sst", items * 3600))
    assert fail(raw).failure == "too_large"


def test_row__that_repeats_a_long_text__is_too_large() -> None:
    shared = ["<t>" + "x" * 30_000 + "</t>"]
    cells = ['<c t="s"><v>0</v></c>'] * 40
    others: dict[str, str | bytes] = {"padding": noise(KIBIBYTE)}
    raw = zipped(parts(sheet(rows([text("id")], cells)), shared=shared, others=others))
    assert fail(raw).failure == "too_large"


def test_file__of_more_than_64_mib__is_too_large() -> None:
    assert fail(b"PK\x03\x04" + bytes(64 * KIBIBYTE * KIBIBYTE)).failure == "too_large"


def with_zip64(raw: bytes, *, directory_bytes: int | None = None, gap: bytes = b"") -> bytes:
    """Add the records of a large archive to a small one, as some programs do."""
    end = raw.rfind(b"PK\x05\x06")
    count = struct.unpack_from("<H", raw, end + 10)[0]
    size, offset = struct.unpack_from("<2L", raw, end + 12)
    size = size if directory_bytes is None else directory_bytes
    record = struct.pack("<4sQ2H2L4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, count, count, size, offset)
    locator = struct.pack("<4sLQL", b"PK\x06\x07", 0, end, 1)
    return raw[:end] + record + gap + locator + raw[end:]


def test_archive__with_records_of_a_large_one__is_read() -> None:
    assert load(with_zip64(one_sheet([text("a")]))).ids == ["a"]


@pytest.mark.parametrize("gap", [b"", b"x" * 10])
def test_archive__with_a_huge_directory_in_these__is_too_large(gap: bytes) -> None:
    raw = with_zip64(one_sheet([text("a")]), directory_bytes=2**40, gap=gap)
    assert fail(raw).failure == "too_large"


def test_archive__with_a_locator_of_nothing__is_no_table() -> None:
    raw = one_sheet([text("a")])
    end = raw.rfind(b"PK\x05\x06")
    locator = struct.pack("<4sLQL", b"PK\x06\x07", 0, 2**50, 1)
    assert fail(raw[:end] + locator + raw[end:]).failure == "not_a_table"
