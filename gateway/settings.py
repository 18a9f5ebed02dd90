"""Every setting, declared once: a field of `Settings`, with all that is known of it beside it."""

import dataclasses
import difflib
import enum
import os
import pathlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

from gateway import addresses, errors, servers, values
from gateway.values import Setting, secret, setting

_PREFIX: Final = "GATEWAY_"
_MEBIBYTE: Final = 1024 * 1024
_MOST_PROCESSES_BY_CORES: Final = 8
_PROCESSES: Final = values.whole(1, 64)


class LogLevel(enum.StrEnum):
    """The least serious event that is logged."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class LogFormat(enum.StrEnum):
    """How an event is written; AUTO is CONSOLE at a terminal and JSON elsewhere."""

    JSON = "json"
    CONSOLE = "console"
    AUTO = "auto"


class TraceExporter(enum.StrEnum):
    """Where traces go; the names and the variable are OpenTelemetry's."""

    NONE = "none"
    OTLP = "otlp"
    CONSOLE = "console"


def _cores() -> int:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 2
    return min(cores, _MOST_PROCESSES_BY_CORES)


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How this installation is set up. None means not set; secrets are not in its repr."""

    port: int = setting("PORT", values.whole(1, 65_535), 8000, "web port", shown="8000")
    bind: str = setting(
        "GATEWAY_BIND",
        values.host,
        "127.0.0.1",
        "address to listen on",
        shown="127.0.0.1; where gunicorn is started by itself, 0.0.0.0",
    )
    public_url: str | None = setting(
        "GATEWAY_PUBLIC_URL",
        values.public_url,
        None,
        "the public `https://host[:port][/path]` of the gateway, used in each printed URL",
        shown="none: this machine's",
    )
    database_url: str | None = secret(
        "DATABASE_URL",
        servers.postgres,
        "the Postgres to use, 15 or newer; `postgres://` and parameters of libpq are accepted"
        " (`?sslmode=verify-full`, `?options=-c%20search_path%3Dapp`)",
        shown="its own Postgres",
    )
    read_database_url: str | None = secret(
        "GATEWAY_READ_DATABASE_URL",
        servers.postgres,
        "a streaming replica of it that serves the [query calls](docs/scaling.md#replicas)",
        shown="none: the primary serves them",
    )
    redis_url: str | None = secret(
        "REDIS_URL",
        servers.redis,
        "the Redis or Valkey to use, with the redis-py parameters that RQ supports",
        shown="its own Valkey",
    )
    data_dir: pathlib.Path = setting(
        "GATEWAY_DATA_DIR",
        values.path,
        pathlib.Path(".data"),
        "folder of its own servers and credentials",
    )
    webhook_username: str | None = secret(
        "GATEWAY_WEBHOOK_USERNAME",
        values.username,
        "user name of the source `default`",
        shown="`mixpanel`",
    )
    webhook_password: str | None = secret(
        "GATEWAY_WEBHOOK_PASSWORD",
        str,
        "its password",
        shown="generated at the first start and kept",
    )
    api_key: str | None = secret(
        "GATEWAY_API_KEY",
        values.api_key,
        "an API key with all scopes",
        shown="generated at the first start and kept",
    )
    secret_key: str | None = secret(
        "GATEWAY_SECRET_KEY",
        values.secret_key,
        "encrypts [secrets of sources](docs/sources.md#secrets): random texts of 32 characters or"
        " more, the newest first, with commas between",
        shown="generated at the first start and kept",
    )
    private_destinations: tuple[values.Network, ...] = setting(
        "GATEWAY_ALLOW_PRIVATE_DESTINATIONS",
        values.networks,
        (),
        "private networks that [destinations](docs/destinations.md#addresses) may be in",
    )
    suppress: tuple[int, ...] = setting(
        "GATEWAY_SUPPRESS", values.cohort_ids, (), "cohorts, by id, of which no member is sent"
    )
    notify: Mapping[str, str] = setting(
        "GATEWAY_NOTIFY",
        values.channels,
        dict,
        "channels of [notices](docs/notices.md), one a line, as `ops=slack://…`",
        shown="none",
        secret=True,
        lines=True,
    )
    web_processes: int = setting(
        "GATEWAY_WEB_PROCESSES",
        _PROCESSES,
        lambda: max(_cores(), 2),
        "web processes",
        shown="as many as cores, from 2 to 8",
    )
    web_threads: int = setting(
        "GATEWAY_WEB_THREADS", values.whole(1, 256), 8, "threads in each of them"
    )
    workers: int = setting(
        "GATEWAY_WORKERS",
        _PROCESSES,
        _cores,
        "worker processes of `make run`",
        shown="as many as cores, at most 8",
    )
    loads: int = setting(
        "GATEWAY_LOADS",
        _PROCESSES,
        2,
        "files and queries that are read at once, and loader processes of `make run`",
    )
    max_upload_mib: int = setting(
        "GATEWAY_MAX_UPLOAD_MIB",
        values.whole(1, 1024 * 1024),
        512,
        "size in MiB of the largest file that is taken in parts",
    )
    max_cohorts: int = setting(
        "GATEWAY_MAX_COHORTS",
        values.whole(1, 10**9),
        10_000,
        "cohorts of one source, without deleted ones; a page that would create one more is"
        " answered 429",
    )
    max_pending_pages: int = setting(
        "GATEWAY_MAX_PENDING_PAGES",
        values.whole(1, 10**12),
        1_000_000,
        "pending pages beyond which the webhook answers 429",
    )
    rate_limit_per_second: int | None = setting(
        "GATEWAY_RATE_LIMIT",
        values.whole(1, 1_000_000),
        None,
        "requests per second and source beyond which the webhook answers 429",
    )
    event_days: int = setting(
        "GATEWAY_EVENT_DAYS",
        values.whole(1, 3650),
        400,
        "days that events of people are kept; older ones are refused, and dropped by whole months",
    )
    event_id_days: int = setting(
        "GATEWAY_EVENT_ID_DAYS",
        values.whole(1, 400),
        7,
        "days after its receipt that an `event_id` is remembered",
    )
    disk_dir: pathlib.Path | None = setting(
        "GATEWAY_DISK_DIR",
        values.path,
        None,
        "a folder on the disk of a Postgres on this machine, for the same alert; `make run`"
        " sets it for its own",
        shown="unknown",
    )
    disk_bytes: int | None = setting(
        "GATEWAY_DISK_GIB",
        values.gibibytes,
        None,
        "size in GiB of the disk of your own Postgres, for the [alert](docs/monitoring.md)"
        " before it is full",
        shown="unknown",
    )
    allow_local_sources: bool = setting(
        "GATEWAY_ALLOW_LOCAL_SOURCES",
        values.switch,
        False,  # noqa: FBT003 - the default
        "1 lets [databases](docs/databases.md) be on this machine, for trying",
        shown="0",
    )
    query_seconds: int = setting(
        "GATEWAY_QUERY_SECONDS",
        values.whole(1, 86_400),
        900,
        "how long the query of a cohort may take in all",
    )
    query_rows: int = setting(
        "GATEWAY_QUERY_ROWS",
        values.whole(1, 10**9),
        20_000_000,
        "how many rows it may have",
    )
    log_level: LogLevel = setting(
        "GATEWAY_LOG_LEVEL",
        values.one_of(LogLevel),
        LogLevel.INFO,
        "`debug`, `info`, `warning` or `error`",
    )
    log_format: LogFormat = setting(
        "GATEWAY_LOG_FORMAT",
        values.one_of(LogFormat),
        LogFormat.AUTO,
        "`json`, `console`, or `auto`: console at a terminal, JSON elsewhere",
    )
    error_hook: str | None = setting(
        "GATEWAY_ERROR_HOOK",
        values.function,
        None,
        "`module:function` that is called with each error, as for Sentry:"
        " [docs/tracing.md](docs/tracing.md#errors)",
    )
    trace_exporter: TraceExporter = setting(
        "OTEL_TRACES_EXPORTER",
        values.one_of(TraceExporter),
        TraceExporter.NONE,
        "exporter of OpenTelemetry traces, `otlp` or `console`; needs an extra:"
        " [docs/tracing.md](docs/tracing.md)",
    )
    max_body_bytes: int = 16 * _MEBIBYTE
    max_members: int = 10_000
    request_deadline_seconds: float = 10.0
    warnings: tuple[str, ...] = ()

    @property
    def max_upload_bytes(self) -> int:
        """The size of the largest file that is taken in parts."""
        return self.max_upload_mib * _MEBIBYTE

    @property
    def secret_keys(self) -> tuple[str, ...]:
        """The keys of secrets, the newest first; none if none are set."""
        return () if self.secret_key is None else values.listed(self.secret_key)

    @property
    def bind_host(self) -> str:
        """`bind` as it stands in a URL: an IPv6 address in brackets."""
        return f"[{self.bind}]" if ":" in self.bind else self.bind

    @property
    def local_url(self) -> str:
        """The URL by which this machine reaches the gateway, without a slash at the end."""
        return addresses.local_url(self.bind, self.port)

    @property
    def shown_url(self) -> str:
        """The URL to print: the public one, or this machine's where none is set."""
        return self.public_url or self.local_url

    def webhook_url(self, slug: str) -> str:
        return f"{self.shown_url}{addresses.WEBHOOKS}{slug}"

    def require_database_url(self) -> str:
        """Return the address of Postgres; raises errors.BadSettings when it is not set."""
        return values.required("DATABASE_URL", self.database_url)

    def require_redis_url(self) -> str:
        """Return the address of Redis; raises errors.BadSettings when it is not set."""
        return values.required("REDIS_URL", self.redis_url)

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> Self:
        """Read the settings; an empty text counts as unset, an unknown GATEWAY_… name is a warning.

        Raises errors.BadSettings naming every setting that cannot be used and what is accepted.
        """
        given: dict[str, Any] = {}
        problems = []
        for attribute, declared in FIELDS.items():
            try:
                if (value := declared.read(environ)) is not None:
                    given[attribute] = value
            except values.Unaccepted as problem:
                problems.append(str(problem))
        if problems:
            raise errors.BadSettings(values.refusal(*problems))
        return cls(**given, warnings=_warnings(environ))


FIELDS: Final[Mapping[str, Setting]] = {
    one.name: one.metadata[values.DECLARED]
    for one in dataclasses.fields(Settings)
    if values.DECLARED in one.metadata
}
TABLE: Final = tuple(FIELDS.values())
SECRET_NAMES: Final = tuple(one.name for one in TABLE if one.secret)
NAMES: Final = (*(one.name for one in TABLE), *(f"{name}_FILE" for name in SECRET_NAMES))


def unknown_names(environ: Mapping[str, str]) -> list[str]:
    """Return the names that look like settings of ours and are none, in order."""
    return sorted(name for name in environ if name.startswith(_PREFIX) and name not in NAMES)


def _warnings(environ: Mapping[str, str]) -> tuple[str, ...]:
    # Compared without their common beginning, which would make all of them look alike.
    known = [name.removeprefix(_PREFIX) for name in NAMES if name.startswith(_PREFIX)]
    warnings = []
    for name in unknown_names(environ):
        near = difflib.get_close_matches(name.removeprefix(_PREFIX), known, n=1)
        hint = f"; did you mean {_PREFIX}{near[0]}?" if near else "; it has no effect"
        warnings.append(f"unknown setting {ascii(name)[1:-1]}{hint}")
    return tuple(warnings)
