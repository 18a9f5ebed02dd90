"""Text files whose first line declares the delimiter, as programs write them for Excel."""

import pytest

from tests.sources.lists.loaded import fail, load


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("end", ["\n", "\r", "\r\n"])
@pytest.mark.parametrize("quote", ["", '"'])
def test_csv__with_a_line_that_declares_its_delimiter__is_read_below_that_line(
    delimiter: str, end: str, quote: str
) -> None:
    lines = [f"{quote}Sep={delimiter}{quote}", delimiter.join(["Kundennr", "a"])]
    lines += [delimiter.join(["7", "x"]), delimiter.join(["", "y"])]
    for encoding in ("utf-8", "utf-8-sig", "utf-16"):
        found = load(end.join(lines).encode(encoding), member_id="Kundennr")
        assert (found.table.format, found.table.delimiter) == ("csv", delimiter)
        assert found.table.columns == ("Kundennr", "a")
        assert found.ids == ["7"]
        assert [(row.row, row.reason) for row in found.rejected] == [(4, "missing_id")]


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("sep=;\nid\nada\n", ["ada"]),
        ("sep=;\nada\ngrace\n", ["ada", "grace"]),
        ("sep=;\nid;town\na,b;Bonn\n", ["a,b"]),
        ("sep=;\n", []),
        ("sep=;", []),
        ("sep=\nada\n", ["sep=", "ada"]),
        ("ada\nsep=;\n", ["ada", "sep=;"]),
        ('"sep=;\nada\n', ['"sep=;', "ada"]),
    ],
)
def test_declared_delimiter__of_a_text__counts_in_its_first_line(text: str, ids: list[str]) -> None:
    assert load(text).ids == ids


def test_declared_delimiter__against_what_was_asked__is_left_out_alone() -> None:
    assert load("sep=;\nid,plan\na;b,gold\n", delimiter=",").ids == ["a;b"]
    assert load("sep=:\nid,plan\nada,gold\n", delimiter=",").ids == ["ada"]
    assert load("sep=;\nada\n", format="text").ids == ["sep=;", "ada"]
    assert load("sep=;\na;1\nb;2\n", header=False, member_id="1").ids == ["a", "b"]
    assert load("sep=;\nname\na\n", format="csv", member_id="name").table.delimiter == ";"


def test_declared_delimiter__that_separates_no_cells_here__fails() -> None:
    failed = fail("sep=:\nid:plan\nada:gold\n")
    assert failed.failure == "not_a_table"
    assert "':'" in str(failed)
