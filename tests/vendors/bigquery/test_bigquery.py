"""BigQuery through its client: reads that are planned, paged, capped, canceled and refused."""

from __future__ import annotations

import resource
from collections.abc import Sequence
from decimal import Decimal

import pytest

from gateway.core.cohorts.failures import Failure
from gateway.sources import kinds
from gateway.sources.sql import definition, queries, reading, values
from gateway.sources.sql.queries import Query
from tests.vendors.bigquery.asking import failure, opened, rows
from tests.vendors.bigquery.state import PROJECT, VENDOR, Api, Scripted

MILLION = 1_000_000
BIG = "1" * 30 + ".5"


def test_kind__with_its_client_installed__is_available() -> None:
    assert kinds.KINDS["bigquery"].reason is None


def test_rows__of_every_type__have_forms_that_are_known(api: Api) -> None:
    columns = {
        ("text", "STRING", "NULLABLE"): ('é "x"', 'é "x"', 'é "x"'),
        ("whole", "INTEGER", "NULLABLE"): ("9007199254740993", 9007199254740993, None),
        ("exact", "NUMERIC", "NULLABLE"): ("10.50", 10.5, "10.5"),
        ("exacter", "BIGNUMERIC", "NULLABLE"): (BIG, float(BIG), BIG),
        ("float", "FLOAT", "NULLABLE"): ("1.5", 1.5, "1.5"),
        ("none", "FLOAT", "NULLABLE"): ("NaN", "NaN", "NaN"),
        ("null", "STRING", "NULLABLE"): (None, None, None),
        ("yes", "BOOLEAN", "NULLABLE"): ("true", True, "true"),
        ("day", "DATE", "NULLABLE"): ("2026-03-29", "2026-03-29", "2026-03-29"),
        ("hour", "TIME", "NULLABLE"): ("01:30:00.250000", "01:30:00.250000", None),
        ("local", "DATETIME", "NULLABLE"): ("2026-03-29T01:30:00", "2026-03-29T01:30:00Z", None),
        ("moment", "TIMESTAMP", "NULLABLE"): (
            "1774747800250000",
            "2026-03-29T01:30:00.250000Z",
            None,
        ),
        ("bytes", "BYTES", "NULLABLE"): ("3q0=", "dead", "dead"),
        ("place", "GEOGRAPHY", "NULLABLE"): ("POINT(1 2)", "POINT(1 2)", "POINT(1 2)"),
        ("json", "JSON", "NULLABLE"): ('{"a": [1]}', {"a": [1]}, '{"a":[1]}'),
        ("list", "INTEGER", "REPEATED"): ([{"v": "1"}, {"v": "2"}], [1, 2], "[1,2]"),
        ("record", "STRUCT a NUMERIC", "NULLABLE"): (
            {"f": [{"v": "1.5"}]},
            {"a": 1.5},
            '{"a":1.5}',
        ),
        ("while", "INTERVAL", "NULLABLE"): ("1-2 3 4:5:6.5", "P1Y2M3DT4H5M6.5S", None),
        ("whiles", "INTERVAL", "REPEATED"): ([{"v": "0-0 0 0:0:0"}], ["PT0S"], None),
    }
    api.queries["SELECT * FROM types"] = Scripted(
        schema=list(columns), rows=lambda _: [sent for sent, *_ in columns.values()]
    )
    with opened(api.target()) as session:
        (found,) = rows(session, "SELECT * FROM types")
    assert [values.plain(one) for one in found] == [plain for _, plain, _ in columns.values()]
    for one, (_, _, text) in zip(found, columns.values(), strict=True):
        assert text is None or values.text(one) == text
    assert found[2] == Decimal("10.50")


def test_preview__of_a_query__has_types_bytes_and_warnings(api: Api) -> None:
    api.queries["SELECT COUNT(*) FROM users"] = Scripted(
        schema=[("f0_", "INTEGER", "NULLABLE"), ("tags", "STRING", "REPEATED")],
        rows=lambda _: ["3", [{"v": "a"}]],
        scanned=163_600_000,
    )
    query = queries.require("SELECT COUNT(*) FROM users", VENDOR.dialect)
    with opened(api.target()) as session:
        found = reading.preview(session, query, member_id=None, limit_seconds=20)
    assert [(one.name, one.type) for one in found.columns] == [
        ("f0_", "INT64"),
        ("tags", "ARRAY<STRING>"),
    ]
    assert (found.rows, found.estimate.bytes) == ([[3, ["a"]]], 163_600_000)
    assert [(one.code, one.message) for one in found.warnings] == [
        ("unnamed_columns", "unnamed columns (1): give each a name with AS")
    ]


def test_job__of_a_read__is_named_located_limited_and_capped(api: Api) -> None:
    with opened(api.target(maximum_bytes_billed=10**8, seconds=7)) as session:
        assert rows(session, "SELECT 1 AS one") == [(1,)]
    *planned, job = api.configurations
    assert [one["dryRun"] for one in planned] == [True, True]
    assert job["labels"] == {"application": "cohort-gateway"}
    assert job["jobTimeoutMs"] == "7000"
    assert job["query"]["maximumBytesBilled"] == str(10**8)
    assert job["query"]["defaultDataset"] == {"projectId": PROJECT, "datasetId": "shop"}


