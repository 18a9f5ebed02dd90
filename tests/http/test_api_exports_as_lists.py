"""Exports of a cohort, read as a list: they have the same members."""

import io
from typing import Any

import pytest

from gateway.core.cohorts import batch
from gateway.sources.lists import table
from gateway.sources.lists.options import Options
from tests.http.test_api_streams import CSV, NDJSON, TRICKY, stream
from tests.http.world import World
from tests.sources.rosters import read

PEOPLE: list[dict[str, Any]] = [
    TRICKY,
    {"mixpanel_distinct_id": ' \tid, with "all"\r\n\\', "email": "a@b.c", "phone": 12},
    {"mixpanel_distinct_id": "\\N", "email": {"no": "text"}, "properties": {"inner": 1}},
    {"mixpanel_distinct_id": "0010", "entered_at": "yesterday", "member_id": "other"},
    {"mixpanel_distinct_id": "é", "float": 1e300, "small": 5e-324, "deep": [[[{}]]] * 200},
]


@pytest.mark.parametrize("form", [CSV, NDJSON])
def test_export__read_as_a_list__has_the_members_as_they_are(world: World, form: str) -> None:
    cohort_id = world.fill(PEOPLE)
    raw = stream(world, cohort_id, form).get_data()
    found = table.open_table(io.BytesIO(raw), Options())
    lines = batch.merge(one.roster for one in found.batches())
    listed = world.get(f"/v1/cohorts/{cohort_id}/members", limit=1000)["members"]
    assert len(listed) == len(PEOPLE)
    # CSV has no null, so an empty text becomes one.
    empty = None if form == CSV else ""
    assert [read(line.decode()) for line in lines.values()] == [
        {
            name: empty if value == "" else value
            for name, value in member.items()
            if name != "entered_at"
        }
        for member in listed
    ]


@pytest.mark.parametrize("form", [CSV, NDJSON])
def test_export__of_no_member__is_an_empty_list(world: World, form: str) -> None:
    world.post("add_members", [])
    raw = stream(world, world.cohort_id(), form).get_data()
    assert list(table.open_table(io.BytesIO(raw), Options()).batches()) == []
