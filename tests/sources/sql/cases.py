"""The cases that databases were tried with, by the tests that show them, for docs/databases.md.

`python -m tests.sources.sql.cases` writes the table.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[3]
PAGE: Final = ROOT / "docs" / "databases.md"
HEADING: Final = "## What was tried\n"

SQL: Final = "tests/sources/sql"
FILES: Final[Mapping[str, tuple[str, ...]]] = {
    "PostgreSQL": (f"{SQL}/test_postgresql.py", f"{SQL}/test_greetings.py"),
    "MySQL": ("tests/vendors/mysql/test_mysql.py", f"{SQL}/test_mysql_words.py"),
    "Redshift": (f"{SQL}/test_redshift.py", "tests/vendors/redshift/test_redshift_iam.py"),
    "BigQuery": (
        "tests/vendors/bigquery/test_bigquery.py",
        "tests/vendors/bigquery/test_bigquery_failing.py",
        f"{SQL}/test_bigquery_words.py",
    ),
    "Snowflake": (
        "tests/vendors/snowflake/test_snowflake.py",
        f"{SQL}/test_bigquery_words.py",
    ),
}
EVERY: Final = (
    f"{SQL}/test_queries.py",
    f"{SQL}/test_members.py",
    "tests/http/test_api_databases.py",
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Case:
    """A case, what comes of it, and the test of each vendor that shows it.

    `every` is a test of what stands before all vendors.
    """

    title: str
    outcome: str
    every: str | None = None
    tests: Mapping[str, str] = dataclasses.field(default_factory=dict)


def _of(
    postgresql: str, mysql: str, redshift: str, bigquery: str, snowflake: str
) -> dict[str, str]:
    named = zip(FILES, (postgresql, mysql, redshift, bigquery, snowflake), strict=True)
    return {vendor: test for vendor, test in named if test}


_TYPES: Final = "test_rows__of_every_type__have_forms_that_are_known"
_WRITES: Final = "test_session__whatever_is_sent__does_not_write"
_REFUSED: Final = "test_query__that_the_server_refuses__says_why"
_BY_SERVICE: Final = "test_query__that_the_service_refuses__says_why"
_POWERS: Final = "test_role__that_may_more_than_read__is_told_how"
_SIGN_IN: Final = "test_sign_in__with_what_is_wrong__fails_with_a_code"
_CONNECTION: Final = "test_connection__that_cannot_be__says_why"
_CERTIFICATE: Final = "test_greeting__with_a_certificate_of_nobody_known__is_not_trusted"
_EXPIRED: Final = "test_greeting__with_a_certificate_that_has_expired__says_so"
_CANCELED: Final = "test_read__not_wanted_any_more__is_canceled_on_the_server"
_TIMED_OUT: Final = "test_read__longer_than_it_may_take__is_timed_out"
_DIES: Final = "test_read__of_a_server_that_dies_in_the_middle__is_unreachable"
_EMPTY: Final = "test_rows__without_one__are_none"
_MORE: Final = "test_query__that_does_more_than_read__is_refused"

CASES: Final = (
    Case(
        title="types, encodings, big numbers, NULL, time zones",
        outcome="the forms of [values](#values)",
        tests=_of(_TYPES, _TYPES, "", _TYPES, _TYPES),
    ),
    Case(
        title="an empty result",
        outcome="no members; the guard holds a cohort that had some",
        tests=_of(
            "test_rows__of_an_empty_result__are_none_with_their_columns", _EMPTY, "", _EMPTY, _EMPTY
        ),
    ),
    Case(
        title="a million rows",
        outcome="constant memory",
        tests=_of(
            "test_rows__of_a_million__come_in_batches_in_little_memory",
            "test_rows__of_a_million__come_in_batches_in_little_memory",
            "",
            "test_rows__of_a_million__come_page_by_page_in_little_memory",
            "test_rows__of_a_million__come_batch_by_batch_in_little_memory",
        ),
    ),
    Case(
        title="a connection that dies in the middle",
        outcome="`unreachable`",
        tests=_of(
            "test_read__when_the_server_ends_the_session__is_unreachable",
            "test_read__of_a_server_that_ends_it__is_unreachable",
            "",
            _DIES,
            _DIES,
        ),
    ),
    Case(
        title="a server that is slow",
        outcome="`timed_out`, canceled on the server",
        tests=_of(
            "test_read__longer_than_it_may_take__is_canceled_on_the_server",
            _TIMED_OUT,
            "",
            _TIMED_OUT,
            _TIMED_OUT,
        ),
    ),
    Case(
        title="a load that is canceled",
        outcome="`canceled` within 10 seconds",
        tests=_of(
            "test_read__not_wanted_any_more__is_canceled", _CANCELED, "", _CANCELED, _CANCELED
        ),
    ),
    Case(
        title="a wrong host or port",
        outcome="`unreachable`",
        tests=_of(
            "test_sign_in__where_nothing_listens__is_unreachable",
            _CONNECTION,
            "test_sign_in__where_amazon_does_not_answer__is_unreachable",
            _CONNECTION,
            _CONNECTION,
        ),
    ),
    Case(
        title="a certificate that is not trusted",
        outcome="`unreachable`, with what is wrong with it",
        tests=_of(
            "test_tls__of_an_unknown_authority__is_not_trusted_unless_it_is_given",
            _CERTIFICATE,
            "",
            _CERTIFICATE,
            _CERTIFICATE,
        ),
    ),
    Case(
        title="a certificate that has expired",
        outcome="`unreachable`, and that it is to be renewed on the server",
        tests=_of(_EXPIRED, _EXPIRED, "", _EXPIRED, _EXPIRED),
    ),
    Case(
        title="a wrong user, secret, database or project",
        outcome="`sign_in_failed`",
        tests=_of(_SIGN_IN, _SIGN_IN, _SIGN_IN, _SIGN_IN, _SIGN_IN),
    ),
    Case(
        title="a table that the role may not read",
        outcome="`permission`",
        tests=_of(_REFUSED, _REFUSED, "", _BY_SERVICE, _BY_SERVICE),
    ),
    Case(
        title="a column or table that is not there",
        outcome="`query_invalid`",
        tests=_of(_REFUSED, _REFUSED, "", _BY_SERVICE, _BY_SERVICE),
    ),
    Case(
        title="a role that may do more than read",
        outcome="`read_only` of the test fails and says how",
        tests=_of(
            _POWERS,
            _POWERS,
            "test_role__of_redshift_that_may_more_than_read__is_told_how",
            _POWERS,
            _POWERS,
        ),
    ),
    Case(
        title="a query that writes, past the check",
        outcome="`writes` or `query_invalid`; nothing is written",
        tests=_of(_WRITES, _WRITES, "", _WRITES, ""),
    ),
    Case(
        title="`DELETE` and its like, a CTE that deletes, `SELECT … INTO`, `FOR UPDATE`",
        outcome="`writes`, before it is sent",
        every=_MORE,
    ),
    Case(
        title="`->>` between statements, `s.NEXTVAL` of a sequence",
        outcome="`not_one_statement`, `writes`, before they are sent",
        tests={"Snowflake": "test_query__that_writes__is_refused_before_anything_is_sent"},
    ),
    Case(
        title="several statements",
        outcome="`not_one_statement`, before they are sent",
        every="test_query__of_several_statements__is_refused_with_the_place",
    ),
    Case(
        title="an executable comment",
        outcome="`query_invalid`, before it is sent",
        every="test_query__that_cannot_be_read__is_refused",
    ),
    Case(
        title="a function with effects that is known",
        outcome="`writes`, before it is sent",
        every="test_query__that_calls_what_has_an_effect__is_refused",
    ),
    Case(
        title="`USER_ID` where the definition says `user_id`",
        outcome='it fits; beside `"User_Id"` it is `ambiguous_column`',
        every="test_column__named_in_another_case__fits_if_it_is_unique",
    ),
    Case(
        title="a column of the definition that the result lacks",
        outcome="`column_missing`",
        every="test_column__that_is_not_there__is_named_with_those_that_are",
    ),
    Case(
        title="an id twice, and an id that is NULL",
        outcome="`duplicate` and `missing_id`, counted",
        every="test_rows__with_an_id_twice__leave_the_last_one",
    ),
    Case(
        title="`SELECT COUNT(*)`, which BigQuery calls `f0_`",
        outcome="the preview asks for a name",
        tests={"BigQuery": "test_preview__of_a_query__has_types_bytes_and_warnings"},
    ),
    Case(
        title="more bytes than the cap, also by rounding alone",
        outcome="`too_many_bytes`, with both numbers",
        tests={"BigQuery": "test_query__of_more_bytes_than_the_cap__is_refused_with_both_numbers"},
    ),
)


def untested() -> Iterator[str]:
    """Name the tests that are named here and are nowhere."""
    for case in CASES:
        if case.every is not None and not _is_in(EVERY, case.every):
            yield case.every
        for vendor, test in case.tests.items():
            if not _is_in(FILES[vendor], test):
                yield f"{vendor}: {test}"


def _is_in(paths: tuple[str, ...], test: str) -> bool:
    return any(f"def {test}(" in (ROOT / path).read_text() for path in paths)


def table() -> str:
    """Write the table."""
    lines = [f"| case | what comes of it | {' | '.join(FILES)} |", "|---" * (len(FILES) + 2) + "|"]
    for case in CASES:
        marks = ["✓" if case.every or vendor in case.tests else "" for vendor in FILES]
        lines.append(f"| {case.title} | {case.outcome} | {' | '.join(marks)} |")
    return "\n".join(lines) + "\n"


def shown() -> str:
    """Return the table that the page has."""
    found = re.search(rf"{HEADING}.*?\n\n(\| case .*?\n)(?:\n|\Z)", PAGE.read_text(), re.DOTALL)
    assert found is not None, f"{PAGE.name} has no table under {HEADING.strip()}"
    return found[1]


if __name__ == "__main__":
    PAGE.write_text(PAGE.read_text().replace(shown(), table()))
