"""The dashboard: what Grafana would ask, asked of a real Prometheus that watches a gateway."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest

from tests.deploy import panels, picture
from tests.deploy.panels import Panel
from tests.deploy.production import Production
from tests.deploy.prometheus import Prometheus
from tests.deploy.test_alerts import METRIC, NAMES
from tests.stack import ROOT, until

QUESTIONS = (
    "Is every source fresh?",
    "Is anything waiting?",
    "Is anything wrong?",
    "How fast are we?",
    "How much is left?",
)
# Grafana's own names; whatever else begins with $ would be sent to Prometheus as it is.
VARIABLES = {"$job", "$__rate_interval"}


@pytest.fixture(scope="module")
def busy(installation: Production, watcher: Prometheus) -> Prometheus:
    """Let a gateway have done everything that a panel shows."""
    installation.type_in("python -m gateway simulate --members 3000 --retry-seconds 1")
    installation.post(["a", None], cohort="measured")
    installation.post(["a"], cohort="measured", password="wrong")
    installation.await_applied()
    until(lambda: watcher.would_fire("GatewaySyncPaused"))
    return watcher


def test_dashboard__its_rows__are_the_questions_of_an_operator() -> None:
    document = panels.load()
    rows = [one["title"] for one in document["panels"] if one["type"] == "row"]
    assert tuple(rows) == QUESTIONS
    assert {"title", "uid", "schemaVersion", "templating", "time"} <= document.keys()
    ids = [one["id"] for one in document["panels"]]
    assert len(set(ids)) == len(ids)


def test_dashboard__its_panels__stand_beside_each_other() -> None:
    taken: set[tuple[int, int]] = set()
    for one in panels.load()["panels"]:
        at = one["gridPos"]
        cells = {
            (x, y)
            for x in range(at["x"], at["x"] + at["w"])
            for y in range(at["y"], at["y"] + at["h"])
        }
        assert max(x for x, _ in cells) < panels.COLUMNS
        assert not cells & taken, one["title"]
        taken |= cells


@pytest.mark.parametrize("panel", panels.all_of_them(), ids=lambda panel: panel.title)
def test_panel__asks_for_metrics_that_exist(panel: Panel) -> None:
    assert panel.description
    for target in panel.targets:
        assert set(re.findall(r"\$\w+", target.expression)) <= VARIABLES
        named = set(METRIC.findall(target.expression))
        assert named
        assert named <= NAMES


@pytest.mark.parametrize("panel", panels.all_of_them(), ids=lambda panel: panel.title)
def test_panel__of_a_busy_gateway__has_something_to_show(busy: Prometheus, panel: Panel) -> None:
    now = time.time()
    for target in panel.targets:
        found = panels.ask(busy, target, start=now - 30, end=now, step=1)
        assert found, target.expression


def test_picture__of_the_dashboard__has_every_panel(busy: Prometheus, tmp_path: Path) -> None:
    made = tmp_path / "dashboard.svg"
    now = time.time()
    picture.draw(busy, made, start=now - 60, end=now)
    drawn = made.read_text()
    kept = (ROOT / picture.KEPT).read_text()
    for panel in panels.all_of_them():
        assert f">{panel.title}<" in drawn
        assert f">{panel.title}<" in kept, "draw it anew: python -m tests.deploy.picture"
