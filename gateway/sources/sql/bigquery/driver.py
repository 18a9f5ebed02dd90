"""Sessions with BigQuery through google-cloud-bigquery: a dry run first, then rows by pages."""

from __future__ import annotations

import concurrent.futures
import contextlib
import itertools
import json
import threading
from typing import TYPE_CHECKING, Any, Final, cast

import requests
from google.api_core import exceptions as api
from google.api_core.client_options import ClientOptions
from google.auth import exceptions as auth
from google.auth.transport.requests import AuthorizedSession, Request
from google.cloud import bigquery
from google.oauth2 import service_account

from gateway.core.cohorts.failures import Failure
from gateway.sources.sql import https, session
from gateway.sources.sql.bigquery import failures, settings, values
from gateway.sources.sql.bigquery.lines import AT_ONCE, Lines
from gateway.sources.sql.failures import failed
from gateway.sources.sql.queries import Query
from gateway.sources.sql.session import Column, Estimate, Table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from gateway import errors
    from gateway.sources.sql.session import Row, Target

SCOPE: Final = "https://www.googleapis.com/auth/bigquery"
# What may pass is tried again for so long.
RETRY: Final = bigquery.DEFAULT_RETRY.with_timeout(10.0)
_FIELDS: Final = ("type", "client_email", "private_key", "private_key_id", "token_uri")
_CANCEL_SECONDS: Final = 3.0
_MOST_CANCELS: Final = 3
_READS: Final = "SELECT"
_SCRIPT: Final = "SCRIPT"
_WRITING: Final = (
    "bigquery.tables.updateData",
    "bigquery.tables.update",
    "bigquery.tables.delete",
)
# So many datasets are looked at for what the role may do.
_MOST_DATASETS: Final = 20
_TROUBLE: Final = (
    api.GoogleAPICallError,
    api.RetryError,
    auth.GoogleAuthError,
    requests.RequestException,
    concurrent.futures.TimeoutError,
)


def greet(target: Target, addresses: Sequence[str]) -> None:
    """Connect without signing in."""
    host, port = settings.place(target.config)
    is_plain = str(target.config["endpoint"]).startswith("http:")
    https.greet(host, port, addresses, is_plain=is_plain)


def connect(target: Target, addresses: Sequence[str]) -> BigQuerySession:
    """Sign in, and see whether the project runs queries. Raises errors.ReadFailed."""
    lines = Lines(target.reach, {settings.place(target.config): addresses})
    credentials = _credentials(target)
    refreshing = Request(lines.session(requests.Session()))
    client = bigquery.Client(
        project=target.config["project"],
        credentials=credentials,
        location=target.config["location"],
        client_options=ClientOptions(api_endpoint=target.config["endpoint"]),
        _http=lines.session(AuthorizedSession(credentials, auth_request=refreshing)),
    )
    opened = BigQuerySession(client, credentials, target, lines)
    opened.prepare(refreshing)
    return opened


def _credentials(target: Target) -> service_account.Credentials:
    try:
        given = json.loads(target.secrets.get("service_account") or "{}")
        known = {name: given[name] for name in _FIELDS if name in given}
        return service_account.Credentials.from_service_account_info(known, scopes=[SCOPE])
    except (ValueError, TypeError, auth.GoogleAuthError) as error:
        message = "there is no key of a service account that can be read"
        raise failed(Failure.SIGN_IN_FAILED, message) from error


