"""The cases that databases were tried with, by the tests that show them, for docs/databases.md.

Codes and sentences are those that a test has seen: each hands over what was raised to `see`.
`python -m tests.sources.sql.cases` writes the table.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from gateway import errors
from gateway.database_errors import QueryRefused
from tests.sources.sql import tried

ROOT: Final = Path(__file__).resolve().parents[3]
PAGE: Final = ROOT / "docs" / "databases.md"
HEADING: Final = "## What was tried\n"


def see(name: str, failed: errors.ReadFailed | QueryRefused) -> None:
    """Hold what was raised to the code and the sentence of a case."""
    case = next(one for one in tried.CASES if one.name == name)
    assert case.code == failed.failure
    if isinstance(failed, QueryRefused):
        said = failed.faults[0].message
    else:
        said = f"{failed}. {failed.hint}"
    pattern = ".*".join(map(re.escape, case.outcome.split("…")))
    assert re.fullmatch(pattern, said), f"{said!r} is not {case.outcome!r}"


def untested() -> Iterator[str]:
    """Name the tests that are named here and are nowhere, and cases that their tests do not see."""
    for case in tried.CASES:
        if case.every is not None and not _is_in(tried.EVERY, case.every):
            yield case.every
        for vendor, test in case.tests.items():
            if not _is_in(tried.FILES[vendor], test):
                yield f"{vendor}: {test}"
        if case.code is not None and f'cases.see("{case.name}"' not in _source(*case.seen_by):
            yield f"{case.name} is not seen"


def _source(paths: tuple[str, ...], test: str) -> str:
    whole = "\n".join((ROOT / path).read_text() for path in paths)
    return whole.partition(f"def {test}(")[2].partition("\n\n\n")[0]


def _is_in(paths: tuple[str, ...], test: str) -> bool:
    return any(f"def {test}(" in (ROOT / path).read_text() for path in paths)


def table() -> str:
    """Write the table."""
    head = " | ".join(("case", "state", "code", "what is said", *tried.FILES))
    lines = [f"| {head} |", "|---" * (len(tried.FILES) + 4) + "|"]
    for case in tried.CASES:
        marks = ["✓" if case.every or vendor in case.tests else "" for vendor in tried.FILES]
        code = "" if case.code is None else f"`{case.code}`"
        lines.append(
            f"| {case.title} | {case.state} | {code} | {case.outcome} | {' | '.join(marks)} |"
        )
    return "\n".join(lines) + "\n"


def shown() -> str:
    """Return the table that the page has."""
    found = re.search(rf"{HEADING}.*?\n\n(\| case .*?\n)(?:\n|\Z)", PAGE.read_text(), re.DOTALL)
    assert found is not None, f"{PAGE.name} has no table under {HEADING.strip()}"
    return found[1]


if __name__ == "__main__":
    PAGE.write_text(PAGE.read_text().replace(shown(), table()))
