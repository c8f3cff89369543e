"""Prometheus takes the configuration, alerts are raised as they should, and name what there is."""

import re

import httpx
import pytest

from tests.deploy.tools import DEPLOY, debian, ran
from tests.processes import part

FOLDER = DEPLOY / "prometheus"
METRIC = re.compile(r"\b(?:blackroad|grpc)_\w+")
LABELS = {"grpc_code", "grpc_method"}
ENDS = ("bucket", "sum", "count")


@pytest.mark.slow
def test_prometheus_takes_the_configuration_and_the_alerts() -> None:
    ran(debian("promtool"), "check", "config", FOLDER / "prometheus.yml")


@pytest.mark.slow
def test_alerts_are_raised_when_they_should_be_and_not_before() -> None:
    ran(debian("promtool"), "test", "rules", FOLDER / "alerts_test.yml", cwd=FOLDER)


def told_by(page: str) -> set[str]:
    """Return the names that a process tells, also of what it has not counted yet."""
    text = httpx.get(f"http://{page}/metrics", trust_env=False).text
    names: set[str] = set()
    for name, kind in re.findall(r"^# TYPE (\w+) (\w+)$", text, re.MULTILINE):
        names |= {f"{name}_{end}" for end in ENDS} if kind == "histogram" else {name}
    return names


def test_what_alerts_and_the_page_name_is_told() -> None:
    with (
        part("core", GRPC="127.0.0.1:0", METRICS="127.0.0.1:0") as core,
        part("edge", HTTP="127.0.0.1:0", CORE=core.addresses["grpc"]) as edge,
    ):
        told = told_by(core.addresses["metrics"]) | told_by(edge.addresses["http"])
    alerts = (FOLDER / "alerts.yml").read_text()
    page = (DEPLOY.parent / "docs" / "monitoring.md").read_text()
    rules = "".join(re.findall(r"^ +expr: (.+(?:\n {10}.+)*)", alerts, re.MULTILINE))
    named = set(METRIC.findall(rules)) | set(METRIC.findall(page))
    assert len(named) > 10
    assert named - LABELS - told == set()
    for alert in re.findall(r"alert: (\w+)", alerts):
        assert f"`{alert}`" in page, alert