class BigQuerySession:
    """Jobs that only read, one at a time."""

    def __init__(
        self,
        client: bigquery.Client,
        credentials: service_account.Credentials,
        target: Target,
        lines: Lines,
    ) -> None:
        self._client = client
        self._credentials = credentials
        self._target = target
        self._lines = lines
        self._job: bigquery.QueryJob | None = None
        self._cancels = 0

    def prepare(self, refreshing: Request) -> None:
        """Get a token, and see by a dry run that the project is there."""
        try:
            self._credentials.refresh(refreshing)
            self._begun(Query("SELECT 1 AS one"), is_dry=True)
        except _TROUBLE as error:
            self.close()
            found = self._failed(error)
            if found.failure == Failure.QUERY_INVALID:
                raise failed(Failure.SIGN_IN_FAILED, str(found)) from error
            raise found from error

    def read(self, query: Query, *, rows_per_batch: int) -> BigQueryResult:
        """Run the query if the dry run says that it only reads, and for no more than it may."""
        with self._translated():
            planned = self._begun(query, is_dry=True)
            self._require_reading(planned)
            scanned = int(planned.total_bytes_processed or 0)
            cap = self._target.config["maximum_bytes_billed"]
            if cap is not None and scanned > cap:
                raise failures.too_many_bytes(scanned, cap)
            try:
                self._job = self._begun(query, is_dry=False)
                rows = self._job.result(page_size=rows_per_batch, retry=RETRY, job_retry=None)
            except api.GoogleAPICallError as error:
                found = self._failed(error)
                if found.failure == Failure.TOO_MANY_BYTES and cap is not None:
                    raise failures.too_many_bytes(scanned, cap, str(found)) from error
                raise
        return BigQueryResult(self, rows)

    def estimate(self, query: Query) -> Estimate:
        """Ask by a dry run, which costs nothing."""
        with self._translated():
            planned = self._begun(query, is_dry=True)
        return Estimate(bytes=int(planned.total_bytes_processed or 0))

    def tables(self, search: str, *, most: int) -> Sequence[Table]:
        """List tables of the project's datasets; their columns are asked for one by one."""
        with self._translated():
            found = list(itertools.islice(self._listed(search.casefold()), most))
            ordered = sorted(found, key=lambda one: (one.dataset_id, one.table_id))
            with concurrent.futures.ThreadPoolExecutor(AT_ONCE, "tables") as threads:
                return list(threads.map(self._described, ordered))

    def _listed(self, search: str) -> Iterator[Any]:
        for dataset in self._client.list_datasets(retry=RETRY):
            for one in self._client.list_tables(dataset.reference, retry=RETRY):
                if search in f"{one.dataset_id}.{one.table_id}".casefold():
                    yield one

    def _described(self, one: Any) -> Table:  # noqa: ANN401 - an item of a list
        known = self._client.get_table(one.reference, retry=RETRY)
        columns = [_column(field) for field in known.schema]
        return Table(schema=one.dataset_id, name=one.table_id, columns=columns)

    def powers(self) -> Sequence[str]:
        """Ask of the first table of each dataset what the account may do with it."""
        found: list[str] = []
        with self._translated():
            datasets = self._client.list_datasets(retry=RETRY, max_results=_MOST_DATASETS)
            for dataset in datasets:
                listed = self._client.list_tables(dataset.reference, retry=RETRY, max_results=1)
                for one in listed:
                    found += self._powers_over(one)
        return found

    def _powers_over(self, one: Any) -> Iterator[str]:  # noqa: ANN401 - an item of a list
        told = self._client.test_iam_permissions(one.reference, _WRITING, retry=RETRY)
        held = [name for name in _WRITING if name in told.get("permissions", ())]
        if held:
            yield f"it has {', '.join(held)} on {one.dataset_id}.{one.table_id}"

    def cancel(self) -> None:
        """Ask to stop the job; where nothing listens, cut the connections."""
        self._cancels += 1
        if self._cancels > _MOST_CANCELS:
            self._lines.cut()
            return
        asking = threading.Thread(target=self._ask_to_cancel, name="cancel", daemon=True)
        asking.start()
        asking.join(_CANCEL_SECONDS)

    def _ask_to_cancel(self) -> None:
        with contextlib.suppress(*_TROUBLE):
            if self._job is not None:
                self._job.cancel(retry=None, timeout=_CANCEL_SECONDS)

    def close(self) -> None:
        """Close the connections; jobs leave nothing behind."""
        self._client.close()

    def pages(self, rows: Any, decode: Callable[[Any], Row]) -> Iterator[Sequence[Row]]:  # noqa: ANN401 - the client's
        """Read rows by pages. Raises errors.ReadFailed."""
        with self._translated():
            for page in rows.pages:
                yield [decode(row) for row in page]

    def _begun(self, query: Query, *, is_dry: bool) -> bigquery.QueryJob:
        config = bigquery.QueryJobConfig(
            dry_run=is_dry, use_legacy_sql=False, labels={"application": session.APPLICATION}
        )
        if is_dry:
            config.use_query_cache = False  # or it would say that nothing is read
        else:
            config.job_timeout_ms = max(1, int(self._target.limit_seconds * 1000))
            config.maximum_bytes_billed = self._target.config["maximum_bytes_billed"]
        dataset = self._target.config["default_dataset"]
        if dataset is not None:
            config.default_dataset = bigquery.DatasetReference.from_string(
                dataset, default_project=self._target.config["project"]
            )
        return self._client.query(query.text, job_config=config, retry=RETRY, job_retry=None)

    def _require_reading(self, planned: bigquery.QueryJob) -> None:
        kind = planned.statement_type
        if kind == _SCRIPT:
            raise failed(Failure.NOT_ONE_STATEMENT, "it is a script of several statements")
        if kind != _READS:
            raise failed(Failure.WRITES, f"{kind} does more than read")

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except _TROUBLE as error:
            raise self._failed(error) from error

    def _failed(self, error: BaseException) -> errors.ReadFailed:
        secrets = (*self._target.secrets.values(), str(self._credentials.token or ""))
        if isinstance(error, api.RetryError) and error.cause is not None:
            return self._failed(error.cause)
        if isinstance(error, api.GoogleAPICallError):
            told = cast("dict[str, Any]", error.errors[0] if error.errors else {})
            message = told.get("message") or error.message
            return failures.of_reason(
                told.get("reason", ""), int(error.code or 0), message, secrets
            )
        if isinstance(error, auth.TransportError):
            return failed(Failure.UNREACHABLE, f"no token: {error.args[0]}", secrets)
        if isinstance(error, auth.GoogleAuthError):
            return failed(Failure.SIGN_IN_FAILED, f"no token: {error.args[0]}", secrets)
        return failed(Failure.UNREACHABLE, f"the connection broke off: {error}", secrets)


class BigQueryResult:
    """The rows of a job, page by page."""

    def __init__(self, opened: BigQuerySession, rows: Any) -> None:  # noqa: ANN401 - the client's
        self._session = opened
        self._rows = rows
        self.columns: Sequence[Column] = [_column(field) for field in rows.schema]
        self._intervals = [
            place for place, field in enumerate(rows.schema) if field.field_type == "INTERVAL"
        ]

    def batches(self) -> Iterator[Sequence[Row]]:
        """Read until the last page."""
        for rows in self._session.pages(self._rows, self._decoded):
            if rows:
                yield rows

    def _decoded(self, row: Any) -> Row:  # noqa: ANN401 - the client's
        found = tuple(row)  # its own `values` copies each value
        if not self._intervals:
            return found
        written = list(found)
        for place in self._intervals:
            written[place] = values.interval(written[place])
        return tuple(written)


def _column(field: bigquery.SchemaField) -> Column:
    return Column(name=field.name, type=values.type_name(field.field_type, field.mode))
