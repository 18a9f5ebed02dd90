"""Any table in any dialect, against a plain model of what a list is."""

import csv
import io
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from hypothesis import assume, example, given
from hypothesis import strategies as st

from tests.sources.lists.loaded import load

# What only one encoding can say is left out: a table is written in each of them.
CHARACTERS = st.one_of(
    st.sampled_from(
        ["a", "A", "0", "é", "€", " ", "\u00a0", "\t", "\n", "\r", "\0", "\\", "'", "{"]
    ),
    st.sampled_from(['"', ",", ";", "|", "+", "E"]),
)
CELLS = st.one_of(
    st.sampled_from(["", "", "a", "b", "0010", "1.5E+17", " a", "  ", "\\N", "x" * 1025, '""']),
    st.text(CHARACTERS, max_size=4),
)
HEADERS = st.lists(
    st.sampled_from(["user_id", "E-Mail", "Phone", "phone_number", "plan", "a b", "x\ny", ""]),
    unique=True,
    max_size=4,
)
DIALECTS = st.fixed_dictionaries(
    {
        "delimiter": st.sampled_from([",", ";", "\t", "|"]),
        "lineterminator": st.sampled_from(["\n", "\r", "\r\n"]),
        "quoting": st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC]),
    }
)
ENCODINGS = st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "cp1252"])
FEW_CONTROLS = 4
WHITE = "\t\n\v\f\r \x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000"


@example(
    others=[],
    rows=[["\x00\xa0"]],
    dialect={"delimiter": ",", "lineterminator": "\n", "quoting": csv.QUOTE_ALL},
    encoding="cp1252",
    rows_per_batch=1,
)
@given(
    others=HEADERS,
    rows=st.lists(st.lists(CELLS, max_size=6), max_size=8),
    dialect=DIALECTS,
    encoding=ENCODINGS,
    rows_per_batch=st.sampled_from([1, 5000]),
)
def test_table__in_any_dialect__is_what_the_model_says(
    others: list[str],
    rows: list[list[str]],
    dialect: Mapping[str, Any],
    encoding: str,
    rows_per_batch: int,
) -> None:
    header = ["member_id", *others]
    written = io.StringIO(newline="")
    csv.writer(written, **dialect).writerows([header, *rows])
    assume(is_text(written.getvalue()))
    raw = written.getvalue().encode(encoding)
    found = load(raw, delimiter=dialect["delimiter"], rows_per_batch=rows_per_batch)
    members, rejected, blanks = model(header, rows)
    assert {one: told(member) for one, member in found.members.items()} == members
    assert [(row.row, row.reason) for row in found.rejected] == rejected
    assert found.reasons == Counter(reason for _, reason in rejected)
    assert found.warnings.get("outer_blanks", 0) == blanks
    assert found.received == sum(any(row) for row in rows)


@given(
    rows=st.lists(
        st.tuples(st.text("abc", min_size=1, max_size=3), st.text('xy" \n', max_size=4)),
        min_size=1,
        max_size=9,
    ),
    dialect=DIALECTS,
    encoding=ENCODINGS,
)
def test_table__whose_dialect_is_not_told__has_its_own(
    rows: list[tuple[str, str]], dialect: Mapping[str, Any], encoding: str
) -> None:
    written = io.StringIO(newline="")
    csv.writer(written, **dialect).writerows([("plan", "user_id"), *((b, a) for a, b in rows)])
    found = load(written.getvalue().encode(encoding))
    assert found.table.delimiter == dialect["delimiter"]
    assert {one: told(member)["properties"] for one, member in found.members.items()} == {
        one: {"plan": plan} if plan else {} for one, plan in rows
    }


def is_text(written: str) -> bool:
    """Tell whether a text is taken for one: with many NULs it is not."""
    return written.count("\0") <= max(FEW_CONTROLS, 0.05 * len(written))


def told(member: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "email": member["email"],
        "phone": member["phone"],
        "properties": member["properties"] or {},
    }


def model(
    header: Sequence[str], rows: Sequence[Sequence[str]]
) -> tuple[dict[str, Any], list[tuple[int, str]], int]:
    """Read rows one by one: members by id, rejected ones by line, and ids with outer blanks."""
    members: dict[str, Any] = {}
    rejected: list[tuple[int, str]] = []
    blanks = 0
    line = 1 + height(header)
    for row in rows:
        cells = [*row, *[""] * len(header)]
        reason = why_not(cells[0])
        if any(cells[len(header) :]):
            reason = "too_many_cells"
        if any(row) and reason:
            rejected.append((line, reason))
        elif any(row):
            members[cells[0]] = profile(header, cells)
            blanks += cells[0] != cells[0].strip(WHITE)
        line += height(row)
    return members, rejected, blanks


def height(row: Sequence[str]) -> int:
    """Count the lines that a record takes."""
    return 1 + sum(len(re.findall("\r\n|\r|\n", cell)) for cell in row)


def why_not(member_id: str) -> str | None:
    if member_id == "":
        return "missing_id"
    if re.fullmatch(r"\d([.,]\d+)?[eE]\+\d+", member_id):
        return "damaged_number"
    if member_id.strip(WHITE) == "":
        return "blank_id"
    if "\0" in member_id:
        return "bad_text"
    return "too_long" if len(member_id.encode()) > 1024 else None


def profile(header: Sequence[str], cells: Sequence[str]) -> dict[str, Any]:
    member: dict[str, Any] = {"email": None, "phone": None, "properties": {}}
    named = {
        name or f"column_{place}": cell.replace("\0", "\ufffd")
        for place, (name, cell) in enumerate(zip(header, cells, strict=False), start=1)
        if cell
    }
    member["email"] = named.pop("E-Mail", None)
    phone = named.pop("Phone", None)
    member["phone"] = named.pop("phone_number", phone)
    del named["member_id"]
    return member | {"properties": named}
