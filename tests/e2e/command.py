"""Commands of the command line, run in this process as a person would type them."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

from click.testing import CliRunner

from gateway import __main__
from gateway.settings import NAMES
from tests.stack import PROJECT, USERNAME, Stack


@dataclasses.dataclass(frozen=True, kw_only=True)
class Done:
    """How a command ended: what went to stdout and to stderr, and the exit code."""

    code: int
    out: str
    err: str

    def document(self) -> Any:  # noqa: ANN401 - JSON
        """Parse what it printed."""
        return json.loads(self.out)


def run(*arguments: str, stdin: str = "", **environ: str) -> Done:
    """Run a command with these settings and no others; `stdin` is not a terminal."""
    runner = CliRunner(env={**dict.fromkeys(NAMES, ""), **environ})
    result = runner.invoke(__main__.cli, list(arguments), input=stdin)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return Done(code=result.exit_code, out=result.stdout, err=result.stderr)


def add(stack: Stack, slug: str, password: str | None, members: list[str], session: str) -> int:
    """Post people for the cohort `live` of a source; the status."""
    page = {
        "action": "add_members",
        "parameters": {
            "mixpanel_project_id": PROJECT,
            "mixpanel_cohort_id": "live",
            "mixpanel_session_id": session,
            "page_info": {"total_pages": 1, "page_count": 1},
            "members": [{"mixpanel_distinct_id": one} for one in members],
        },
    }
    auth = None if password is None else (USERNAME, password)
    return stack.post(page, f"/webhooks/mixpanel/{slug}", auth=auth).status
