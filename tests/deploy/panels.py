"""The panels of the dashboard, and their queries asked as Grafana asks them."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Mapping
from typing import Any, Final

from tests.deploy.prometheus import Prometheus
from tests.stack import ROOT

DASHBOARD: Final = ROOT / "deploy" / "dashboard.json"
COLUMNS: Final = 24  # of Grafana's grid
RATE_SECONDS: Final = 10


@dataclasses.dataclass(frozen=True, kw_only=True)
class Target:
    """One query of a panel, with the pattern of its lines' names."""

    expression: str
    legend: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class Panel:
    """What a panel shows and where. `steps` are (colour, from which value on)."""

    title: str
    description: str
    kind: str
    unit: str
    x: int
    y: int
    width: int
    height: int
    targets: tuple[Target, ...]
    steps: tuple[tuple[str, float | None], ...]
    texts: dict[str, str]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Line:
    """A series as a panel draws it: its name, and (time, value) points."""

    name: str
    points: list[tuple[float, float]]


def load() -> dict[str, Any]:
    """Return the document as Grafana imports it."""
    document: dict[str, Any] = json.loads(DASHBOARD.read_text())
    return document


def all_of_them() -> list[Panel]:
    """Return every panel but the rows."""
    return [_panel(one) for one in load()["panels"] if one["type"] != "row"]


def _panel(one: dict[str, Any]) -> Panel:
    defaults, at = one["fieldConfig"]["defaults"], one["gridPos"]
    mappings = [found["options"] for found in defaults.get("mappings", [])]
    steps = defaults.get("thresholds", {"steps": []})["steps"]
    return Panel(
        title=one["title"],
        description=one["description"],
        kind=one["type"],
        unit=defaults["unit"],
        x=at["x"],
        y=at["y"],
        width=at["w"],
        height=at["h"],
        targets=tuple(
            Target(expression=target["expr"], legend=target["legendFormat"])
            for target in one["targets"]
        ),
        steps=tuple((step["color"], step["value"]) for step in steps),
        texts={value: said["text"] for found in mappings for value, said in found.items()},
    )


def ask(
    watcher: Prometheus, target: Target, *, start: float, end: float, step: float
) -> list[Line]:
    """Ask for what a query's lines were in a range of time."""
    expression = target.expression.replace("$job", ".*")
    expression = expression.replace("$__rate_interval", f"{RATE_SECONDS}s")
    found = watcher.ask(
        "query_range", query=expression, start=str(start), end=str(end), step=str(step)
    )
    return [
        Line(
            name=_name(target.legend, one["metric"]),
            points=[(float(at), float(value)) for at, value in one["values"]],
        )
        for one in found["result"]
    ]


def _name(legend: str, labels: Mapping[str, str]) -> str:
    return re.sub(r"{{(\w+)}}", lambda label: labels[label[1]], legend)
