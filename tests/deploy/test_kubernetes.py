"""The manifests are valid, fit together, and have what keeps a fleet up."""

import copy
import re
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Final, cast

import pytest
import yaml

from blackroad.cli.settings.names import PREFIX, is_known
from blackroad.core.settings import CoreSettings
from blackroad.edge.settings import EdgeLimits
from tests.deploy.tools import DEPLOY, ROOT, ours, ran, with_blackroad

Object = Mapping[str, object]
OVERLAYS: Final = ("base", "overlays/try", "overlays/ingress")
VERSIONS: Final = ("1.32", "1.37")
WORKLOADS: Final = frozenset({"Deployment", "StatefulSet"})
SELECTORS: Final[Mapping[str, tuple[str, ...]]] = {
    "Deployment": ("spec", "selector", "matchLabels"),
    "StatefulSet": ("spec", "selector", "matchLabels"),
    "Service": ("spec", "selector"),
    "PodDisruptionBudget": ("spec", "selector", "matchLabels"),
    "NetworkPolicy": ("spec", "podSelector", "matchLabels"),
}
OURS: Final = ("blackroad-core", "blackroad-websocket", "blackroad-agents")
SECRETS: Final = DEPLOY / "kubernetes" / "secrets"
MARGIN_SECONDS: Final = 5
MIB: Final = 1 << 20


@cache
def rendered(overlay: str) -> Sequence[Object]:
    """Return the objects that `kubectl apply -k` would send."""
    folder = DEPLOY / "kubernetes" / overlay
    text = ran(ours("kubectl"), "kustomize", folder)
    return [cast("Object", one) for one in yaml.safe_load_all(text)]


def at(value: object, *path: str | int) -> object:
    """Return what is at a place of nested mappings and lists; fail where there is nothing."""
    for step in path:
        if isinstance(step, int):
            assert isinstance(value, list)
            value = cast("list[object]", value)[step]
        else:
            assert isinstance(value, dict), f"nothing at {step} of {path}"
            assert step in value, f"nothing at {step} of {path}"
            value = cast("dict[str, object]", value)[step]
    return value


def found(kind: str, name: str, overlay: str = "base") -> Object:
    """Return one object."""
    (one,) = [
        each
        for each in rendered(overlay)
        if each["kind"] == kind and at(each, "metadata", "name") == name
    ]
    return one


def container(name: str, overlay: str = "base") -> object:
    """Return a Deployment's only container."""
    containers = at(found("Deployment", name, overlay), "spec", "template", "spec", "containers")
    assert isinstance(containers, list)
    (one,) = cast("list[object]", containers)
    return one


def environ(name: str, overlay: str = "base") -> dict[str, Object]:
    """Return the container's variables by name."""
    variables = at(container(name, overlay), "env")
    assert isinstance(variables, list)
    return {str(one["name"]): one for one in cast("list[Object]", variables)}


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_object_is_valid(overlay: str, version: str, tmp_path: Path) -> None:
    assert len(rendered(overlay)) > 10
    written = tmp_path / "all.yaml"
    written.write_text(yaml.safe_dump_all(rendered(overlay)))
    ran(ours("kubernetes-validate"), "--strict", "--quiet", "-k", version, written)


def pods_of(objects: Sequence[Object]) -> dict[str, Object]:
    """Return the labels of the pods of each Deployment and StatefulSet."""
    return {
        str(at(one, "metadata", "name")): labels_of(at(one, "spec", "template"))
        for one in objects
        if one["kind"] in WORKLOADS
    }


def labels_of(template: object) -> Object:
    """Return a pod's labels; none where it has none."""
    metadata = cast("Object", cast("Object", template).get("metadata", {}))
    return cast("Object", metadata.get("labels", {}))


def strays(objects: Sequence[Object]) -> list[str]:
    """Return whose selector does not select just the pods of the same name."""
    pods = pods_of(objects)
    wrong: list[str] = []
    for one in objects:
        kind, name = str(one["kind"]), str(at(one, "metadata", "name"))
        if kind not in SELECTORS:
            continue
        chosen = cast("Object", at(one, *SELECTORS[kind]))
        matched = [pod for pod, labels in pods.items() if chosen.items() <= labels.items()]
        if matched != [name]:
            wrong.append(f"{kind} {name}")
    return wrong


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_selectors_match_the_pods_that_they_mean(overlay: str) -> None:
    assert strays(rendered(overlay)) == []


def test_the_guides_deployment_whose_pods_have_no_labels_would_be_found() -> None:
    # Its schema allows it; the API server does not.
    objects = [dict(one) for one in copy.deepcopy(rendered("base"))]
    for one in objects:
        if one["kind"] == "Deployment" and at(one, "metadata", "name") == "blackroad-websocket":
            del cast("dict[str, object]", at(one, "spec", "template"))["metadata"]
    assert set(strays(objects)) == {
        "Deployment blackroad-websocket",
        "Service blackroad-websocket",
        "PodDisruptionBudget blackroad-websocket",
    }


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_services_lead_to_ports_that_pods_have(overlay: str) -> None:
    for one in rendered(overlay):
        if one["kind"] != "Service" or at(one, "metadata", "name") not in OURS:
            continue
        ports = at(container(str(at(one, "metadata", "name")), overlay), "ports")
        assert isinstance(ports, list)
        names = {port["name"] for port in cast("list[Object]", ports)}
        served = at(one, "spec", "ports")
        assert isinstance(served, list)
        assert {port["targetPort"] for port in cast("list[Object]", served)} <= names


@pytest.mark.parametrize("name", OURS)
def test_pods_are_probed_bounded_and_have_no_rights(name: str) -> None:
    pod = at(found("Deployment", name), "spec", "template", "spec")
    one = container(name)
    for probe, path in (
        ("startupProbe", "/healthz"),
        ("readinessProbe", "/readyz"),
        ("livenessProbe", "/healthz"),
    ):
        assert at(one, probe, "httpGet", "path") == path
    assert at(pod, "securityContext", "runAsNonRoot") is True
    assert at(pod, "securityContext", "seccompProfile", "type") == "RuntimeDefault"
    assert at(pod, "automountServiceAccountToken") is False
    assert at(one, "securityContext", "readOnlyRootFilesystem") is True
    assert at(one, "securityContext", "allowPrivilegeEscalation") is False
    assert at(one, "securityContext", "capabilities", "drop") == ["ALL"]
    for bound in ("requests", "limits"):
        assert at(one, "resources", bound, "cpu")
        assert at(one, "resources", bound, "memory")
    assert found("PodDisruptionBudget", name)
    # A tag that moves says nothing of what runs; Dockerfile and manifests name the same.
    version = re.search(r'^version = "(.+)"', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    assert version is not None
    assert at(one, "image") == f"blackroad/realtime:{version[1]}"


@pytest.mark.parametrize(
    ("name", "drain_seconds"),
    [
        ("blackroad-core", CoreSettings().drain_seconds),
        ("blackroad-websocket", EdgeLimits().drain_seconds),
    ],
)
def test_there_is_time_to_drain(name: str, drain_seconds: float) -> None:
    pod = at(found("Deployment", name), "spec", "template", "spec")
    grace = at(pod, "terminationGracePeriodSeconds")
    pause = at(container(name), "lifecycle", "preStop", "sleep", "seconds")
    assert isinstance(grace, int)
    assert isinstance(pause, int)
    assert pause > 0
    assert grace >= pause + drain_seconds + MARGIN_SECONDS


@pytest.mark.parametrize("name", ["blackroad-core", "blackroad-websocket"])
def test_there_are_three_and_more_when_there_is_much_to_do(name: str) -> None:
    scaler = found("HorizontalPodAutoscaler", name)
    assert at(scaler, "spec", "minReplicas") == 3
    assert at(scaler, "spec", "scaleTargetRef", "name") == name
    # Both would set the number, and each `apply` would undo what the other did.
    assert "replicas" not in cast("Object", at(found("Deployment", name), "spec"))


@pytest.mark.parametrize("overlay", OVERLAYS)
@pytest.mark.parametrize("name", OURS)
def test_every_setting_is_known(name: str, overlay: str) -> None:
    wanted = [one for one in environ(name, overlay) if one.startswith(PREFIX)]
    assert wanted
    for variable in wanted:
        assert is_known(tuple(variable.removeprefix(PREFIX).lower().split("__"))), variable


def test_the_secret_has_what_the_pods_ask_for() -> None:
    log = "redis://:word@redis:6379"
    made = cast("Object", yaml.safe_load(ran(SECRETS, log, environ=with_blackroad())))
    assert at(made, "stringData", "log") == log
    asked: set[str] = set()
    for name in OURS:
        for variable in environ(name).values():
            source = cast("Object", variable.get("valueFrom", {}))
            reference = cast("Object", source.get("secretKeyRef", {"optional": True}))
            if not reference.get("optional"):
                assert reference["name"] == at(made, "metadata", "name")
                asked.add(str(reference["key"]))
    assert asked == cast("Object", made["stringData"]).keys()


def test_browsers_come_by_tls_and_anywhere() -> None:
    service = found("Service", "blackroad-websocket")
    assert at(service, "spec", "type") == "LoadBalancer"
    assert at(service, "spec", "ports", 0, "port") == 443
    assert "sessionAffinity" not in cast("Object", at(service, "spec"))
    assert {"BLACKROAD_TLS__CERT", "BLACKROAD_TLS__KEY"} <= environ("blackroad-websocket").keys()
    assert at(container("blackroad-websocket"), "ports", 0, "containerPort") == 8080
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        assert at(container("blackroad-websocket"), probe, "httpGet", "scheme") == "HTTPS"


def test_behind_an_ingress_the_ingress_has_the_certificate() -> None:
    ingress = found("Ingress", "blackroad", "overlays/ingress")
    assert at(ingress, "spec", "tls", 0, "secretName") == "blackroad-tls"
    service = found("Service", "blackroad-websocket", "overlays/ingress")
    assert at(service, "spec", "type") == "ClusterIP"
    backend = at(
        ingress, "spec", "rules", 0, "http", "paths", 0, "backend", "service", "port", "name"
    )
    assert at(service, "spec", "ports", 0, "name") == backend
    variables = environ("blackroad-websocket", "overlays/ingress")
    assert not {name for name in variables if "TLS" in name}
    assert "BLACKROAD_AUTH__TRUSTED_PROXIES" in variables
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        one = container("blackroad-websocket", "overlays/ingress")
        assert at(one, probe, "httpGet", "scheme") == "HTTP"


def figure(of: str, what: str) -> float:
    """Return the median of a row of docs/benchmarks.md."""
    page = (ROOT / "docs" / "benchmarks.md").read_text()
    (median,) = re.findall(
        rf"^\| {re.escape(of)} \| {re.escape(what)} \|.*\| .+ \| (.+) \| .+ \|.*\|$",
        page,
        re.MULTILINE,
    )
    return float(median.replace(",", ""))


def bytes_of(quantity: object) -> float:
    """Return Kubernetes' quantity of memory in bytes."""
    text = str(quantity)
    assert text.endswith("Mi")
    return float(text.removesuffix("Mi")) * MIB


def test_memory_is_enough_for_what_is_let_in() -> None:
    limits = EdgeLimits()
    sockets = int(str(environ("blackroad-websocket")["BLACKROAD_EDGE__MAX_CONNECTIONS"]["value"]))
    edge = figure("WebSocket", "KiB at the edge") * 1024 * sockets
    needed = figure("an edge", "MiB at the start") * MIB + limits.max_queued_bytes + edge
    asked = at(container("blackroad-websocket"), "resources")
    assert bytes_of(at(asked, "requests", "memory")) >= needed
    assert bytes_of(at(asked, "limits", "memory")) >= 1.5 * needed
    # Three cores carry the sessions of three edges between them; when one goes, two do.
    core = figure("WebSocket", "KiB at the core beside it") * 1024 * sockets
    needed = figure("a core", "MiB at the start") * MIB + CoreSettings().limits.queued_bytes + core
    asked = at(container("blackroad-core"), "resources")
    assert bytes_of(at(asked, "requests", "memory")) >= needed
    assert bytes_of(at(asked, "limits", "memory")) >= 1.5 * needed


def test_no_key_stands_twice_and_what_is_named_is_there() -> None:
    ran(ours("yamllint"), "--strict", "-c", DEPLOY / "yamllint.yml", DEPLOY)
    for kustomization in DEPLOY.rglob("kustomization.yaml"):
        document = cast("Object", yaml.safe_load(kustomization.read_text()))
        for resource in cast("list[str]", document["resources"]):
            assert (kustomization.parent / resource).exists(), resource


def test_a_key_that_stands_twice_would_be_found(tmp_path: Path) -> None:
    twice = tmp_path / "twice.yaml"
    twice.write_text("a: 1\na: 2\n")
    with pytest.raises(AssertionError, match="duplication of key"):
        ran(ours("yamllint"), "--strict", "-c", DEPLOY / "yamllint.yml", twice)
