"""The Helm chart: rendered with several values, linted, and held to Kubernetes' schemas."""

from __future__ import annotations

import itertools
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import helm_python
import pytest
import yaml

from gateway import settings
from gateway.core.health import processes
from tests.deploy import chart
from tests.deploy.commands import gunicorn_setting, procfile
from tests.stack import ROOT

PLAIN: Mapping[str, Any] = {"existingSecret": "gateway"}
EVERYTHING: Mapping[str, Any] = {
    "existingSecret": "gateway",
    "image": {"repository": "registry.example.com/gateway", "digest": "sha256:" + "0" * 64},
    "imagePullSecrets": [{"name": "pull"}],
    "settings": {"GATEWAY_LOG_LEVEL": "warning", "GATEWAY_RATE_LIMIT": 50},
    "secretKeys": ["DATABASE_URL", "REDIS_URL", "GATEWAY_WEBHOOK_USERNAME"],
    "web": {
        "replicas": 3,
        "maxReplicas": 6,
        "nodeSelector": {"disk": "ssd"},
        "tolerations": [{"key": "web", "operator": "Exists"}],
        "affinity": {"nodeAffinity": {}},
        "podAnnotations": {"a": "b"},
    },
    "loaders": {"replicas": 1},
    "senders": {"replicas": 2},
    "workers": {"autoscaling": {"enabled": True, "matchLabels": {"job": "gateway"}}},
    "service": {"type": "LoadBalancer", "annotations": {"c": "d"}},
    "ingress": {"enabled": True, "className": "nginx", "tlsSecret": "tls"},
    "networkPolicy": {
        "ingressFrom": [{"namespaceSelector": {"matchLabels": {"name": "ingress"}}}],
        "postgres": {"to": [{"ipBlock": {"cidr": "192.0.2.0/24"}}], "port": 6432},
        "redis": {"to": [{"podSelector": {"matchLabels": {"app": "valkey"}}}]},
    },
    "serviceMonitor": {"enabled": True, "labels": {"release": "prometheus"}},
    "prometheusRule": {"enabled": True, "labels": {"release": "prometheus"}},
}
BARE: Mapping[str, Any] = {
    "existingSecret": "gateway",
    "release": {"check": False},
    "podDisruptionBudget": {"enabled": False},
    "networkPolicy": {"enabled": False},
    "web": {"replicas": 1},
    "workers": {"replicas": 1},
}
VALUES = {"plain": PLAIN, "everything": EVERYTHING, "bare": BARE}
OPERATORS = ("ServiceMonitor", "PrometheusRule")  # kinds that Kubernetes itself does not have


@pytest.mark.parametrize("name", VALUES)
def test_chart__with_these_values__is_good_for_the_oldest_and_the_newest_kubernetes(
    name: str,
) -> None:
    objects = chart.render(VALUES[name])
    ours = [one for one in objects if one["kind"] not in OPERATORS]
    versions = (chart.OLDEST, chart.NEWEST)
    problems = [chart.problem(one, version) for one, version in itertools.product(ours, versions)]
    assert [one for one in problems if one] == []
    count = len(ours)
    assert count == {"plain": 15, "everything": 18, "bare": 7}[name]
    assert chart.lint(VALUES[name]) == []


def test_schemas__of_a_deployment_with_a_slip__find_it() -> None:
    deployment = chart.named(chart.render(PLAIN), "Deployment", "-web")
    deployment["spec"]["template"]["spec"]["terminationGracePeriod"] = 45
    assert "terminationGracePeriod" in str(chart.problem(deployment, chart.NEWEST))


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"existingSecret": ""},
        {"existingSecret": "a", "replicas": 2},
        {"existingSecret": "a", "web": {"replicas": "two"}},
        {"existingSecret": "a", "secretKeys": ["DATABASE_URL", "PASSWORD"]},
        {"existingSecret": "a", "settings": {"LOG_LEVEL": "info"}},
    ],
)
def test_values__that_are_wrong__are_refused(wrong: Mapping[str, object]) -> None:
    with pytest.raises(helm_python.HelmError):
        chart.render(wrong)


