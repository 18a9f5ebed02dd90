"""Settings: what is accepted, what is refused, and that all of it is said at once."""

import os
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import BadSettings
from gateway.settings import NAMES, LogFormat, LogLevel, Settings, TraceExporter

MEBIBYTE = 1024 * 1024

# Without surrogates, which an environment cannot hold in this form, and NUL, which it never can.
texts = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))


def read(environ: Mapping[str, str]) -> Settings:
    return Settings.from_environ(environ)


def problems(environ: Mapping[str, str]) -> list[str]:
    """Return the lines of the refusal, one for each bad setting."""
    with pytest.raises(BadSettings) as caught:
        read(environ)
    first, *rest = str(caught.value).splitlines()
    assert first == "These settings cannot be used:"
    return [line.strip() for line in rest]


def test_empty_environment__is_enough() -> None:
    settings = read({})
    assert settings.port == 8000
    assert settings.bind == "127.0.0.1"
    assert settings.data_dir == Path(".data")
    assert settings.database_url is None
    assert settings.redis_url is None
    assert settings.webhook_username is None
    assert settings.webhook_password is None
    assert settings.api_key is None
    assert settings.max_pending_pages == 1_000_000
    assert settings.rate_limit_per_second is None
    assert settings.disk_bytes is None
    assert settings.public_url is None
    assert settings.max_body_bytes == 16 * MEBIBYTE
    assert settings.max_members == 10_000
    assert settings.request_deadline_seconds == 10.0
    assert settings.web_threads == 8
    assert settings.log_level is LogLevel.INFO
    assert settings.log_format is LogFormat.AUTO
    assert settings.error_hook is None
    assert settings.trace_exporter is TraceExporter.NONE
    assert settings.warnings == ()


def test_process_counts__by_default__follow_the_cores() -> None:
    settings = read({})
    cores = len(os.sched_getaffinity(0))
    assert settings.web_processes == min(max(cores, 2), 8)
    assert settings.workers == min(cores, 8)


EVERY_SETTING = {
    "PORT": "9000",
    "GATEWAY_BIND": "0.0.0.0",  # noqa: S104  an example
    "GATEWAY_DATA_DIR": "/srv/data",
    "DATABASE_URL": "postgres://u:p@db/gateway",
    "GATEWAY_READ_DATABASE_URL": "postgres://u:p@replica/gateway",
    "REDIS_URL": "redis://cache:6379/0",
    "GATEWAY_WEBHOOK_USERNAME": "mixpanel",
    "GATEWAY_WEBHOOK_PASSWORD": "p:a s",
    "GATEWAY_API_KEY": "key",
    "GATEWAY_WEB_PROCESSES": "3",
    "GATEWAY_WEB_THREADS": "4",
    "GATEWAY_WORKERS": "5",
    "GATEWAY_MAX_PENDING_PAGES": "6",
    "GATEWAY_RATE_LIMIT": "7",
    "GATEWAY_PUBLIC_URL": "https://gateway.example",
    "GATEWAY_DISK_GIB": "8",
    "GATEWAY_LOG_LEVEL": "WARNING",
    "GATEWAY_LOG_FORMAT": "json",
    "GATEWAY_ERROR_HOOK": "reports.sentry:send",
    "OTEL_TRACES_EXPORTER": "otlp",
}


def test_every_setting__set__is_read() -> None:
    assert read(EVERY_SETTING) == Settings(
        port=9000,
        bind="0.0.0.0",  # noqa: S104  an example
        data_dir=Path("/srv/data"),
        database_url="postgresql+psycopg2://u:p@db/gateway",
        read_database_url="postgresql+psycopg2://u:p@replica/gateway",
        redis_url="redis://cache:6379/0",
        webhook_username="mixpanel",
        webhook_password="p:a s",
        api_key="key",
        web_processes=3,
        web_threads=4,
        workers=5,
        max_pending_pages=6,
        public_url="https://gateway.example",
        rate_limit_per_second=7,
        disk_bytes=8 * 1024 * MEBIBYTE,
        log_level=LogLevel.WARNING,
        log_format=LogFormat.JSON,
        error_hook="reports.sentry:send",
        trace_exporter=TraceExporter.OTLP,
    )


