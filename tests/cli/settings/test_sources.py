"""Where settings come from, which of them wins, and what stops a start."""

from pathlib import Path

import pytest

from blackroad.agents.settings import AgentsSettings
from blackroad.cli.settings.names import env_name, flag_name, is_known, nearest
from blackroad.cli.settings.parts import EdgePart, LoggingPart
from blackroad.cli.settings.problems import SettingsError
from blackroad.cli.settings.read import read
from blackroad.cli.settings.sources import given
from blackroad.core.settings import CoreSettings


@pytest.fixture(autouse=True)
def _empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def problem(*flags: str, environ: dict[str, str] | None = None) -> str:
    """Return what the core says about its settings."""
    with pytest.raises(SettingsError) as raised:
        read(CoreSettings, given(flags, environ or {}))
    return str(raised.value)


def core(*flags: str, environ: dict[str, str] | None = None) -> CoreSettings:
    return read(CoreSettings, given(flags, environ or {}))


def test_flags_beat_the_environment_and_that_beats_the_file() -> None:
    Path("blackroad.toml").write_text('node = "file"\n[retention]\nseconds = 1\nbytes = 2000000\n')
    environ = {"BLACKROAD_NODE": "environ", "BLACKROAD_RETENTION__SECONDS": "2"}
    settings = core("--node", "flag", environ=environ)
    assert settings.node == "flag"
    assert settings.retention.seconds == 2
    assert settings.retention.bytes == 2_000_000
    assert core(environ=environ).node == "environ"
    assert core().node == "file"


def test_a_flag_takes_its_value_after_a_space_or_an_equals_sign() -> None:
    assert core("--limits.user.burst-limit", "5").limits.user.burst_limit == 5
    assert core("--limits.user.burst-limit=6").limits.user.burst_limit == 6
    assert "needs a value" in problem("--node")
    assert "neither a command nor a flag" in problem("node")


@pytest.mark.parametrize("source", ["flag", "environ"])
def test_the_file_can_be_named(source: str) -> None:
    Path("other.toml").write_text('node = "other"')
    if source == "flag":
        assert core("--config", "other.toml").node == "other"
    else:
        assert core(environ={"BLACKROAD_CONFIG": "other.toml"}).node == "other"


def test_a_file_that_was_named_must_be_there_and_be_toml() -> None:
    assert "cannot be read" in problem("--config", "absent.toml")
    Path("bad.toml").write_text("node = ")
    assert "not TOML" in problem("--config", "bad.toml")


def test_redis_url_and_pod_name_are_read_where_the_own_names_are_not_set() -> None:
    guide = {"POD_NAME": "pod-1", "REDIS_URL": "memory://"}
    assert core(environ=guide).node == "pod-1"
    assert core(environ=guide | {"BLACKROAD_NODE": "mine"}).node == "mine"
    said = problem(environ={"REDIS_URL": "nothing://cluster:6379"})
    assert said.startswith("REDIS_URL = nothing://cluster:6379")
    assert "must be memory://" in said


def test_an_unknown_name_stops_the_start_with_the_nearest_one_in_the_same_spelling() -> None:
    said = problem(environ={"BLACKROAD_LOGGING__LEVL": "info"})
    assert "BLACKROAD_LOGGING__LEVL = info" in said
    assert "did you mean BLACKROAD_LOGGING__LEVEL?" in said
    assert "did you mean --drain-seconds?" in problem("--drain-second", "1")
    Path("blackroad.toml").write_text("[retention]\nsecond = 1\n")
    said = problem()
    assert "retention.second in blackroad.toml = 1" in said
    assert "did you mean retention.seconds?" in said


def test_an_unknown_name_of_another_part_stops_every_part() -> None:
    with pytest.raises(SettingsError):
        read(LoggingPart, given((), {"BLACKROAD_HTPP": "x"}))


@pytest.mark.parametrize(
    "name",
    [
        "BLACKROAD_CORE_SERVICE_HOST",
        "BLACKROAD_CORE_SERVICE_PORT",
        "BLACKROAD_CORE_SERVICE_PORT_GRPC",
        "BLACKROAD_EDGE_PORT",
        "BLACKROAD_EDGE_PORT_8080_TCP",
        "BLACKROAD_EDGE_PORT_8080_TCP_ADDR",
        "BLACKROAD_EDGE_PORT_8080_TCP_PORT",
        "BLACKROAD_EDGE_PORT_8080_TCP_PROTO",
        "BLACKROAD_PORT",
        "BLACKROAD_PORT_8080_TCP",
        "BLACKROAD_SERVICE_HOST",
    ],
)
def test_what_kubernetes_puts_beside_is_no_setting(name: str) -> None:
    assert given((), {name: "tcp://10.0.0.1:8080"}) == {}


