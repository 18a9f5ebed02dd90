"""Settings that are secrets or hold one: never shown, and read from files too."""

from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import BadSettings
from gateway.settings import SECRET_NAMES, Settings

SECRET = "hunter2-and-more"

GOOD = {
    "GATEWAY_NOTIFY": "ops=json://h\ngrowth=json://g",
    "DATABASE_URL": "postgresql+psycopg2://h/d",
    "GATEWAY_READ_DATABASE_URL": "postgresql+psycopg2://r/d",
    "REDIS_URL": "redis://h",
}


def read(environ: Mapping[str, str]) -> Settings:
    return Settings.from_environ(environ)


def problems(environ: Mapping[str, str]) -> list[str]:
    """Return the lines of the refusal, one for each bad setting."""
    with pytest.raises(BadSettings) as caught:
        read(environ)
    first, *rest = str(caught.value).splitlines()
    assert first == "These settings cannot be used:"
    return [line.strip() for line in rest]


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg2", "Postgres"])
def test_database_url__any_name_of_postgres__gets_the_driver(scheme: str) -> None:
    rest = "://user:p%40ss@host:5432/name?sslmode=require"
    assert read({"DATABASE_URL": scheme + rest}).database_url == f"postgresql+psycopg2{rest}"


@pytest.mark.parametrize(
    "url",
    ["postgresql:///name?host=/run/postgresql", "postgresql://host/?dbname=name"],
)
def test_database_url__with_a_database_somewhere__is_accepted(url: str) -> None:
    assert read({"DATABASE_URL": url}).database_url is not None


@pytest.mark.parametrize(
    "url",
    [
        "mysql://user:hunter2-and-more@host/name",
        "host=db password=hunter2-and-more",
        "postgresql://user:hunter2-and-more@host:port/name",
        "postgresql://user:hunter2-and-more@host:0/name",
        "postgresql://user:hunter2-and-more@host:5432",
        "postgresql://user:hunter2-and-more@[host/name",
        "hunter2-and-more",
    ],
)
def test_database_url__unusable__is_refused_unseen(url: str) -> None:
    (line,) = problems({"DATABASE_URL": url})
    assert line.startswith("DATABASE_URL: ")
    assert "postgresql://user:password@host:5432/database" in line
    assert SECRET not in line


@pytest.mark.parametrize("url", ["redis://host/0", "rediss://:p@host:6380/1", "unix:///run/redis"])
def test_redis_url__of_a_known_kind__is_kept_as_it_is(url: str) -> None:
    assert read({"REDIS_URL": url}).redis_url == url


@pytest.mark.parametrize("url", ["host:6379", "http://:hunter2-and-more@host", "redis://h:x"])
def test_redis_url__unusable__is_refused_unseen(url: str) -> None:
    (line,) = problems({"REDIS_URL": url})
    assert line.startswith("REDIS_URL: ")
    assert "redis://user:password@host:6379/0" in line
    assert SECRET not in line


@pytest.mark.parametrize(
    ("require", "name"),
    [
        (Settings.require_database_url, "DATABASE_URL"),
        (Settings.require_redis_url, "REDIS_URL"),
    ],
)
def test_required_url__unset__is_named(require: object, name: str) -> None:
    assert callable(require)
    with pytest.raises(BadSettings, match=f"{name}: must be set"):
        require(Settings())


def test_required_url__set__is_returned() -> None:
    settings = Settings(database_url="postgresql+psycopg2://h/d", redis_url="redis://h")
    assert settings.require_database_url() == "postgresql+psycopg2://h/d"
    assert settings.require_redis_url() == "redis://h"


@pytest.mark.parametrize(
    ("name", "bad"),
    [
        ("GATEWAY_WEBHOOK_USERNAME", "hunter2-and-more:b"),
        ("GATEWAY_WEBHOOK_PASSWORD", "hunter2-and-more\n"),
        ("GATEWAY_WEBHOOK_PASSWORD", "hunter2-and-more\udc80"),
        ("GATEWAY_API_KEY", "hunter2-and-more b"),
        ("GATEWAY_API_KEY", "hunter2-and-more-é"),
        ("DATABASE_URL", "postgresql://u:hunter2-and-more@h/d\t"),
    ],
)
def test_secret__unusable__is_refused_unseen(name: str, bad: str) -> None:
    (line,) = problems({name: bad})
    assert line.startswith(f"{name}: ")
    assert SECRET not in line


