"""A shell that is set up for another project's PostgreSQL must not get into ours."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests import stack as stacks
from tests.stack import PROJECT, ROOT

pytestmark = pytest.mark.timeout(300)

# Any of them alone would keep clients from the embedded server, or garble what they send.
SHELL = {
    "PGCLIENTENCODING": "LATIN1",
    "PGSSLMODE": "require",
    "PGSERVICE": "prod",
    "PGHOSTADDR": "127.0.0.2",
    "PGTARGETSESSIONATTRS": "standby",
    "PGREQUIREAUTH": "gss",
    "PGOPTIONS": "-c default_transaction_read_only=on",
    "PGTZ": "nowhere",
    "PGDATESTYLE": "nothing",
    "PGREALM": "of a later libpq",
}
WORD = "日本-😀"


def test_gateway__in_a_shell_of_another_project__uses_its_own_server(tmp_path: Path) -> None:
    body = {
        "action": "add_members",
        "parameters": {
            "mixpanel_project_id": PROJECT,
            "mixpanel_cohort_id": "one",
            "mixpanel_cohort_name": WORD,
            "mixpanel_session_id": "s1",
            "members": [{"mixpanel_distinct_id": WORD, "first_name": WORD, "word": WORD}],
        },
    }
    with stacks.running(tmp_path, **SHELL) as running:
        assert running.post(body).status == 200
        (found,) = running.members("one").values()
        assert (found["member_id"], found["first_name"]) == (WORD, WORD)
        assert found["properties"] == {"word": WORD}
        beside = subprocess.run(
            [sys.executable, "-m", "gateway", "source", "list", "--json"],
            cwd=ROOT,
            env={"PATH": os.environ["PATH"], "GATEWAY_DATA_DIR": str(running.data_dir), **SHELL},
            capture_output=True,
            text=True,
            check=False,
        )
        assert [one["slug"] for one in json.loads(beside.stdout)] == [
            "default",
            "lists",
            "people",
        ], beside.stderr
