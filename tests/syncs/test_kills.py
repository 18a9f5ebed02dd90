"""Kills: whatever dies, and whatever the vendor does, its audience becomes the cohort."""

from __future__ import annotations

import pytest

from gateway.store.db.engine import Pool
from tests.http.world import Clock
from tests.syncs import audience, office, receiver
from tests.syncs.kills import Play, Witness


@pytest.mark.timeout(600)
@pytest.mark.parametrize("seed", [1])
def test_audience__through_changes_faults_and_kills__is_the_cohort(
    pool: Pool, database_url: str, clock: Clock, seed: int
) -> None:
    play(pool, database_url, clock, seed=seed, steps=2)


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.parametrize("seed", range(100, 120))
def test_audience__through_many_changes_faults_and_kills__is_the_cohort(
    pool: Pool, database_url: str, clock: Clock, seed: int
) -> None:
    assert play(pool, database_url, clock, seed=seed, steps=30) > 0


def play(pool: Pool, database_url: str, clock: Clock, *, seed: int, steps: int) -> int:
    """Play so many steps, and judge; returns how often a sender died."""
    vendor = Witness()
    with (
        office.opened(pool, database_url, clock, {"sample": audience.KIND}) as desk,
        receiver.serving(vendor) as url,
    ):
        desk.destination("sample", {"endpoint": url}, {})
        played = Play(desk, vendor, database_url, seed)
        for _ in range(steps):
            played.step()
        played.end()
        shown = desk.shown(played.job)
        assert shown["state"] == "active", shown
    assert vendor.present == played.expected
    assert vendor.wrong == []
    return played.deaths
