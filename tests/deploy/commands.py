"""What the processes of the gateway are started with, and the numbers they are stopped by."""

from __future__ import annotations

import re

from tests.stack import ROOT


def procfile() -> dict[str, str]:
    """Return the Procfile's kinds of processes and their commands."""
    lines = (ROOT / "Procfile").read_text().splitlines()
    return dict(line.split(": ", 1) for line in lines)


def gunicorn_setting(name: str) -> int:
    """Read a number from deploy/gunicorn.conf.py."""
    text = (ROOT / "deploy" / "gunicorn.conf.py").read_text()
    found = re.search(rf"^{name} = (\d+)$", text, re.MULTILINE)
    assert found, name
    return int(found[1])
