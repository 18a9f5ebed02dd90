"""What the benchmarks make of their figures, and that each kind of input has the same rows."""

from __future__ import annotations

import csv
import datetime
import importlib
import inspect
import json
import re
from pathlib import Path

import pytest

from bench import __main__ as whole
from bench import console, databases, edits, events, files, payload, people, report, rules, syncs
from bench.rules import Timed
from gateway.core.behaviour import parse
from tests.sources.lists.loaded import load

NOON = datetime.datetime(2026, 11, 30, 12, tzinfo=datetime.UTC)


def rows(markdown: str) -> dict[str, list[str]]:
    """Read the tables of a text: the first cell of each row to the others."""
    lines = [line.strip("|").split("|") for line in markdown.splitlines() if line.startswith("|")]
    return {line[0].strip(): [cell.strip() for cell in line[1:]] for line in lines}


@pytest.mark.parametrize("part", whole.PARTS)
def test_part__of_the_whole__takes_the_options_of_all(part: str) -> None:
    main = importlib.import_module(f"bench.{part}").main
    assert {"members", "runs", "write"} <= {one.name for one in main.params}


def test_options__that_are_not_given__are_left_to_the_part() -> None:
    assert whole.arguments(None, None, write=True) == ["--write"]
    given = whole.arguments(2000, 1, write=False)
    assert given == ["--members", "2000", "--runs", "1", "--print-only"]


def test_tables__of_every_part__have_a_place_in_the_document() -> None:
    document = report.DOCUMENT.read_text()
    sources = [path.read_text() for path in Path(inspect.getfile(report)).parent.glob("*.py")]
    written = {
        name
        for source in sources
        for call in re.findall(r"report\.write\((.*), \w+\)", source)
        for name in re.findall(r'"([\w-]+)"', call)
    }
    assert {"files", "databases-scale", "rules-curve"} <= written
    for name in written:
        assert document.count(f"<!-- {name} begins -->\n") == 1, name
        assert document.count(f"\n<!-- {name} ends -->") == 1, name


def test_part__written__replaces_what_stood_between_its_marks(tmp_path: Path) -> None:
    document = tmp_path / "performance.md"
    document.write_text("a\n<!-- x begins -->\nold\n<!-- x ends -->\nb\n")
    report.write("x", "new", document)
    assert document.read_text() == "a\n<!-- x begins -->\nnew\n<!-- x ends -->\nb\n"
    with pytest.raises(RuntimeError, match="no place"):
        report.write("y", "new", document)


@pytest.mark.parametrize(("percent", "value"), [(0, 1), (50, 2), (51, 3), (95, 4), (100, 4)])
def test_percentile__of_some_values__is_what_that_share_is_at_most(
    percent: float, value: float
) -> None:
    assert report.percentile([4, 2, 3, 1], percent) == value


def test_people__as_a_file_a_workbook_and_lines_of_copy__are_the_same() -> None:
    numbers = range(3)
    header, *table = csv.reader(payload.table(numbers).decode().splitlines())
    assert tuple(header) == payload.COLUMNS
    copied = [line.rstrip("\n").split("\t") for line in payload.listed_rows(numbers)]
    assert [
        [line[1], line[5], line[6], line[7], json.loads(line[9])["plan"]] for line in copied
    ] == table
    assert {line[4] for line in copied} == {line[8] for line in copied} == {r"\N"}
    for file in (payload.table(numbers), files.workbook(3)):
        members = load(file).members
        assert list(members) == [row[0] for row in table]
        assert members[table[0][0]]["first_name"] == table[0][2]


def test_events__as_requests_and_as_lines_of_copy__are_the_same() -> None:
    sent = events.Events(count=2001, first=7, until=NOON, mark="t")
    posted = [json.loads(body)["events"] for body in sent.bodies()]
    assert [len(each) for each in posted] == [2000, 1]
    listed = [one for each in posted for one in each]
    copied = [line.rstrip("\n").split("\t") for line in sent.rows()]
    assert [(line[1], line[2], line[4], line[5]) for line in copied] == [
        (one["person_id"], one["time"], one["event"], one["event_id"]) for one in listed
    ]
    assert len({one["event_id"] for one in listed}) == 2001
    assert len({one["person_id"] for one in listed}) == 200
    assert max(one["time"] for one in listed) < NOON.isoformat()
    bare = events.Events(count=1, first=7, until=NOON)
    assert "event_id" not in bare.one(0)
    assert next(iter(bare.rows())).split("\t")[5] == r"\N"


def test_files__described__are_shares_of_copy() -> None:
    found = files.Found(
        limits=[90.0, 100.0, 400.0],
        first=[30.0],
        again=[50.0],
        workbook=[20.0],
        changes=[0.01, 0.02, 0.9],
        peaks={"loader": 99.6},
    )
    told = rows(files.describe(found, 1000, 1, "here"))
    assert told["CSV of 1,000 rows, a new list"] == ["30", "0.30", "0.25"]
    assert told["the same file again"] == ["50", "0.50", "0.40"]
    assert told["XLSX of 200 rows, a new list"] == ["20", "0.20", ""]
    assert told["a change by hand, from its POST until it is seen, p50"] == ["20.0 ms", "50.0 ms"]
    assert told["the same, slowest"] == ["900.0 ms", ""]
    assert told["peak memory, loader"] == ["100 MiB", "200 MB"]


