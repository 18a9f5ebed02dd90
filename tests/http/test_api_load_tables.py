"""Any table, written in any dialect, is loaded to exactly the receipt of a plain model."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from collections.abc import Mapping
from typing import Any

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from tests.http.lists import Lists
from tests.http.world import World
from tests.sources.lists.test_any_table import (
    CELLS,
    DIALECTS,
    ENCODINGS,
    HEADERS,
    is_text,
    model,
    told,
)

FORMULAS = ("=", "+", "-", "@", "\t", "\r")


@settings(
    max_examples=8,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    others=HEADERS,
    rows=st.lists(st.lists(CELLS, max_size=6), max_size=8),
    dialect=DIALECTS,
    encoding=ENCODINGS,
)
def test_table__loaded_by_the_api__has_the_members_and_the_receipt_of_the_model(
    world: World,
    others: list[str],
    rows: list[list[str]],
    dialect: Mapping[str, Any],
    encoding: str,
) -> None:
    header = ["member_id", *others]
    written = io.StringIO(newline="")
    csv.writer(written, **dialect).writerows([header, *rows])
    assume(is_text(written.getvalue()))
    lists = Lists(world)
    cohort = (
        world.cohort_id("any") if _is_there(world) else lists.make(external_id="any", guard=None)
    )
    raw = written.getvalue().encode(encoding)
    done = lists.load(cohort, raw, delimiter=dialect["delimiter"])
    members, rejected, blanks = model(header, rows)
    assert done["state"] == "applied", done
    named = sum(any(row) for row in rows)
    assert done["rows"] == {
        "read": named,
        "accepted": len(members),
        "duplicate": named - len(members) - len(rejected),
        "rejected": len(rejected),
        "reasons": Counter(reason for _, reason in rejected),
    }
    assert done["warnings"].get("outer_blanks", 0) == blanks
    assert _members(world, cohort) == members or len(header) == 1
    assert _members(world, cohort).keys() == members.keys()
    listed = world.call("GET", f"/v1/loads/{done['id']}/rejected.csv").text
    shown = list(csv.reader(io.StringIO(listed, newline="")))[1:]
    assert [(int(row[0]), row[1]) for row in shown] == rejected
    assert not any(cell.startswith(FORMULAS) for row in shown for cell in row)


def _is_there(world: World) -> bool:
    return bool(world.get("/v1/cohorts", external_id="any")["cohorts"])


def _members(world: World, cohort: str) -> dict[str, Any]:
    accept = {"Accept": "application/x-ndjson"}
    answer = world.call("GET", f"/v1/cohorts/{cohort}/members", headers=accept)
    lines = [json.loads(line) for line in answer.text.splitlines() if line]
    return {one["member_id"]: told(one) for one in lines}


def test_list__whose_first_id_has_a_nul__has_one_rejected_row(world: World) -> None:
    lists = Lists(world)
    cohort = lists.make(guard=None)
    done = lists.load(cohort, "a\0\nb\n")
    assert (done["state"], done["rows"]["reasons"]) == ("applied", {"bad_text": 1})
    assert world.members(cohort) == ["b"]