def test_secret_key__of_several__has_the_newest_first() -> None:
    assert read({}).secret_keys == ()
    new, old = "n" * 32, "o" * 40
    found = read({"GATEWAY_SECRET_KEY": f"{new}, {old}"})
    assert found.secret_keys == (new, old)
    assert new not in repr(found)


@pytest.mark.parametrize("bad", ["n" * 31, f"{'n' * 32},", f"{'n' * 32},short", ","])
def test_secret_key__that_can_be_guessed__is_refused_unseen(bad: str) -> None:
    (line,) = problems({"GATEWAY_SECRET_KEY": bad})
    assert line.startswith("GATEWAY_SECRET_KEY: random texts of 32 characters")
    assert "nnn" not in line


def test_notify__of_several_lines__names_channels() -> None:
    found = read({"GATEWAY_NOTIFY": f" ops=json://u:{SECRET}@h/?a=b \n\nall=mailto://x\r\n"})
    assert found.notify == {"ops": f"json://u:{SECRET}@h/?a=b", "all": "mailto://x"}
    assert SECRET not in repr(found)
    assert read({}).notify == {}


@pytest.mark.parametrize(
    "bad",
    [
        f"json://{SECRET}",
        f"ops={SECRET}",
        f"Ops=json://{SECRET}",
        f"=json://{SECRET}",
        f"ops=json://{SECRET}\nops=json://{SECRET}",
        f"ops=json://{SECRET}\tx",
    ],
)
def test_notify__that_is_no_list_of_channels__is_refused_unseen(bad: str) -> None:
    (line,) = problems({"GATEWAY_NOTIFY": bad})
    assert line.startswith("GATEWAY_NOTIFY: ")
    assert SECRET not in line


@pytest.mark.parametrize("name", SECRET_NAMES)
def test_secret_file__holds_the_secret(name: str, tmp_path: Path) -> None:
    value = GOOD.get(name, "s3" * 16)
    path = tmp_path / "secret"
    path.write_text(f"{value}\n")
    assert read({f"{name}_FILE": str(path)}) == read({name: value})


@pytest.mark.parametrize("name", SECRET_NAMES)
def test_secret_file__beside_the_secret__is_refused(name: str, tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_text(SECRET)
    lines = problems({name: SECRET, f"{name}_FILE": str(path)})
    assert lines == [f"{name}: set either {name} or {name}_FILE, not both"]


@pytest.mark.parametrize(
    ("content", "reason"),
    [(None, "No such file or directory"), (b"\n", "is empty"), (b"\xff\xfe", "not UTF-8")],
)
def test_secret_file__unusable__is_named_with_its_path(
    content: bytes | None, reason: str, tmp_path: Path
) -> None:
    path = tmp_path / "secret"
    if content is not None:
        path.write_bytes(content)
    (line,) = problems({"GATEWAY_API_KEY_FILE": str(path)})
    assert line.startswith("GATEWAY_API_KEY_FILE: the path of a readable, non-empty text file")
    assert str(path) in line
    assert line.endswith(reason)


def test_secret_file__with_an_unusable_secret__is_refused_unseen(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_text(f"{SECRET}\nsecond line")
    (line,) = problems({"GATEWAY_WEBHOOK_PASSWORD_FILE": str(path)})
    assert line.startswith("GATEWAY_WEBHOOK_PASSWORD_FILE: ")
    assert SECRET not in line


def test_repr__of_settings_with_secrets__shows_none() -> None:
    shown = repr(
        read(
            {
                "DATABASE_URL": f"postgresql://u:{SECRET}@h/d",
                "REDIS_URL": f"redis://:{SECRET}@h",
                "GATEWAY_WEBHOOK_USERNAME": SECRET,
                "GATEWAY_WEBHOOK_PASSWORD": SECRET,
                "GATEWAY_API_KEY": SECRET,
            }
        )
    )
    assert SECRET not in shown
    assert "port=8000" in shown


@given(st.text(min_size=1).filter(str.isprintable))
def test_password__any_printable_text__is_itself(password: str) -> None:
    assert read({"GATEWAY_WEBHOOK_PASSWORD": password}).webhook_password == password
