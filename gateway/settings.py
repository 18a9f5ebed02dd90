"""Every setting, read once from the environment into one frozen value; bad ones named at once."""

import difflib
import enum
import os
import pathlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, Self, TypeVar

from gateway import addresses, errors, servers, values

_T = TypeVar("_T")

_PREFIX: Final = "GATEWAY_"
_MEBIBYTE: Final = 1024 * 1024
_MOST_PROCESSES: Final = 64
_MOST_PROCESSES_BY_CORES: Final = 8
_SHOWN_CHARACTERS: Final = 60

# May come as NAME_FILE too: a path to a text that should be neither in an environment nor printed.
SECRET_NAMES: Final = (
    "DATABASE_URL",
    "GATEWAY_READ_DATABASE_URL",
    "REDIS_URL",
    "GATEWAY_WEBHOOK_USERNAME",
    "GATEWAY_WEBHOOK_PASSWORD",
    "GATEWAY_API_KEY",
)
PLAIN_NAMES: Final = (
    "PORT",
    "GATEWAY_BIND",
    "GATEWAY_DATA_DIR",
    "GATEWAY_DISK_DIR",
    "GATEWAY_DISK_GIB",
    "GATEWAY_ERROR_HOOK",
    "GATEWAY_LOG_FORMAT",
    "GATEWAY_LOG_LEVEL",
    "GATEWAY_MAX_COHORTS",
    "GATEWAY_MAX_PENDING_PAGES",
    "GATEWAY_PUBLIC_URL",
    "GATEWAY_RATE_LIMIT",
    "GATEWAY_WEB_PROCESSES",
    "GATEWAY_WEB_THREADS",
    "GATEWAY_WORKERS",
    "OTEL_TRACES_EXPORTER",
)
NAMES: Final = (*PLAIN_NAMES, *SECRET_NAMES, *(f"{name}_FILE" for name in SECRET_NAMES))


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


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How this installation is set up. None means not set; secrets are not in its repr."""

    port: int = 8000
    bind: str = "127.0.0.1"
    public_url: str | None = None
    database_url: str | None = field(default=None, repr=False)
    read_database_url: str | None = field(default=None, repr=False)
    redis_url: str | None = field(default=None, repr=False)
    data_dir: pathlib.Path = pathlib.Path(".data")
    webhook_username: str | None = field(default=None, repr=False)
    webhook_password: str | None = field(default=None, repr=False)
    api_key: str | None = field(default=None, repr=False)
    web_processes: int = 2
    web_threads: int = 8
    workers: int = 1
    max_pending_pages: int = 1_000_000
    max_cohorts: int = 10_000
    rate_limit_per_second: int | None = None
    disk_dir: pathlib.Path | None = None
    disk_bytes: int | None = None
    max_body_bytes: int = 16 * _MEBIBYTE
    max_members: int = 10_000
    request_deadline_seconds: float = 10.0
    log_level: LogLevel = LogLevel.INFO
    log_format: LogFormat = LogFormat.AUTO
    error_hook: str | None = None
    trace_exporter: TraceExporter = TraceExporter.NONE
    warnings: tuple[str, ...] = ()

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
        """Return the URL of a source's webhook, to print."""
        return f"{self.shown_url}{addresses.WEBHOOKS}{slug}"

    def require_database_url(self) -> str:
        """Return the address of Postgres; raises errors.BadSettings when it is not set."""
        return _required("DATABASE_URL", self.database_url)

    def require_redis_url(self) -> str:
        """Return the address of Redis; raises errors.BadSettings when it is not set."""
        return _required("REDIS_URL", self.redis_url)

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> Self:
        """Read the settings; an empty text counts as unset, an unknown GATEWAY_… name is a warning.

        Raises errors.BadSettings naming every setting that cannot be used and what is accepted.
        """
        reader = _Reader(environ)
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 2
        cores, processes = min(cores, _MOST_PROCESSES_BY_CORES), values.whole(1, _MOST_PROCESSES)
        settings = cls(
            port=reader.plain("PORT", values.whole(1, 65_535), 8000),
            bind=reader.plain("GATEWAY_BIND", values.host, "127.0.0.1"),
            public_url=reader.plain("GATEWAY_PUBLIC_URL", values.public_url, None),
            database_url=reader.secret("DATABASE_URL", servers.postgres),
            read_database_url=reader.secret("GATEWAY_READ_DATABASE_URL", servers.postgres),
            redis_url=reader.secret("REDIS_URL", servers.redis),
            data_dir=reader.plain("GATEWAY_DATA_DIR", values.path, pathlib.Path(".data")),
            webhook_username=reader.secret("GATEWAY_WEBHOOK_USERNAME", values.username),
            webhook_password=reader.secret("GATEWAY_WEBHOOK_PASSWORD", values.password),
            api_key=reader.secret("GATEWAY_API_KEY", values.api_key),
            web_processes=reader.plain("GATEWAY_WEB_PROCESSES", processes, max(cores, 2)),
            web_threads=reader.plain("GATEWAY_WEB_THREADS", values.whole(1, 256), 8),
            workers=reader.plain("GATEWAY_WORKERS", processes, cores),
            max_cohorts=reader.plain("GATEWAY_MAX_COHORTS", values.whole(1, 10**9), 10_000),
            max_pending_pages=reader.plain(
                "GATEWAY_MAX_PENDING_PAGES", values.whole(1, 10**12), 1_000_000
            ),
            rate_limit_per_second=reader.plain("GATEWAY_RATE_LIMIT", values.rate_limit, None),
            disk_dir=reader.plain("GATEWAY_DISK_DIR", values.path, None),
            disk_bytes=reader.plain("GATEWAY_DISK_GIB", values.gibibytes, None),
            log_level=reader.plain("GATEWAY_LOG_LEVEL", values.one_of(LogLevel), LogLevel.INFO),
            log_format=reader.plain("GATEWAY_LOG_FORMAT", values.one_of(LogFormat), LogFormat.AUTO),
            error_hook=reader.plain("GATEWAY_ERROR_HOOK", values.function, None),
            trace_exporter=reader.plain(
                "OTEL_TRACES_EXPORTER", values.one_of(TraceExporter), TraceExporter.NONE
            ),
            warnings=_warnings(environ),
        )
        reader.finish()
        return settings