@pytest.mark.parametrize("name", NAMES)
def test_empty_text__counts_as_unset(name: str) -> None:
    assert read({name: ""}) == read({})


@pytest.mark.parametrize(
    ("name", "least", "most"),
    [
        ("PORT", 1, 65_535),
        ("GATEWAY_WEB_PROCESSES", 1, 64),
        ("GATEWAY_WEB_THREADS", 1, 256),
        ("GATEWAY_WORKERS", 1, 64),
        ("GATEWAY_MAX_PENDING_PAGES", 1, 10**12),
        ("GATEWAY_RATE_LIMIT", 1, 1_000_000),
        ("GATEWAY_DISK_GIB", 1, 1_000_000),
    ],
)
def test_number__at_its_limits__is_accepted_and_beyond_refused(
    name: str, least: int, most: int
) -> None:
    read({name: str(least)})
    read({name: f" {most} "})
    for bad in (str(least - 1), str(most + 1), "-1", "1.5", "1_0", "٣", "+5", "0x10", "9" * 5000):
        (line,) = problems({name: bad})
        assert line.startswith(f"{name}: a whole number from {least} to {most}; it is '")
        assert len(line) < 200


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("https://gateway.example", "https://gateway.example"),
        ("https://gateway.example/", "https://gateway.example"),
        (" https://gateway.example:8443 ", "https://gateway.example:8443"),
        ("https://gateway.example/cohorts/", "https://gateway.example/cohorts"),
        ("https://[2001:db8::1]:8443/a/b", "https://[2001:db8::1]:8443/a/b"),
        ("https://192.0.2.1", "https://192.0.2.1"),
    ],
)
def test_public_url__of_https__is_shown_without_its_last_slash(text: str, kept: str) -> None:
    settings = read({"GATEWAY_PUBLIC_URL": text})
    assert settings.public_url == kept
    assert settings.shown_url == kept
    assert settings.local_url == "http://127.0.0.1:8000"


@pytest.mark.parametrize(
    "text",
    [
        "gateway.example",
        "http://gateway.example",
        "https://",
        "https://:8443",
        "https://gateway.example:",
        "https://gateway.example:0",
        "https://gateway.example:65536",
        "https://gateway.example:x",
        "https://user@gateway.example",
        "https://user:sesame@gateway.example",
        "https://gateway.example?",
        "https://gateway.example/?a=b",
        "https://gateway.example/#",
        "https://gateway.example/a b",
        "https://gateway.example//a",
        "https://gateway_example",
        "https://[2001:db8::1",
        "https://gateway.example/webhooks/mixpanel/default",
        "https://gateway.example\\a",
    ],
)
def test_public_url__anything_else__is_refused(text: str) -> None:
    (problem,) = problems({"GATEWAY_PUBLIC_URL": text})
    assert problem.startswith("GATEWAY_PUBLIC_URL: https://host[:port][/path]")


@pytest.mark.parametrize(
    ("bind", "host"),
    [
        ("0.0.0.0", "127.0.0.1"),  # noqa: S104 - nothing is bound
        ("::", "[::1]"),
        ("::1", "[::1]"),
        ("192.0.2.1", "192.0.2.1"),
        ("gateway.example", "gateway.example"),
    ],
)
def test_shown_url__of_what_is_bound__reaches_it_from_this_machine(bind: str, host: str) -> None:
    assert Settings(bind=bind, port=80).shown_url == f"http://{host}:80"


@pytest.mark.parametrize(
    ("text", "bind", "host"),
    [
        ("0.0.0.0", "0.0.0.0", "0.0.0.0"),  # noqa: S104  an example
        ("localhost", "localhost", "localhost"),
        ("web-1.example.com", "web-1.example.com", "web-1.example.com"),
        ("::1", "::1", "[::1]"),
        ("[::]", "::", "[::]"),
    ],
)
def test_bind__an_address_or_name__is_accepted(text: str, bind: str, host: str) -> None:
    settings = read({"GATEWAY_BIND": text})
    assert settings.bind == bind
    assert settings.bind_host == host


