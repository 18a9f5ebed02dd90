"""The commands of indexes, as an operator types them."""

from __future__ import annotations

from pathlib import Path

from gateway.core import moments
from gateway.core.people import source
from gateway.store.db.engine import Pool
from gateway.store.sources import sources
from tests.e2e.command import Done, run


def test_index__from_its_making_to_its_end__is_said(
    pool: Pool, database_url: str, tmp_path: Path
) -> None:
    made = sources.Made(slug=source.BUILT_IN, kind=source.KIND, config={})
    with pool.begin() as conn:
        sources.create(conn, made, expected_every_seconds=None, now=moments.now())

    def typed(*arguments: str) -> Done:
        return run(*arguments, DATABASE_URL=database_url, GATEWAY_DATA_DIR=str(tmp_path))

    added = typed("event-index", "add", "purchase", "item.brand")
    assert added.code == 0, added.err
    assert "event-index list" in added.out
    assert "purchase  item.brand  building" in typed("event-index", "list").out
    (listed,) = typed("event-index", "list", "--json").document()
    assert (listed["path"], listed["error"]) == (["item", "brand"], None)
    assert typed("event-index", "add", "purchase", "item.brand", "--json").document() == listed
    dropped = typed("event-index", "drop", "purchase", "item.brand", "--json")
    assert dropped.document()["dropped"] is True
    assert typed("event-index", "drop", "purchase", "item.brand").err.startswith("error: there is")
    assert typed("event-index", "list", "--source", "nowhere").code == 1