def _required(name: str, value: str | None) -> str:
    if value is None:
        raise errors.BadSettings(
            f"These settings cannot be used:\n  {name}: must be set here, or in a file named by"
            f" {name}_FILE; only `make run` brings servers of its own",
        )
    return value


class _Reader:
    """Reads settings one by one and collects what is wrong with them."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self._problems: list[str] = []

    def plain(self, name: str, parse: Callable[[str], _T], default: _T) -> _T:
        """Return the parsed setting, or the default when it is unset or bad."""
        text = self._environ.get(name, "").strip()
        if not text:
            return default
        try:
            return parse(values.printable(text))
        except values.Unaccepted as problem:
            shown = ascii(text)
            if len(shown) > _SHOWN_CHARACTERS:
                shown = f"{shown[:_SHOWN_CHARACTERS]}…"
            self._problems.append(f"{name}: {problem}; it is {shown}")
            return default

    def secret(self, name: str, parse: Callable[[str], str]) -> str | None:
        """Return the parsed secret, or None when it is unset or bad; problems never show it."""
        text, source = self._environ.get(name, ""), name
        if file_name := self._environ.get(f"{name}_FILE", ""):
            source = f"{name}_FILE"
            if text:
                self._problems.append(f"{name}: set either {name} or {source}, not both")
                return None
            text = self._file_text(source, file_name)
        if not text:
            return None
        try:
            return parse(values.printable(text))
        except values.Unaccepted as problem:
            self._problems.append(f"{source}: {problem}")
            return None

    def _file_text(self, source: str, file_name: str) -> str:
        accepted = "the path of a readable, non-empty text file in UTF-8"
        try:
            text = pathlib.Path(file_name).read_text("utf-8").strip("\r\n")
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
            self._problems.append(f"{source}: {accepted}; {file_name!a}: {reason}")
            return ""
        if not text:
            self._problems.append(f"{source}: {accepted}; {file_name!a} is empty")
        return text

    def finish(self) -> None:
        """Raise errors.BadSettings when anything was wrong."""
        if self._problems:
            raise errors.BadSettings(
                "\n  ".join(["These settings cannot be used:", *self._problems]),
            )


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
