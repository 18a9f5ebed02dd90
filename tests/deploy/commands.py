"""What the processes of the gateway are started with, and the numbers they are stopped by."""

from __future__ import annotations

import re

from tests.stack import ROOT


def procfile() -> dict[str, str]:
    """Return the Procfile's kinds of processes and their commands, commented ones too."""
    text = (ROOT / "Procfile").read_text()
    return dict(re.findall(r"^(?:# )?(\w+): (.+)$", text, re.MULTILINE))


def gunicorn_setting(name: str) -> int:
    """Read a number from deploy/gunicorn.conf.py."""
    text = (ROOT / "deploy" / "gunicorn.conf.py").read_text()
    found = re.search(rf"^{name} = (\d+)$", text, re.MULTILINE)
    assert found, name
    return int(found[1])
