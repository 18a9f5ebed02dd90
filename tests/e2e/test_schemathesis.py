"""The API does what its own description says, whatever is sent."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.running import PATIENCE_SECONDS, Running, perform

ROOT = Path(__file__).resolve().parents[2]
SETTINGS = ROOT / "tests/e2e/schemathesis.toml"
KEY = "key-of-the-schemathesis-test"
LOGIN = "mixpanel:password-of-the-test"

# What only a certain moment allows, and chance seldom meets: a blocked page, a load that waits for
# a mapping or an approval, a run that waits for one, a source that is a database.
SELDOM_ACCEPTED = {
    "POST /v1/deliveries/{delivery_id}/retry",
    "PATCH /v1/loads/{load_id}",
    "POST /v1/loads/{load_id}/approve",
    "POST /v1/loads/{load_id}/cancel",
    "POST /v1/sync-jobs/{job_id}/runs/{number}/approve",
    "GET /v1/sources/{slug}/schema",
    "POST /v1/sources/{slug}/preview",
}


@pytest.mark.timeout(400)
def test_api__tried_with_everything__keeps_to_its_description(tmp_path: Path) -> None:
    username, _, password = LOGIN.partition(":")
    environ = {
        "GATEWAY_API_KEY": KEY,
        "GATEWAY_WEBHOOK_USERNAME": username,
        "GATEWAY_WEBHOOK_PASSWORD": password,
    }
    running = Running(checkout=ROOT, data_dir=tmp_path / "data", environ=environ)
    try:
        found = _try_everything(_filled(running.start().await_greeting()), tmp_path)
    finally:
        running.kill_everything()
        running.await_nothing_left()
    assert found["failures"] == found["errors"] == []
    assert found["operations"]["tested"] == found["operations"]["total"] > 0
    accepted = {
        operation
        for operation, phases in found["valid_rates"].items()
        if any(phase["accepted"] for phase in phases.values())
    }
    assert found["valid_rates"].keys() - accepted <= SELDOM_ACCEPTED


def _filled(running: Running) -> dict[str, str]:
    """Put a person into two cohorts; return what the settings of Schemathesis ask for."""
    base = f"http://127.0.0.1:{running.port}"
    for cohort in ("kept", "doomed"):
        webhook = f"{base}/webhooks/mixpanel/default"
        assert perform(["curl", "-u", LOGIN, "-d", json.dumps(_page(cohort)), webhook])[0] == 200
    cohorts = f"{base}/v1/members/ada/cohorts"
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        _, answer = perform(["curl", "-H", f"Authorization: Bearer {KEY}", cohorts])
        assert isinstance(answer, dict)
        ids = {one["external_id"]: one["id"] for one in answer["cohorts"]}
        if len(ids) == 2:
            return {
                "PORT": str(running.port),
                "GATEWAY_API_KEY": KEY,
                "WEBHOOK_LOGIN": base64.b64encode(LOGIN.encode()).decode(),
                "COHORT_ID": ids["kept"],
                "DOOMED_ID": ids["doomed"],
            }
        assert time.monotonic() < deadline
        time.sleep(0.1)


def _page(cohort: str) -> dict[str, Any]:
    return {
        "action": "members",
        "parameters": {
            "mixpanel_project_id": "1",
            "mixpanel_cohort_id": cohort,
            "mixpanel_session_id": f"session-{cohort}",
            "page_info": {"total_pages": 1, "page_count": 1},
            "members": [{"mixpanel_distinct_id": "ada", "email": "ada@example.com"}],
        },
    }


def _try_everything(environ: dict[str, str], folder: Path) -> dict[str, Any]:
    """Let Schemathesis loose on the gateway, and return its report."""
    report = folder / "report.json"
    command = [
        str(Path(sys.executable).with_name("schemathesis")),
        f"--config-file={SETTINGS}",
        "run",
        f"http://127.0.0.1:{environ['PORT']}/openapi.json",
        "--checks=all",
        "--report=json",
        f"--report-json-path={report}",
    ]
    hooks = {"SCHEMATHESIS_HOOKS": "tests.e2e.schemathesis_ndjson", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        command, cwd=folder, env=environ | hooks, capture_output=True, text=True, check=False
    )
    assert done.returncode in (0, 1), done.stdout + done.stderr
    if done.returncode:
        sys.stdout.write(done.stdout)
    found: dict[str, Any] = json.loads(report.read_text())
    return found