def test_commands__of_all_pods__are_those_of_the_procfile() -> None:
    pods = chart.pods(chart.render(PLAIN))
    commands = {
        name: [one["command"] for one in chart.containers(pod)] for name, pod in pods.items()
    }
    expected = procfile()
    for name in ("web", "worker", "scheduler"):
        assert commands[name] == [expected[name].split()]
    both = chart.pods(chart.render(EVERYTHING))
    for name in ("loader", "sender"):
        assert (name in commands) == (name in processes.NEEDED)
        (container,) = chart.containers(both[name])
        assert container["command"] == expected[name].split()
    *release, check = commands["release"]
    assert release == [command.split() for command in expected["release"].split(" && ")]
    assert check == ["python", "-m", "gateway", "check"]
    unchecked = chart.containers(chart.pods(chart.render(BARE))["release"])
    assert [one["command"] for one in unchecked] == release


@pytest.mark.parametrize("name", VALUES)
def test_pods__of_every_kind__are_nobody_on_a_read_only_root(name: str) -> None:
    for pod in chart.pods(chart.render(VALUES[name])).values():
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["automountServiceAccountToken"] is False
        assert pod["enableServiceLinks"] is False
        for container in chart.containers(pod):
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }
            assert "limits" in container["resources"]
            assert "cpu" not in container["resources"]["limits"]


def test_secrets__of_all_pods__are_files_and_credentials_are_for_the_release_alone() -> None:
    for name, pod in chart.pods(chart.render(PLAIN)).items():
        (items,) = (one["secret"]["items"] for one in pod["volumes"] if "secret" in one)
        keys = {one["key"] for one in items}
        credentials = {"GATEWAY_WEBHOOK_PASSWORD", "GATEWAY_API_KEY"}
        assert keys == {"DATABASE_URL", "REDIS_URL"} | (credentials if name == "release" else set())
        for container in chart.containers(pod):
            given = {one["name"]: one["value"] for one in container["env"]}
            assert given.keys() <= set(settings.NAMES)
            (mount,) = (one for one in container["volumeMounts"] if one["name"] == "secrets")
            for key in keys:
                assert given[f"{key}_FILE"] == f"{mount['mountPath']}/{key}"
                assert key not in given


def test_secret_key__if_it_is_there__is_for_all_pods() -> None:
    keys = ["DATABASE_URL", "REDIS_URL", "GATEWAY_SECRET_KEY"]
    for pod in chart.pods(chart.render({**PLAIN, "secretKeys": keys})).values():
        (items,) = (one["secret"]["items"] for one in pod["volumes"] if "secret" in one)
        assert [one["key"] for one in items] == keys


@pytest.mark.parametrize("name", VALUES)
def test_web__that_ends__serves_until_proxies_know_and_then_finishes_what_has_begun(
    name: str,
) -> None:
    web = chart.pods(chart.render(VALUES[name]))["web"]
    (container,) = web["containers"]
    sleep, seconds = container["lifecycle"]["preStop"]["exec"]["command"]
    assert sleep == "sleep"
    grace = web["terminationGracePeriodSeconds"]
    assert int(seconds) >= 5
    assert grace >= int(seconds) + gunicorn_setting("graceful_timeout") + 5


def test_web__while_postgres_is_away__stays_in_service() -> None:
    (container,) = chart.pods(chart.render(PLAIN))["web"]["containers"]
    paths = {
        probe: container[f"{probe}Probe"]["httpGet"]["path"]
        for probe in ("startup", "readiness", "liveness")
    }
    assert paths == {"startup": "/readyz", "readiness": "/healthz", "liveness": "/healthz"}


