"""A real Prometheus on loopback that scrapes a gateway, and the alerts as it would judge them."""

from __future__ import annotations

import contextlib
import dataclasses
import shutil
import signal
import subprocess
import urllib.parse
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path
from typing import Any

import yaml

from gateway.local.embedded import children
from tests import stack as stacks
from tests.deploy import requesting
from tests.deploy.production import Production
from tests.stack import ROOT

ALERTS = ROOT / "deploy" / "alerts.yml"

# So that a test sees within a second what a person sees within a minute.
SCRAPE_SECONDS = 0.5


@dataclasses.dataclass(frozen=True)
class Prometheus:
    """Where it listens."""

    port: int

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}"

    def ask(self, path: str, **query: str) -> Any:  # noqa: ANN401 - JSON
        """Ask its API, and return the data of a good answer."""
        asked = f"/api/v1/{path}?{urllib.parse.urlencode(query)}"
        answer = requesting.send(requesting.plain(self.port), "GET", asked)
        assert answer.status == HTTPStatus.OK, answer.body
        return answer.json["data"]

    def query(self, expression: str) -> list[dict[str, Any]]:
        """Evaluate an expression now."""
        found: list[dict[str, Any]] = self.ask("query", query=expression)["result"]
        return found

    def would_fire(self, alert: str) -> bool:
        """Tell whether an alert's expression is true now; how long it has to be is not asked."""
        return bool(self.query(rules()[alert]["expr"]))


def rules() -> dict[str, Any]:
    """Return the alerts by name."""
    (group,) = yaml.safe_load(ALERTS.read_text())["groups"]
    return {rule["alert"]: rule for rule in group["rules"]}


@contextlib.contextmanager
def watching(production: Production, folder: Path) -> Iterator[Prometheus]:
    """Start a Prometheus that scrapes a gateway, and stop it afterwards."""
    program = shutil.which("prometheus")
    assert program, "Debian's package prometheus is missing; bin/ci-packages installs it"
    target = f"127.0.0.1:{production.port}"
    job = {"job_name": "gateway", "static_configs": [{"targets": [target]}]}
    every = {"scrape_interval": f"{int(SCRAPE_SECONDS * 1000)}ms", "scrape_timeout": "500ms"}
    (folder / "prometheus.yml").write_text(
        yaml.safe_dump({"global": every, "scrape_configs": [job]})
    )
    made = Prometheus(stacks.free_port())
    with (folder / "prometheus.log").open("wb") as log:
        process = children.start(
            [
                program,
                f"--config.file={folder / 'prometheus.yml'}",
                f"--storage.tsdb.path={folder / 'tsdb'}",
                f"--web.listen-address=127.0.0.1:{made.port}",
            ],
            environ={"PATH": "/usr/bin:/bin"},
            death_signal=signal.SIGKILL,
            output=log,
        )
    try:
        stacks.until(lambda: requesting.answered(made.port, "/-/ready") == HTTPStatus.OK)
        stacks.until(lambda: bool(made.query("gateway_build_info")))
        yield made
    finally:
        children.stop([process], ((signal.SIGTERM, 10.0), (signal.SIGKILL, 5.0)))


def promtool(*words: str | Path, text: str | None = None) -> str:
    """Run promtool to its good end, and return what it said."""
    done = subprocess.run(
        ["promtool", *[str(word) for word in words]],  # noqa: S607 - Debian's
        input=text,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr
