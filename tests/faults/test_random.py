"""Faults drawn by a seed, one after the other, for as long as there is time."""

from __future__ import annotations

import os
import secrets
import time

import pytest

from tests.faults import chaos
from tests.faults.report import Play
from tests.faults.trial import Bench

# Whoever sets FAULTS_SEED sees the same faults, on the same senders, again.
SEED = os.environ.get("FAULTS_SEED") or secrets.token_hex(4)
SECONDS = float(os.environ.get("FAULTS_SECONDS") or 12)


@pytest.mark.timeout(SECONDS + 600)
def test_faults__drawn_by_a_seed__lose_nothing(wired: Bench) -> None:
    name = f"random faults for {SECONDS:.0f} s, FAULTS_SEED={SEED}"
    with wired.trial(name, senders=5, slug=f"random-{SEED}") as trial:
        caused = chaos.Chaos(trial)
        began = time.monotonic()
        for fault in chaos.schedule(SEED):
            if time.monotonic() - began > SECONDS:
                break
            caused.cause(fault)
        trial.mended()
        trial.installation.heal()
        caused.takeovers.end()
        trial.row.takeover_seconds = caused.takeovers.slowest_seconds
        trial.row.play = Play(
            seed=SEED,
            seconds=time.monotonic() - began,
            faults=sum(caused.done.values()),
            recovered=caused.takeovers.recovered,
        )
        trial.note(", ".join(f"{fault} {count}" for fault, count in sorted(caused.done.items())))