def test_release__is_a_hook_that_needs_nothing_of_the_release() -> None:
    job = chart.named(chart.render(PLAIN), "Job")
    assert job["metadata"]["annotations"]["helm.sh/hook"] == "pre-install,pre-upgrade"
    assert "before-hook-creation" in job["metadata"]["annotations"]["helm.sh/hook-delete-policy"]
    pod = job["spec"]["template"]["spec"]
    assert "serviceAccountName" not in pod
    volumes = [next(iter(one.keys() - {"name"})) for one in pod["volumes"]]
    assert set(volumes) == {"secret", "emptyDir"}


def test_selectors__of_services_budgets_and_policies__find_their_pods() -> None:
    objects = chart.render(EVERYTHING)
    labels = {
        one["metadata"]["name"]: one["spec"]["template"]["metadata"]["labels"]
        for one in objects
        if "template" in one["spec"]
    }
    for kind in ("Deployment", "PodDisruptionBudget", "NetworkPolicy"):
        for one in (found for found in objects if found["kind"] == kind):
            wanted = one["spec"].get("selector") or one["spec"]["podSelector"]
            found = labels[one["metadata"]["name"]]
            assert wanted["matchLabels"].items() <= found.items()
    service = chart.named(objects, "Service")
    assert service["spec"]["selector"].items() <= labels["prod-cohort-gateway-web"].items()
    monitor = chart.named(objects, "ServiceMonitor")["spec"]
    assert monitor["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
    assert {one["port"] for one in monitor["endpoints"]} <= {
        port["name"] for port in service["spec"]["ports"]
    }


def test_network__of_what_serves_nothing__lets_nobody_in() -> None:
    objects = chart.render(EVERYTHING)
    for kind in ("worker", "loader", "sender", "scheduler", "release"):
        assert chart.named(objects, "NetworkPolicy", f"-{kind}")["spec"]["ingress"] == []
    web = chart.named(objects, "NetworkPolicy", "-web")["spec"]
    assert web["ingress"][0]["from"] == EVERYTHING["networkPolicy"]["ingressFrom"]
    ports = [port["port"] for rule in web["egress"] for port in rule["ports"]]
    assert ports == [53, 53, 6432, 6379]


def test_autoscaling__of_workers__goes_by_the_age_of_the_oldest_pending_page() -> None:
    objects = chart.render(EVERYTHING)
    scaler = chart.named(objects, "HorizontalPodAutoscaler", "-worker")["spec"]
    (metric,) = scaler["metrics"]
    assert metric["external"]["metric"]["name"] == "gateway_oldest_pending_seconds"
    assert metric["external"]["target"] == {"type": "Value", "value": "30"}
    for kind in ("web", "worker"):
        deployment = chart.named(objects, "Deployment", f"-{kind}")
        target = chart.named(objects, "HorizontalPodAutoscaler", f"-{kind}")["spec"]
        assert target["scaleTargetRef"]["name"] == deployment["metadata"]["name"]
        assert "replicas" not in deployment["spec"]  # or each upgrade would undo the scaling


def test_prometheus_rule__holds_the_alerts_and_promtool_takes_them(tmp_path: Path) -> None:
    rule = chart.named(chart.render(EVERYTHING), "PrometheusRule")
    alerts = yaml.safe_load((ROOT / "deploy" / "alerts.yml").read_text())
    assert rule["spec"] == alerts
    (tmp_path / "rules.yml").write_text(yaml.safe_dump(rule["spec"]))
    command = ["promtool", "check", "rules", f"{tmp_path}/rules.yml"]
    said = subprocess.run(command, capture_output=True, text=True, check=False)
    assert said.returncode == 0, said.stderr


def test_chart__version_of_the_application__is_that_of_the_gateway() -> None:
    about = yaml.safe_load((chart.FOLDER / "Chart.yaml").read_text())
    version = (ROOT / "gateway" / "__init__.py").read_text()
    assert f'"{about["appVersion"]}"' in version