def test_other_programs_variables_are_not_ours() -> None:
    assert given((), {"HOME": "/", "BLACKROADS": "x"}) == {}


def test_a_wrong_value_is_told_with_its_name_and_what_is_allowed() -> None:
    said = problem(environ={"BLACKROAD_LIMITS__USER__BURST_LIMIT": "many"})
    assert said.startswith("BLACKROAD_LIMITS__USER__BURST_LIMIT = many: must be a valid integer")
    assert "greater than or equal to 1" in problem("--limits.user.burst-limit", "0")


def test_all_wrong_values_are_told_at_once() -> None:
    said = problem("--retention.seconds", "x", "--presence.lease-seconds", "-1")
    assert "--retention.seconds" in said
    assert "--presence.lease-seconds" in said


def test_secrets_are_never_shown() -> None:
    said = problem("--auth.secret", "hunter2")
    assert "hunter2" not in said
    assert "--auth.secret = ********" in said
    said = problem("--log", "nothing://user:hunter2@host")
    assert "hunter2" not in said
    assert "nothing://user:********@host" in said


def test_a_part_does_not_look_at_the_values_of_others() -> None:
    environ = {"BLACKROAD_LOG": "redis://elsewhere", "BLACKROAD_HTTP": "127.0.0.1:1"}
    assert read(EdgePart, given((), environ)).http == "127.0.0.1:1"


def test_lists_are_spelled_with_commas_and_in_the_file_as_lists() -> None:
    environ = {"BLACKROAD_AUTH__ORIGINS": "https://a, https://b", "BLACKROAD_MODELS__ALLOW": "a,b"}
    values = given((), environ)
    assert read(EdgePart, values).auth.origins == ("https://a", "https://b")
    assert read(AgentsSettings, values).models.allow == ["a", "b"]
    Path("blackroad.toml").write_text('[auth]\norigins = ["https://c"]\n')
    assert read(EdgePart, given((), {})).auth.origins == ("https://c",)


def test_the_secret_and_the_origins_of_one_table_belong_to_two_parts() -> None:
    secret = "x" * 32
    values = given(("--auth.secret", secret, "--auth.origins", "https://a"), {})
    assert read(EdgePart, values).auth.origins == ("https://a",)
    found = read(CoreSettings, values).auth.secret
    assert found is not None
    assert found.get_secret_value() == secret


def test_namespace_rules_come_from_the_file() -> None:
    Path("blackroad.toml").write_text('[namespaces."orders.>"]\npresence = true\n')
    assert core().namespaces["orders.>"].presence
    Path("blackroad.toml").write_text('[namespaces."orders.>"]\npresense = true\n')
    assert "there is no such setting" in problem()


def test_a_name_has_one_spelling_for_each_source() -> None:
    path = ("limits", "user", "burst_limit")
    assert env_name(path) == "BLACKROAD_LIMITS__USER__BURST_LIMIT"
    assert flag_name(path) == "--limits.user.burst-limit"
    assert is_known(path)
    assert not is_known(path[:2])
    assert nearest(("limit", "user", "burst_limit")) == path


@pytest.mark.parametrize(
    "name",
    [
        "HTTP",
        "GRPC",
        "LOG",
        "NODE",
        "CONFIG",
        "AGENTS",
        "CORE",
        "METRICS",
        "URL",
        "TOKEN",
        "LOGGING__LEVEL",
        "LOGGING__FORMAT",
        "AUTH__SECRET",
        "AUTH__PUBLIC_KEY",
        "AUTH__JWKS",
        "AUTH__AUDIENCE",
        "AUTH__ISSUER",
        "AUTH__ORIGINS",
        "AUTH__HOSTS",
        "AUTH__TRUSTED_PROXIES",
        "TLS__CERT",
        "TLS__KEY",
        "TLS__CLIENT_CA",
        "MODELS__DEFAULT",
        "MODELS__ALLOW",
        "MODELS__ECHO_WORDS_PER_SECOND",
        "LIMITS__USER__MESSAGES_PER_SECOND",
        "LIMITS__AGENT__MESSAGES_PER_MINUTE",
        "LIMITS__SERVICE__BURST_LIMIT",
        "LIMITS__USER__COOLDOWN_SECONDS",
    ],
)
def test_every_promised_name_is_there(name: str) -> None:
    assert is_known(tuple(name.lower().split("__")))