def test_databases__described__show_the_worst_of_what_must_not_happen() -> None:
    found = databases.Found(
        limits=[100.0],
        first=[40.0],
        again=[60.0],
        logged=[0, 7],
        read=[0.001, 0.002],
        queued=[0.5, 2.5],
        idle=[0.01],
        beside=[0.02, 0.04],
    )
    told = rows(databases.describe(found, 1000, 5, 2, "here"))
    assert told["a query of 1,000 rows, a new cohort"] == ["40", "0.40", "0.30"]
    assert told["the same result again"] == ["60", "0.60", "0.50"]
    assert told["log of `memberships` that the same result again writes"][0] == "7 bytes"
    many = "5 scheduled cohorts of 10 rows each, the last one queued after it was due"
    assert told[many] == ["2.5 s", "15 s"]
    assert told["a reader's look-up meanwhile, p99"][0] == "2.0 ms"
    beside = "a page of a webhook beside those, p50 and slowest of 2"
    assert told[beside] == ["30.0 ms, 40.0 ms", "not delayed"]
    found.read.clear()
    assert "a reader's look-up" not in databases.describe(found, 1000, 5, 2, "here")


def test_people__described__are_ratios_of_the_same_turn() -> None:
    told = rows(people.describe([100, 200, 300], [20, 60, 90], [10, 60, 90], "few", "here"))
    assert told["`COPY` of the same rows"] == ["200", "", ""]
    assert told["events without ids, by `COPY`"] == ["60", "0.30", "0.20"]
    assert told["events with ids, by those without"] == ["60", "1.00", "0.50"]


@pytest.mark.parametrize("name", [*rules.DIDS, *rules.TREES])
def test_rule__that_is_measured__is_one(name: str) -> None:
    sent = {**rules.DIDS, **rules.TREES}[name]
    assert parse.definition({"rule": sent}).root is not None
    leaves = list(rules.leaves_of(sent))
    assert len(leaves) == json.dumps(sent).count('"did"') + json.dumps(sent).count('"trait"')
    for leaf in leaves:
        parse.definition({"rule": leaf})


def test_rules__described__stand_beside_what_bounds_them() -> None:
    point = {
        name: Timed(seconds=0.06, beside=0.01, people=1234) for name in (*rules.DIDS, *rules.TREES)
    }
    told = rows(rules.describe(point, 0.001))
    with_where = "bought brand X above 1,000 at least twice in 30 days"
    assert told[with_where] == ["1,234", "60.0 ms", "10.0 ms", "6.00", "12"]
    assert told["bought three times in 90 days"][-1] == ""
    assert told["cart but no purchase in 7 days"] == ["1,234", "60.0 ms", "10.0 ms", "6.00", "1"]
    assert told["why one person is in or out"][1] == "1.0 ms"


def test_curve__described__is_time_by_events() -> None:
    points = {
        100: {
            "a": Timed(seconds=0.01, beside=1, people=1),
            "b": Timed(seconds=0.01, beside=1, people=1),
        },
        1000: {
            "a": Timed(seconds=0.1, beside=1, people=1),
            "b": Timed(seconds=0.2, beside=1, people=1),
        },
    }
    told = rows(rules.describe_curve(points))
    assert told["a"] == ["10.0 ms", "100.0 ms", "1.00", "1.00"]
    assert told["b"] == ["10.0 ms", "200.0 ms", "2.00", "1.00"]


def test_syncs__described__are_ratios_of_the_same_turn() -> None:
    told = rows(syncs.describe([100.0, 200.0], [50.0, 120.0], 144.4, "here"))
    assert told["the job by the loop"] == ["0.55", "0.50"]
    assert told["bytes of ledger a member, beyond id and identifiers"] == ["144", "150"]
    ((cells, _),) = [
        (cells, name)
        for name, cells in rows(syncs.describe_crowd([1.0, 1.1, 9.0], 10)).items()
        if name.startswith("9 jobs of 10 members")
    ]
    assert cells == ["1.10", "1.00, at most"]


def test_pages__described__are_p95_beside_the_list_of_the_api() -> None:
    told = rows(console.describe([0.01] * 20, {"/keys": [0.02] * 19 + [9.0]}, {"/keys": 3}))
    assert told["`/console/keys`"] == ["20.0 ms", "2.00", "3"]
    assert told["`GET /v1/cohorts`"] == ["10.0 ms", "1.00", ""]


def test_edits__one_after_the_other__put_everybody_in_and_take_them_out() -> None:
    first, last, again = (edits.edit_of(number) for number in (0, edits.PEOPLE - 1, edits.PEOPLE))
    assert (first.add.usable, first.remove.usable) == (1, 0)
    assert first.add.roster != last.add.roster
    assert (again.add.usable, again.remove.usable) == (0, 1)
    assert edits.edit_of(2 * edits.PEOPLE).add.roster == first.add.roster


def test_edits__described__leave_the_changes_out() -> None:
    before = {"sessions": 1_000_000, "syncs": 0, "changes": 0}
    after = {"sessions": 3_000_000, "syncs": 500_000, "changes": 9_000_000}
    rewritten = {"sessions": 1_100_000, "syncs": 0, "changes": 8_000_000}
    text = edits.describe(before, after, rewritten, edits=20_000, seconds=100)
    told = rows(text)
    assert told["left of them in files, the changes excepted"] == ["2.5 MB", "2.0 MB"]
    assert told["the same once the files are written anew"] == ["0.1 MB", ""]
    assert told["of it in `sessions`"][0] == "2.0 MB"
    assert told["their changes, kept for 91 days"][0] == "9.0 MB"
    assert told["edits a second"][0] == "200"
