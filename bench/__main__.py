"""`python -m bench`: measure part after part, and write the figures into docs/performance.md.

Each part is a program of its own (`python -m bench.files`), so that the peak memory of one is not
taken for that of the next. All take the same options; what `--members` counts, each says itself.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from typing import Final

import click

PARTS: Final = (
    "webhook",
    "loads",
    "files",
    "databases",
    "people",
    "rules",
    "syncs",
    "console",
    "edits",
)


@click.command()
@click.option("--only", multiple=True, type=click.Choice(PARTS), help="This part; may be repeated.")
@click.option("--members", type=int, help="How much; each part has a default of its own.")
@click.option("--runs", type=int, help="How often; medians are shown.")
@click.option("--write/--print-only", default=True, help="Renew docs/performance.md.")
def main(only: Sequence[str], members: int | None, runs: int | None, *, write: bool) -> None:
    """Measure the gateway beside what its machine allows."""
    options = arguments(members, runs, write=write)
    failed = [
        part
        for part in only or PARTS
        if subprocess.run([sys.executable, "-m", f"bench.{part}", *options], check=False).returncode
    ]
    if failed:
        raise SystemExit(f"failed: {', '.join(failed)}")


def arguments(members: int | None, runs: int | None, *, write: bool) -> list[str]:
    """Write the options of a part; what is not given is its own default."""
    sizes = {"--members": members, "--runs": runs}
    given = [word for name, size in sizes.items() if size is not None for word in (name, str(size))]
    return [*given, "--write" if write else "--print-only"]


if __name__ == "__main__":
    main()
