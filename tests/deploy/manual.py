"""The runbook, taken apart: its sections, and what each says to do."""

from __future__ import annotations

import re

from tests.e2e import documents

RUNBOOK = "deploy/runbook.md"

_SECTION = re.compile(r"^(#{2,3}) (.+)\n", re.MULTILINE)
_FENCE = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_LABEL = re.compile(r"^\*\*([^*]+)\*\*", re.MULTILINE)


def sections() -> dict[str, str]:
    """Return the text of each section by its heading."""
    parts = _SECTION.split(documents.read(RUNBOOK))
    return dict(zip(parts[2::3], parts[3::3], strict=True))


def labels(heading: str) -> list[str]:
    """List the bold words with which the paragraphs of a section begin."""
    return _LABEL.findall(sections()[heading])


def blocks(heading: str, label: str = "") -> list[str]:
    """Return the commands of a section, or those under the paragraph that begins in bold so."""
    text = sections()[heading]
    if label:
        _, _, text = text.partition(f"**{label}")
        assert text, f"{heading} has no {label}"
        rest = _LABEL.search(text, text.index("**") + 2)
        text = text[: rest.start()] if rest else text
    return _FENCE.findall(text)


def block(heading: str, label: str = "") -> str:
    """Return the only commands under a paragraph."""
    (found,) = blocks(heading, label)
    return found
