"""Throws mutated bodies at everything that reads one, and counts what became of them.

    python -m tests.fuzz.parser --seconds 600 --seed 1

The same seed makes the same inputs in the same order. What fails is written to a file and named.
"""

from __future__ import annotations

import argparse
import collections
import dataclasses
import random
import sys
import time
from pathlib import Path
from typing import Final

from tests.fuzz import judging, mutations

# One input may take this long on a busy machine; the usual is a thousandth of it.
MOST_SECONDS: Final = 2.0
# What led to a new outcome is mutated further, unless by breaking it.
NO_JSON: Final = "the body is not"


@dataclasses.dataclass(kw_only=True)
class Figures:
    """What a run found."""

    inputs: int = 0
    sent_bytes: int = 0
    slowest_seconds: float = 0.0
    slowest_bytes: int = 0
    outcomes: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)


def run(seconds: float, seed: int, *, most_inputs: float = float("inf")) -> Figures:
    """Try inputs until the time is over. Raises what the first bad one raised."""
    chance, figures = random.Random(seed), Figures()  # noqa: S311 - no secret
    samples = mutations.corpus()
    end = time.monotonic() + seconds
    while time.monotonic() < end and figures.inputs < most_inputs:
        raw, encoding = mutations.mutated(chance, samples)
        began = time.monotonic()
        try:
            outcomes = _try(raw, encoding, chance)
        except BaseException:
            place = Path(f"fuzz-{seed}-{figures.inputs}.body")
            place.write_bytes(raw)
            sys.stderr.write(f"input {figures.inputs} of seed {seed} ({encoding}): see {place}\n")
            raise
        took = time.monotonic() - began
        assert took < MOST_SECONDS, (seed, figures.inputs, took)
        if outcomes[0] not in figures.outcomes and NO_JSON not in outcomes[0]:
            samples.append(raw)
        _count(figures, outcomes, took, len(raw))
    return figures


def _try(raw: bytes, encoding: str, chance: random.Random) -> list[str]:
    outcomes = [judging.of_body(raw, encoding, chance)]
    if chance.random() < 0.1:
        parts = [raw[at : at + 1000] for at in range(0, min(len(raw), 5000), 1000)]
        sent = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in [*parts, b""])
        if chance.random() < 0.8:
            sent = mutations.altered(chance, sent, [raw, b";a=b", b"\r\n", b"0\r\n\r\n", b"A: b"])
        outcomes.append(judging.of_chunks(sent, chance))
    return outcomes


def _count(figures: Figures, outcomes: list[str], took: float, size: int) -> None:
    figures.inputs += 1
    figures.sent_bytes += size
    figures.outcomes.update(outcomes)
    if took > figures.slowest_seconds:
        figures.slowest_seconds, figures.slowest_bytes = took, size


def main() -> None:
    """Read the arguments, run, and print the figures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    figures = run(given.seconds, given.seed)
    mean = figures.sent_bytes / max(1, figures.inputs)
    for outcome, count in figures.outcomes.most_common():
        sys.stdout.write(f"{count:10,}  {outcome}\n")
    sys.stdout.write(
        f"\nSeed {given.seed}, {given.seconds:.0f} s: {figures.inputs:,} inputs of {mean:,.0f}"
        f" bytes on average, {len(figures.outcomes)} different outcomes, no failure.\n"
        f"The slowest took {figures.slowest_seconds:.3f} s for {figures.slowest_bytes:,} bytes.\n"
    )


if __name__ == "__main__":
    main()
