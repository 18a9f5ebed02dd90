"""The systemd units: verified by systemd itself, as safe as it says, and started as elsewhere."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway import settings
from gateway.core.health import processes
from tests.deploy.commands import gunicorn_setting, procfile
from tests.stack import ROOT

UNITS = ROOT / "deploy" / "systemd"
SERVICES = ("release", "web", "worker@", "loader@", "sender@", "scheduler")
HOME = "/opt/cohort-gateway"
# systemd's own measure: 0 is the safest, 10 no protection at all.
MOST_EXPOSED = 1.5


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Lay out a system: Debian's own units, ours, and programs where ours say that they are."""
    folder = tmp_path_factory.mktemp("system")
    shutil.copytree("/lib/systemd/system", folder / "usr/lib/systemd/system", symlinks=True)
    (folder / "lib").symlink_to("usr/lib")
    shutil.copytree(UNITS, folder / "etc/systemd/system")
    for name in (f"{HOME}/.venv/bin/python", f"{HOME}/.venv/bin/gunicorn"):
        program = folder / name[1:]
        program.parent.mkdir(parents=True, exist_ok=True)
        program.write_text("#!/bin/sh\n")
        program.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


def unit(name: str) -> dict[str, list[str]]:
    """Read a unit's directives, each with all values that it has."""
    found: dict[str, list[str]] = {}
    for line in (UNITS / f"cohort-gateway-{name}.service").read_text().splitlines():
        key, separator, value = line.partition("=")
        if separator and not line.startswith("#"):
            found.setdefault(key, []).append(value)
    return found


def verified(root: Path) -> tuple[int, str]:
    """Return what systemd makes of all units together."""
    names = ["cohort-gateway.target"]
    names += [f"cohort-gateway-{name.replace('@', '@1')}.service" for name in SERVICES]
    command = ["systemd-analyze", "verify", f"--root={root}", *names]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def test_units__verified_by_systemd__are_without_a_word(root: Path) -> None:
    assert verified(root) == (0, "")


def test_units__with_a_slip__are_found_out(root: Path) -> None:
    path = root / "etc/systemd/system/cohort-gateway-web.service"
    good = path.read_text()
    path.write_text(good.replace("Restart=always", "Restart=allways"))
    _, said = verified(root)
    path.write_text(good)
    assert "allways" in said


@pytest.mark.parametrize("name", SERVICES)
def test_services__measured_by_systemd__are_hardly_exposed(root: Path, name: str) -> None:
    service = f"cohort-gateway-{name.replace('@', '@1')}.service"
    command = ["systemd-analyze", "security", "--offline=true", f"--root={root}", "--no-pager"]
    done = subprocess.run([*command, service], capture_output=True, text=True, check=False)
    found = re.search(r"Overall exposure level for \S+ ([\d.]+)", done.stdout)
    assert found, done.stdout + done.stderr
    assert float(found[1]) <= MOST_EXPOSED


def test_services__commands__are_those_of_the_procfile() -> None:
    expected = procfile()
    for name in SERVICES:
        commands = [line.removeprefix(f"{HOME}/.venv/bin/") for line in unit(name)["ExecStart"]]
        assert " && ".join(commands) == expected[name.removesuffix("@")]


def test_services__settings_they_make__are_known_and_secrets_come_as_files() -> None:
    for name in SERVICES:
        made = dict(
            pair.split("=", 1) for line in unit(name)["Environment"] for pair in line.split()
        )
        assert made.keys() <= set(settings.NAMES)
        loaded = {line.split(":")[0] for line in unit(name)["LoadCredential"]}
        files = {key.removesuffix("_FILE"): path for key, path in made.items() if "_FILE" in key}
        assert files == {key: f"%d/{key}" for key in loaded}


def test_services__order__is_release_first_and_time_to_end_is_given() -> None:
    for name in SERVICES[1:]:
        assert unit(name)["Requires"] == unit(name)["After"] == ["cohort-gateway-release.service"]
        assert unit(name)["Restart"] == ["always"]
    (seconds,) = unit("web")["TimeoutStopSec"]
    assert int(seconds) >= gunicorn_setting("graceful_timeout") + 5
    assert unit("web")["Type"] == ["notify"]


def test_services__asked_to_reload__refuse_because_only_a_restart_is_one() -> None:
    # On SIGHUP gunicorn forks anew from the process it has: the environment and all code it has
    # loaded stay old. systemd itself refuses to reload what has no ExecReload.
    for name in SERVICES:
        assert unit(name).keys().isdisjoint({"ExecReload", "ReloadSignal"})
        assert unit(name)["Type"] != ["notify-reload"]
    assert "`systemctl reload` is refused" in (ROOT / "docs" / "deploy.md").read_text()


def test_target__wants_every_service() -> None:
    text = (UNITS / "cohort-gateway.target").read_text()
    lines = re.findall(r"^Wants=(.*)$", text, re.MULTILINE)
    wanted = {name for line in lines for name in line.split()}
    files = {path.name for path in UNITS.glob("*.service")} - {"cohort-gateway-release.service"}
    idle = set(processes.KINDS) - set(processes.NEEDED)
    files -= {f"cohort-gateway-{kind}@.service" for kind in idle}
    assert {re.sub(r"@\d", "@", name) for name in wanted} == files
