"""The Helm chart rendered as Helm itself does it, and judged by Kubernetes' own schemas."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import helm_python
import kubernetes_validate
import yaml

from tests.stack import ROOT

FOLDER = ROOT / "deploy" / "helm" / "cohort-gateway"
OLDEST, NEWEST = "1.29", "1.37"

Object = dict[str, Any]


def render(values: Mapping[str, object]) -> list[Object]:
    """Render the chart; every object that it makes."""
    with helm_python.Chart.load(FOLDER) as chart:
        rendered = chart.render(dict(values), name="prod", namespace="gateway")
    texts = [text for name, text in sorted(rendered.items()) if name.endswith(".yaml")]
    return [found for text in texts for found in yaml.safe_load_all(text) if found]


def lint(values: Mapping[str, object]) -> list[str]:
    """Return what Helm's linter says above the level of information."""
    found = helm_python.lint(FOLDER, dict(values), strict=True)
    said = [one["error"] for one in found["messages"] if one["severity"] > 1]
    return [*said, *found["errors"]]


def problem(one: Object, version: str) -> str | None:
    """Judge an object by the schemas of a Kubernetes, unknown fields too; None if it is good."""
    try:
        kubernetes_validate.validate(one, version, strict=True)
    except kubernetes_validate.ValidationError as error:
        return f"{one['kind']} {one['metadata']['name']}: {error.message}"
    return None


def named(objects: list[Object], kind: str, end: str = "") -> Object:
    """Return the one object of a kind whose name ends so."""
    (found,) = (
        one for one in objects if one["kind"] == kind and one["metadata"]["name"].endswith(end)
    )
    return found


def pods(objects: list[Object]) -> dict[str, Object]:
    """Return the pod templates by their component."""
    templates = [one["spec"]["template"] for one in objects if "template" in one["spec"]]
    return {
        one["metadata"]["labels"]["app.kubernetes.io/component"]: one["spec"] for one in templates
    }


def containers(pod: Object) -> list[Object]:
    """Return all containers of a pod, in the order in which they start."""
    return [*pod.get("initContainers", ()), *pod["containers"]]
