"""Batches: of each member the last line, whatever an id holds; and what is damaged is told."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway import errors
from gateway.core.cohorts import batch, member_rows

REST = ("\t" + member_rows.NULL) * (len(member_rows.COLUMNS) - 1)

IDS = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), min_size=1)


def text_of(members: list[tuple[str, str]]) -> bytes:
    lines = (f"{member_rows.escape(one)}{REST[:-2]}{mark}\n" for one, mark in members)
    return "".join(lines).encode()


@given(st.lists(st.lists(st.tuples(IDS, st.sampled_from("ab"))), max_size=4))
def test_merge__of_any_ids__keeps_the_last_line_of_each(pages: list[list[tuple[str, str]]]) -> None:
    expected = dict(member for page in pages for member in page)
    found = batch.merge(map(text_of, pages))
    assert {one: chr(line[-1]) for one, line in found.items()} == expected
    together = b"".join(line + b"\n" for line in found.values())
    assert batch.merge([together]) == found


@pytest.mark.parametrize(
    "text",
    [
        b"\xff" + REST.encode() + b"\n",
        b"a\x00" + REST.encode() + b"\n",
        b"a" + REST.encode(),
        b"a\n",
        b"a" + REST.encode() + b"\t\n",
        b"a\nb" + 2 * REST.encode() + b"\n",
        b"\\N" + REST.encode() + b"\n",
        b"a\\Nb" + REST.encode() + b"\n",
    ],
)
def test_merge__of_a_damaged_roster__is_refused_as_poison(text: bytes) -> None:
    with pytest.raises(errors.Poison, match="damaged"):
        batch.merge([text])
