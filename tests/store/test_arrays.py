"""Arrays: any texts go to Postgres and come back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from gateway.store.db import arrays

if TYPE_CHECKING:
    from gateway.store.db.engine import Pool

TEXTS = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]))
ODD = st.sampled_from(["", "NULL", "null", '"', "\\", "{", "}", ",", " ", "a b", '","', "\t", "\n"])


@given(st.lists(TEXTS | ODD, max_size=8))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_array__of_any_texts__is_read_back_as_it_was(pool: Pool, texts: list[str]) -> None:
    with pool.read() as conn:
        found = conn.execute(_SAME, {"array": arrays.of_texts(texts)}).scalar_one()
    assert found == texts


_SAME = text("SELECT CAST(:array AS text[])")
