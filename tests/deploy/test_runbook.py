"""Every alert of the runbook: its trouble in a running gateway, seen, mended, and over."""

from __future__ import annotations

import contextlib

import pytest

from tests.deploy import manual, prometheus, trouble
from tests.deploy.production import Production
from tests.deploy.prometheus import Prometheus
from tests.stack import until

# They look at hours, which no test has; promtool plays those hours in alerts_test.yml.
SLOW = {"GatewayDiskFilling", "GatewayThreadsBusy"}
# What is over in Mixpanel is not over here: see test_runbook_procedures.py.
ELSEWHERE = {"GatewaySyncPaused"}


def test_alerts__in_the_runbook__are_those_of_the_rules_and_each_is_complete() -> None:
    headings = [name for name in manual.sections() if name.startswith("Gateway")]
    assert headings == list(prometheus.rules())
    for name in headings:
        said = " ".join(manual.labels(name))
        assert said.startswith("For the business. See"), name
        assert "Do." in said or "do" in said, name
        assert "Over when" in said or "over when" in said, name
    assert {*trouble.ALL} | SLOW | ELSEWHERE == {*headings}


@pytest.mark.parametrize("alert", trouble.ALL)
def test_alert__its_cause_in_a_running_gateway__is_seen_and_over_when_mended(
    installation: Production, watcher: Prometheus, alert: str
) -> None:
    over = manual.block(alert, "Over when")
    with trouble.ALL[alert](installation):
        filled = fill_in(installation, watcher)
        until(lambda: watcher.would_fire(alert))
        assert not installation.succeeds(over, **filled)
        for block in manual.blocks(alert, "See"):
            assert installation.type_with(block, **filled).strip()
    until(lambda: installation.succeeds(over, **filled))


@pytest.mark.parametrize("alert", sorted(SLOW))
def test_alert__that_looks_at_hours__is_not_true_of_a_gateway_that_is_well(
    installation: Production, watcher: Prometheus, alert: str
) -> None:
    filled = fill_in(installation, watcher)
    installation.post(["a"], cohort="well")
    for block in manual.blocks(alert, "See"):
        assert '"status":"success"' in installation.type_with(block, **filled)
    if alert == "GatewayThreadsBusy":
        until(lambda: installation.succeeds(manual.block(alert, "Over when"), **filled))
        assert not watcher.would_fire(alert)


def fill_in(installation: Production, watcher: Prometheus) -> dict[str, str]:
    """Return what the reader of the runbook has to fill in."""
    known = {"PROMETHEUS": watcher.url, "SOURCE": trouble.SLUG}
    with contextlib.suppress(OSError, LookupError):  # it is not always there to be asked
        known["COHORT"] = installation.cohort_id("skipped")
    return known
