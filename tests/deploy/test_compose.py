"""The compose file names settings that there are, and its secrets are such that a core takes."""

import re
from collections.abc import Mapping
from typing import cast

import jwt
import pytest
import yaml

from blackroad.cli.settings.names import PREFIX, is_known
from tests.deploy.tools import DEPLOY, ran, with_blackroad

Object = Mapping[str, object]
COMPOSE = DEPLOY / "compose"
TEXT = (COMPOSE / "compose.yaml").read_text()
SERVICES = cast("Mapping[str, Object]", yaml.safe_load(TEXT)["services"])


def environ(service: Object) -> Mapping[str, str]:
    """Return a service's variables."""
    return cast("Mapping[str, str]", service.get("environment", {}))


def secrets() -> dict[str, str]:
    """Make the secrets as the file says."""
    lines = ran(COMPOSE / "secrets", environ=with_blackroad()).splitlines()
    return dict(line.split("=", 1) for line in lines)


def test_every_setting_is_known() -> None:
    names = {name for service in SERVICES.values() for name in environ(service)}
    ours = [name for name in names if name.startswith(PREFIX)]
    assert len(ours) > 5
    for name in ours:
        assert is_known(tuple(name.removeprefix(PREFIX).lower().split("__"))), name


@pytest.mark.slow
def test_the_secrets_are_made_anew_and_are_all_that_is_asked_for() -> None:
    made, again = secrets(), secrets()
    wanted = set(re.findall(r"\$\{(\w+):\?", TEXT))
    assert wanted == made.keys()
    assert made["BLACKROAD_AUTH__SECRET"] != again["BLACKROAD_AUTH__SECRET"]
    key = made["BLACKROAD_AUTH__SECRET"]
    for name, kind in (("EDGE_TOKEN", "gateway"), ("AGENTS_TOKEN", "agent")):
        claims = jwt.decode(made[name], key, algorithms=["HS256"])
        assert claims["kind"] == kind


def test_everything_of_ours_has_no_rights_and_is_looked_after() -> None:
    parts = [one for one in SERVICES.values() if "blackroad" in str(one["image"])]
    assert len(parts) == 4
    for part in parts:
        assert part["read_only"] is True
        assert part["cap_drop"] == ["ALL"]
    for name in ("core", "edge", "agents", "valkey"):
        assert "healthcheck" in SERVICES[name], name


def test_only_the_proxy_is_open_and_only_to_this_machine() -> None:
    open_ports = {name: one["ports"] for name, one in SERVICES.items() if "ports" in one}
    assert open_ports.keys() == {"proxy"}
    for port in cast("list[str]", open_ports["proxy"]):
        assert port.startswith("127.0.0.1:")
