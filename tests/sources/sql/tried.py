"""The cases that databases were tried with, what comes of each, and the tests that show it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Final

from gateway.core.cohorts.failures import Failure

SQL: Final = "tests/sources/sql"
FILES: Final[Mapping[str, tuple[str, ...]]] = {
    "PostgreSQL": (
        f"{SQL}/test_postgresql.py",
        f"{SQL}/test_postgresql_rows.py",
        f"{SQL}/test_greetings.py",
    ),
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


_SENT: Final = "failed"
_UNSENT: Final = "422, before it is sent"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Case:
    """A case, what comes of it, and the test of each vendor that shows it.

    `every` is a test of what stands before all vendors. A case with a `code` has the sentence that
    this test has seen, or that of PostgreSQL; `…` stands for what differs.
    """

    name: str
    title: str
    outcome: str
    state: str = _SENT
    code: Failure | None = None
    every: str | None = None
    tests: Mapping[str, str] = dataclasses.field(default_factory=dict)

    @property
    def seen_by(self) -> tuple[tuple[str, ...], str]:
        """Return the files, and the test there, that has to see the code and the sentence."""
        if self.every is not None:
            return EVERY, self.every
        return FILES["PostgreSQL"], self.tests["PostgreSQL"]


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
        name="types",
        title="types, encodings, big numbers, NULL, time zones",
        state="applied",
        outcome="the forms of [values](#values)",
        tests=_of(_TYPES, _TYPES, "", _TYPES, _TYPES),
    ),
    Case(
        name="empty",
        title="an empty result",
        state="`applied`, or `needs_approval` where there were members",
        outcome="no members; the guard holds a cohort that had some",
        tests=_of(
            "test_rows__of_an_empty_result__are_none_with_their_columns", _EMPTY, "", _EMPTY, _EMPTY
        ),
    ),
    Case(
        name="million",
        title="a million rows",
        state="applied",
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
        name="dies",
        title="a connection that dies in the middle",
        code=Failure.UNREACHABLE,
        outcome="… Check that the server runs and takes connections; this is tried again.",
        tests=_of(
            "test_read__when_the_server_ends_the_session__is_unreachable",
            "test_read__of_a_server_that_ends_it__is_unreachable",
            "",
            _DIES,
            _DIES,
        ),
    ),
    Case(
        name="slow",
        title="a server that is slow",
        code=Failure.TIMED_OUT,
        outcome=(
            "the query took longer than … seconds, and was canceled on the server. Make the "
            "query quicker, read fewer rows, or raise GATEWAY_QUERY_SECONDS."
        ),
        tests=_of(
            "test_read__longer_than_it_may_take__is_canceled_on_the_server",
            _TIMED_OUT,
            "",
            _TIMED_OUT,
            _TIMED_OUT,
        ),
    ),
    Case(
        name="canceled",
        title="a load that is canceled",
        state="canceled",
        outcome="the query is stopped on the server within 10 seconds",
        tests=_of(
            "test_read__not_wanted_any_more__is_canceled", _CANCELED, "", _CANCELED, _CANCELED
        ),
    ),
    Case(
        name="nowhere",
        title="a wrong host or port",
        code=Failure.UNREACHABLE,
        outcome=(
            "port … cannot be reached: Connection refused. Check that the server runs and takes"
            " connections; this is tried again."
        ),
        tests=_of(
            "test_sign_in__where_nothing_listens__is_unreachable",
            _CONNECTION,
            "test_sign_in__where_amazon_does_not_answer__is_unreachable",
            _CONNECTION,
            _CONNECTION,
        ),
    ),
    Case(
        name="untrusted",
        title="a certificate that is not trusted",
        code=Failure.UNREACHABLE,
        outcome=(
            "the certificate of … is not valid: … Give the root certificate of the server's "
            "authority, or another TLS mode."
        ),
        tests=_of(
            "test_tls__of_an_unknown_authority__is_not_trusted_unless_it_is_given",
            _CERTIFICATE,
            "",
            _CERTIFICATE,
            _CERTIFICATE,
        ),
    ),
    Case(
        name="expired",
        title="a certificate that has expired",
        code=Failure.UNREACHABLE,
        outcome=(
            "the certificate of … is not valid: certificate has expired. Renew the certificate "
            "on the server; until then nothing is read."
        ),
        tests=_of(_EXPIRED, _EXPIRED, "", _EXPIRED, _EXPIRED),
    ),
    Case(
        name="sign_in",
        title="a wrong user, secret, database or project",
        code=Failure.SIGN_IN_FAILED,
        outcome="… Check user, secrets and database, and which clients are allowed.",
        tests=_of(_SIGN_IN, _SIGN_IN, _SIGN_IN, _SIGN_IN, _SIGN_IN),
    ),
    Case(
        name="permission",
        title="a table that the role may not read",
        code=Failure.PERMISSION,
        outcome="permission denied for … Grant the role the right to read what the query names.",
        tests=_of(_REFUSED, _REFUSED, "", _BY_SERVICE, _BY_SERVICE),
    ),
    Case(
        name="missing",
        title="a column or table that is not there",
        code=Failure.QUERY_INVALID,
        outcome=(
            "… does not exist (character … of the query). Correct the query; a preview shows "
            "what it answers."
        ),
        tests=_of(_REFUSED, _REFUSED, "", _BY_SERVICE, _BY_SERVICE),
    ),
    Case(
        name="powers",
        title="a role that may do more than read",
        state="the step `read_only` fails",
        outcome="the role may do more than read, and how",
        tests=_of(
            _POWERS,
            _POWERS,
            "test_role__of_redshift_that_may_more_than_read__is_told_how",
            _POWERS,
            _POWERS,
        ),
    ),
    Case(
        name="past",
        title="a query that writes, past the check",
        outcome="`writes` or `query_invalid`; nothing is written",
        tests=_of(_WRITES, _WRITES, "", _WRITES, ""),
    ),
    Case(
        name="writes",
        title="`DELETE` and its like, a CTE that deletes, `SELECT … INTO`, `FOR UPDATE`",
        state=_UNSENT,
        code=Failure.WRITES,
        outcome="line …, column …: … does more than read; …",
        every=_MORE,
    ),
    Case(
        name="flows",
        title="`->>` between statements, `s.NEXTVAL` of a sequence",
        state=_UNSENT,
        outcome="`not_one_statement`, `writes`",
        tests={"Snowflake": "test_query__that_writes__is_refused_before_anything_is_sent"},
    ),
    Case(
        name="several",
        title="several statements",
        state=_UNSENT,
        code=Failure.NOT_ONE_STATEMENT,
        outcome="line …, column …: another statement begins here; send one query alone",
        every="test_query__of_several_statements__is_refused_with_the_place",
    ),
    Case(
        name="comment",
        title="an executable comment",
        state=_UNSENT,
        code=Failure.QUERY_INVALID,
        outcome="line …, column …: this comment would be executed; remove it",
        every="test_query__that_cannot_be_read__is_refused",
    ),
    Case(
        name="effects",
        title="a function with effects that is known",
        state=_UNSENT,
        code=Failure.WRITES,
        outcome="line …, column …: … does more than read; leave it out",
        every="test_query__that_calls_what_has_an_effect__is_refused",
    ),
    Case(
        name="case",
        title='`USER_ID` where the definition says `user_id`, with `"User_Id"` beside it',
        code=Failure.AMBIGUOUS_COLUMN,
        outcome=(
            "the result has … columns that … may mean: … Give each column of the result a name "
            "of its own with AS; case does not tell apart."
        ),
        every="test_column__named_in_another_case__fits_if_it_is_unique",
    ),
    Case(
        name="quoted",
        title="a column whose quoted name has blanks, quotes or capitals",
        state="applied",
        outcome="it is found by that name",
        every="test_column__of_a_quoted_name__is_found_as_it_is",
    ),
    Case(
        name="lacking",
        title="a column of the definition that the result lacks",
        code=Failure.COLUMN_MISSING,
        outcome=(
            "the result has no column …; it has … Name a column of the result, or give one that"
            " name with AS."
        ),
        every="test_column__that_is_not_there__is_named_with_those_that_are",
    ),
    Case(
        name="twice",
        title="an id twice, and an id that is NULL",
        state="applied",
        outcome="`duplicate` and `missing_id`, counted",
        every="test_rows__with_an_id_twice__leave_the_last_one",
    ),
    Case(
        name="unnamed",
        title="`SELECT COUNT(*)`, which BigQuery calls `f0_`",
        state="a preview",
        outcome="it asks for a name",
        tests={"BigQuery": "test_preview__of_a_query__has_types_bytes_and_warnings"},
    ),
    Case(
        name="bytes",
        title="more bytes than the cap, also by rounding alone",
        outcome="`too_many_bytes`, with both numbers",
        tests={"BigQuery": "test_query__of_more_bytes_than_the_cap__is_refused_with_both_numbers"},
    ),
)
