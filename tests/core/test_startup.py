"""Start-up options of a session: read as the server reads them, and written for it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway import startup

names = st.from_regex(r"[a-z_]+(\.[a-z_]+)?", fullmatch=True)
values = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))


@pytest.mark.parametrize(
    ("options", "settings"),
    [
        ("", {}),
        ("  ", {}),
        ("-c search_path=app", {"search_path": "app"}),
        ("-csearch_path=app,public", {"search_path": "app,public"}),
        ("--search-path=app  -c\twork_mem=4MB", {"search_path": "app", "work_mem": "4MB"}),
        (r"-c search_path=a\ b\\c", {"search_path": r"a b\c"}),
        ("-c a.b=c=d -c A.B=e", {"a.b": "e"}),
        ("-c x=", {"x": ""}),
    ],
)
def test_options__of_settings__are_read(options: str, settings: dict[str, str]) -> None:
    assert startup.parse(options) == settings


@pytest.mark.parametrize("options", ["-c", "-c x", "x=y", "-B 100", "endpoint=ep-1", "-c =x"])
def test_options__of_anything_else__are_refused(options: str) -> None:
    with pytest.raises(ValueError, match="no setting"):
        startup.parse(options)


@given(st.dictionaries(names, values))
def test_options__written_and_read__are_the_same(settings: dict[str, str]) -> None:
    assert startup.parse(startup.write(settings)) == settings