@pytest.mark.parametrize(
    ("scripted", "cap", "said"),
    [
        (Scripted(scanned=163_600_000), 163_000_000, ("163,600,000", "163,000,000")),
        (
            Scripted(
                scanned=163_600_000,
                refused=(
                    400,
                    "bytesBilledLimitExceeded",
                    "Query exceeded limit for bytes billed: 164000000. 164626432 or higher",
                ),
                is_refused_when_planned=False,
            ),
            164_000_000,
            ("163,600,000", "164,000,000", "164626432"),
        ),
    ],
)
def test_query__of_more_bytes_than_the_cap__is_refused_with_both_numbers(
    api: Api, scripted: Scripted, cap: int, said: Sequence[str]
) -> None:
    api.queries["SELECT id FROM events"] = scripted
    with opened(api.target(maximum_bytes_billed=cap)) as session:
        failed = failure(lambda: rows(session, "SELECT id FROM events"))
    assert failed.failure == Failure.TOO_MANY_BYTES
    assert [one for one in said if one not in str(failed)] == []


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("DELETE", Failure.WRITES),
        ("CREATE_TABLE", Failure.WRITES),
        ("SCRIPT", Failure.NOT_ONE_STATEMENT),
    ],
)
def test_session__whatever_is_sent__does_not_write(
    api: Api, statement: str, expected: Failure
) -> None:
    api.queries["sent"] = Scripted(statement=statement)
    with opened(api.target()) as session:
        failed = failure(lambda: session.read(Query("sent"), rows_per_batch=2))
    assert (failed.failure, bool(failed.hint)) == (expected, True)
    assert all(one["dryRun"] for one in api.configurations)


@pytest.mark.parametrize(
    ("refused", "expected"),
    [
        ((400, "invalidQuery", "Unrecognized name: nothing at [1:8]"), Failure.QUERY_INVALID),
        ((404, "notFound", "Not found: Table p:shop.none"), Failure.QUERY_INVALID),
        ((403, "accessDenied", "Access Denied: Table p:shop.hidden"), Failure.PERMISSION),
        ((403, "quotaExceeded", "Quota exceeded"), Failure.UNREACHABLE),
        ((401, "authError", "Invalid Credentials"), Failure.SIGN_IN_FAILED),
    ],
)
@pytest.mark.parametrize("planned", [True, False])
def test_query__that_the_service_refuses__says_why(
    api: Api, refused: tuple[int, str, str], expected: Failure, *, planned: bool
) -> None:
    api.queries["SELECT x FROM y"] = Scripted(refused=refused, is_refused_when_planned=planned)
    with opened(api.target()) as session:
        failed = failure(lambda: rows(session, "SELECT x FROM y"))
    assert (failed.failure, bool(failed.hint)) == (expected, True)
    assert refused[2] in str(failed)


def test_rows__without_one__are_none(api: Api) -> None:
    api.queries["SELECT id FROM nobody"] = Scripted(count=0)
    with opened(api.target()) as session:
        assert rows(session, "SELECT id FROM nobody") == []


@pytest.mark.timeout(300)
def test_rows__of_a_million__come_page_by_page_in_little_memory(api: Api) -> None:
    api.queries["SELECT id FROM users"] = Scripted(count=MILLION)
    query = queries.require("SELECT id FROM users", VENDOR.dialect)
    with opened(api.target()) as session:
        result = session.read(query, rows_per_batch=10_000)
        batches = result.batches()
        next(batches)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        total, last = 10_000, None
        for batch in batches:
            assert len(batch) == 10_000
            total, last = total + len(batch), batch[-1]
    grown_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert (total, last) == (MILLION, (MILLION,))
    assert grown_kib < 64 * 1024


def test_members__of_one_id_twice_and_of_none__are_counted(api: Api) -> None:
    ids = ["u1", "u2", "u1", None]
    api.queries["SELECT ID FROM users"] = Scripted(
        schema=[("ID", "STRING", "NULLABLE")], rows=lambda place: [ids[place]], count=4
    )
    given = {"query": "SELECT ID FROM users", "member_id": "id"}
    defined = definition.read(given, VENDOR.dialect)
    with opened(api.target()) as session:
        (batch,) = reading.read(
            session, defined, limit_seconds=60, most_rows=10, is_wanted=lambda: True
        )
    assert (batch.received, batch.usable, batch.duplicate) == (4, 2, 1)
    assert batch.skipped == {"missing_id": 1}


def test_tables__that_may_be_read__are_listed_with_columns(api: Api) -> None:
    api.datasets = {
        "shop": {
            "users": [("id", "STRING", "NULLABLE"), ("tags", "STRING", "REPEATED")],
            "orders": [("at", "STRUCT day DATE", "NULLABLE")],
        },
        "other": {"things": []},
    }
    with opened(api.target()) as session:
        found = reading.schema(session, "SHOP.", limit_seconds=20)
        assert [one.name for one in session.tables("", most=2)] == ["orders", "users"]
    assert [(one.schema, one.name) for one in found.tables] == [
        ("shop", "orders"),
        ("shop", "users"),
    ]
    assert [(one.name, one.type) for one in found.tables[1].columns] == [
        ("id", "STRING"),
        ("tags", "ARRAY<STRING>"),
    ]


def test_role__that_may_more_than_read__is_told_how(api: Api) -> None:
    api.datasets = {"shop": {"users": []}, "empty": {}}
    with opened(api.target()) as session:
        assert list(session.powers()) == []
        api.permissions = ["bigquery.tables.updateData", "bigquery.tables.delete"]
        assert list(session.powers()) == [
            "it has bigquery.tables.updateData, bigquery.tables.delete on shop.users"
        ]