@pytest.mark.parametrize("text", ["127.0.0.1:80", "http://x", "a b", "-x", "unix:/run/web"])
def test_bind__anything_else__is_refused(text: str) -> None:
    (line,) = problems({"GATEWAY_BIND": text})
    assert line.startswith("GATEWAY_BIND: an IP address or a host name, without a port; it is ")


@pytest.mark.parametrize("text", ["print", "a:b:c", "a b:c", "a.b:", ":c", "a.:b", "../a:b", "ä:b"])
def test_error_hook__that_names_no_function__is_refused(text: str) -> None:
    (line,) = problems({"GATEWAY_ERROR_HOOK": text})
    assert line.startswith("GATEWAY_ERROR_HOOK: the module and the name of a function, like ")


def test_data_dir__below_home__is_expanded() -> None:
    data_dir = read({"GATEWAY_DATA_DIR": "~/gateway"}).data_dir
    assert data_dir == Path("~/gateway").expanduser()


def test_data_dir__of_a_user_there_is_not__is_refused() -> None:
    (line,) = problems({"GATEWAY_DATA_DIR": "~nobody-of-this-name/data"})
    assert line.startswith("GATEWAY_DATA_DIR: a path; ~name only for a user there is; it is ")


@pytest.mark.parametrize(
    ("name", "accepted"),
    [
        ("GATEWAY_LOG_LEVEL", "debug, info, warning, error"),
        ("GATEWAY_LOG_FORMAT", "json, console, auto"),
        ("OTEL_TRACES_EXPORTER", "none, otlp, console"),
    ],
)
def test_choice__unknown__lists_the_choices(name: str, accepted: str) -> None:
    assert problems({name: "loud"}) == [f"{name}: one of {accepted}; it is 'loud'"]


def test_bad_settings__several__are_all_named() -> None:
    lines = problems(
        {
            "PORT": "x",
            "DATABASE_URL": "x",
            "REDIS_URL": "x",
            "GATEWAY_WORKERS": "0",
            "GATEWAY_API_KEY": "a b",
            "GATEWAY_LOG_LEVEL": "loud",
            "GATEWAY_BIND": "127.0.0.1",
        }
    )
    assert sorted(line.partition(":")[0] for line in lines) == [
        "DATABASE_URL",
        "GATEWAY_API_KEY",
        "GATEWAY_LOG_LEVEL",
        "GATEWAY_WORKERS",
        "PORT",
        "REDIS_URL",
    ]


def test_unknown_names__of_ours__are_warned_about_with_the_nearest() -> None:
    settings = read({"GATEWAY_WORKER": "3", "GATEWAY_ZZZ": "", "WORKERS": "1", "GATEWAYS": "1"})
    assert settings.warnings == (
        "unknown setting GATEWAY_WORKER; did you mean GATEWAY_WORKERS?",
        "unknown setting GATEWAY_ZZZ; it has no effect",
    )


def test_known_names__all_of_them__are_not_warned_about() -> None:
    assert read(dict.fromkeys(NAMES, "")).warnings == ()


@given(st.dictionaries(st.sampled_from(NAMES), texts))
def test_any_environment__is_read_or_refused_by_name(environ: dict[str, str]) -> None:
    # Files named by chance must not be looked for in the folder the tests run in.
    environ = {name: text for name, text in environ.items() if not name.endswith("_FILE")}
    try:
        settings = read(environ)
    except BadSettings as refusal:
        lines = str(refusal).splitlines()[1:]
        assert {line.strip().partition(":")[0] for line in lines} <= environ.keys()
        assert len(lines) <= len(environ)
    else:
        assert isinstance(settings.port, int)


@given(st.integers(1, 65_535))
def test_port__any__is_itself(port: int) -> None:
    assert read({"PORT": str(port)}).port == port
