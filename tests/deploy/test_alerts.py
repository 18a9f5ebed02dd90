"""The alerts, tried by Prometheus' own tools, and every metric that anybody names."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml

from gateway.series import SERIES, Kind
from tests.deploy import prometheus
from tests.deploy.production import Production
from tests.deploy.prometheus import Prometheus
from tests.e2e import documents
from tests.stack import ROOT, until

CASES = ROOT / "deploy" / "alerts_test.yml"

# Where people read of metrics, and where Prometheus does.
NAMING = sorted(
    path.relative_to(ROOT).as_posix()
    for pattern in ("*.md", "docs/**/*.md", "deploy/**/*")
    for path in ROOT.glob(pattern)
    if path.is_file() and path.suffix in {".md", ".yml", ".yaml", ".json", ".tpl", ".tftpl"}
)
METRIC = re.compile(r"\bgateway_[a-z_]+\b")
# The module of gunicorn's configuration and the like look the same, and are none.
PARTS = {Kind.HISTOGRAM: ("_bucket", "_count", "_sum", "")}

NAMES = {f"{series.name}{part}" for series in SERIES for part in PARTS.get(series.kind, ("",))}


def cases(alert: str) -> list[Any]:
    """Return what is expected of an alert in each of its cases."""
    tests = yaml.safe_load(CASES.read_text())["tests"]
    expected = [one for test in tests for one in test["alert_rule_test"]]
    return [one["exp_alerts"] for one in expected if one["alertname"] == alert]


def test_rules__by_promtool__are_valid() -> None:
    said = prometheus.promtool("check", "rules", prometheus.ALERTS)
    assert f"{len(prometheus.rules())} rules found" in said


def test_rules__in_their_cases__fire_and_do_not() -> None:
    assert "SUCCESS" in prometheus.promtool("test", "rules", CASES)


@pytest.mark.parametrize("alert", prometheus.rules())
def test_alert__has_a_case_that_fires_and_one_that_does_not(alert: str) -> None:
    found = cases(alert)
    assert [one for one in found if one]
    assert [one for one in found if not one]


@pytest.mark.parametrize("alert", prometheus.rules())
def test_alert__leads_to_its_heading_in_the_runbook(alert: str) -> None:
    rule = prometheus.rules()[alert]
    assert rule["labels"]["severity"] in {"page", "ticket"}
    path, _, anchor = rule["annotations"]["runbook_url"].partition("#")
    headings = re.findall(r"^### (.+)$", documents.read(path), re.MULTILINE)
    assert anchor in {heading.lower() for heading in headings}
    assert anchor == alert.lower()


def test_alerts__in_the_documents_table__are_those_of_the_rules() -> None:
    rows = documents.rows("docs/monitoring.md", "The alerts")
    shown = [(row[0].removeprefix("[").partition("]")[0], row[1]) for row in rows]
    rules = prometheus.rules().items()
    assert shown == [(name, rule["labels"]["severity"]) for name, rule in rules]


def test_metrics__in_the_documents_table__are_those_of_the_gateway() -> None:
    shown = [tuple(row) for row in documents.rows("docs/monitoring.md", "The metrics")]
    assert shown == [
        (
            f"`{one.name}`",
            one.kind.value,
            ", ".join(f"`{label}`" for label in one.labels) or "none",
            one.help,
        )
        for one in SERIES
    ]


@pytest.mark.parametrize("name", NAMING)
def test_metrics__named_anywhere__exist(name: str) -> None:
    named = {found.rstrip("_") for found in METRIC.findall((ROOT / name).read_text())}
    groups = {found for found in named if any(one.startswith(f"{found}_") for one in NAMES)}
    assert named - NAMES - groups == set()


def test_metrics__of_a_running_gateway__pass_promtool(
    installation: Production, watcher: Prometheus
) -> None:
    for _ in range(2):  # a snapshot is told of after the second sync
        installation.post(["a", None], cohort="measured")
    installation.await_applied()
    until(lambda: bool(watcher.query("gateway_snapshot_expiry_timestamp_seconds")))
    page = installation.get("/metrics").body.decode()
    assert prometheus.promtool("check", "metrics", text=page) == ""
    known = set(watcher.ask("label/__name__/values", **{"match[]": '{job="gateway"}'}))
    assert {name for name in known if name.startswith("gateway_")} <= NAMES
    simple = {series.name for series in SERIES if series.kind is not Kind.HISTOGRAM}
    assert simple <= known


def test_alerts__of_a_gateway_that_is_well__have_expressions_that_real_data_answers(
    installation: Production, watcher: Prometheus
) -> None:
    installation.post(["a"], cohort="measured")
    for name, rule in prometheus.rules().items():
        watcher.query(rule["expr"])
        metrics_used = set(METRIC.findall(rule["expr"]))
        assert metrics_used <= NAMES, name
