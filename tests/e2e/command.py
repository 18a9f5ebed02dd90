"""Commands of the command line, run in this process as a person would type them."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

from click.testing import CliRunner

from gateway import __main__
from gateway.settings import NAMES


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
