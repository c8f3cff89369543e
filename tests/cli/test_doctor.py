"""The mistakes that people make when they set this up: each is made, and the doctor sees it."""

import http.server
import json
import os
import socket
import threading
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import pytest
import trustme

from blackroad.core.log.redis.embedded import server_binary
from tests.core.access.world import SECRET, token
from tests.processes import blackroad, up
from tests.servers import Server, free_port

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

FREE = {"GRPC": "127.0.0.1:0", "HTTP": "127.0.0.1:0"}
Row = Mapping[str, object]


def doctor(*flags: str, **settings: str) -> tuple[int, dict[str, Row]]:
    """Return the status, and what was found by each check: the first that is not well."""
    run = blackroad("doctor", "--json", *flags, **(FREE | settings))
    found: dict[str, Row] = {}
    for line in run.stdout.splitlines():
        row: Row = json.loads(line)
        name = str(row["check"])
        if name not in found or found[name]["ok"]:
            found[name] = row
    assert run.stderr == ""
    return run.returncode, found


def bad(check: str, *flags: str, **settings: str) -> str:
    """Return what is said of the one check that is not well, with what to do about it."""
    status, found = doctor(*flags, **settings)
    assert status == 1
    assert [name for name, row in found.items() if not row["ok"]] == [check]
    assert found[check]["fix"]
    return f"{found[check]['text']} -> {found[check]['fix']}"


def test_a_machine_that_is_well_is_told_so() -> None:
    status, found = doctor()
    assert status == 0, found
    assert {"settings", "--grpc", "--http", "engine", "models", "agents", "limits", "clock"} == set(
        found
    )


def test_1_a_misspelt_setting() -> None:
    assert "did you mean BLACKROAD_NODE?" in bad("settings", NODES="n1")


def test_2_an_address_that_something_else_has() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        assert address in bad("--grpc", GRPC=address)
        assert "--http 127.0.0.1:0" in bad("--http", HTTP=address)


def test_2_what_is_up_already_is_no_mistake() -> None:
    with up() as installation:
        status, found = doctor(GRPC=installation.grpc, HTTP=installation.http)
        assert status == 0, found
        assert "up there already" in str(found["--grpc"]["text"])
        assert "up there already" in str(found["--http"]["text"])


@pytest.mark.parametrize("name", ["GRPC", "HTTP"])
def test_3_a_door_that_is_open_to_the_network_without_keys(name: str) -> None:
    assert "openssl rand -hex 32" in bad("open", **{name: "0.0.0.0:0"})


def test_4_a_secret_that_is_too_short() -> None:
    said = bad("keys", AUTH__SECRET="changeme")
    assert "at least 32" in said
    assert "changeme" not in said


def test_4_a_key_that_is_none(tmp_path: Path) -> None:
    assert bad("keys", AUTH__PUBLIC_KEY=str(tmp_path / "absent.pem"))


def test_5_an_engine_that_does_not_answer() -> None:
    said = bad("engine", LOG=f"redis://:secret@127.0.0.1:{free_port()}")
    assert "BLACKROAD_LOG" in said
    assert "secret@" not in said


class Start(Protocol):
    """Starts a server with options of its own."""

    def __call__(self, *options: str) -> Server: ...


@pytest.fixture
def redis() -> Generator[Start]:
    """Give servers with options of their own."""
    servers: list[Server] = []

    def start(*options: str) -> Server:
        servers.append(Server(server_binary(), *options))
        return servers[-1]

    yield start
    for server in servers:
        server.end()


def test_5_an_engine_that_wants_a_password(redis: Start) -> None:
    server = redis()
    server.ask("CONFIG", "SET", "requirepass", "open")
    address = f"127.0.0.1:{server.port}"
    assert "redis://user:password@" in bad("engine", LOG=f"redis://{address}")
    status, _ = doctor(LOG=f"redis://:open@{address}")
    assert status == 0


def test_6_an_engine_that_throws_away_what_it_was_given(redis: Start) -> None:
    server = redis("--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru")
    said = bad("eviction", LOG=f"redis://127.0.0.1:{server.port}")
    assert "allkeys-lru" in said
    assert "noeviction" in said


def test_6_an_engine_whose_memory_is_full(redis: Start) -> None:
    server = redis("--maxmemory", "1mb", "--maxmemory-policy", "noeviction")
    address = f"127.0.0.1:{server.port}"
    assert "memory is full" in bad("memory", LOG=f"redis://{address}")
    server.ask("CONFIG", "SET", "maxmemory", "1gb")
    status, _ = doctor(LOG=f"redis://{address}")
    assert status == 0


def test_an_engine_is_asked_no_more_than_its_user_may(redis: Start) -> None:
    server = redis("--maxmemory", "100mb")
    few = ("~blackroad:*", "-@all", "+@connection", "+info")
    server.ask("ACL", "SETUSER", "ann", "on", ">open", *few)
    log = f"redis://ann:open@127.0.0.1:{server.port}"
    assert "docs/fleet.md" in bad("engine", LOG=log)
    server.ask("ACL", "SETUSER", "ann", "+time")
    server.ask("ACL", "LOG", "RESET")
    server.ask("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
    assert "allkeys-lru" in bad("eviction", LOG=log)
    assert server.ask("ACL", "LOG") == "*0\r\n"


def test_7_a_token_that_has_run_out() -> None:
    assert "expired" in bad("token", AUTH__SECRET=SECRET, TOKEN=token("ann", seconds=-60))


def test_7_a_token_that_another_secret_has_signed() -> None:
    assert "not valid" in bad("token", AUTH__SECRET="x" * 40, TOKEN=token("ann"))


def test_8_an_address_of_the_wrong_door() -> None:
    assert "grpc://host:50051" in bad("url", URL="redis://127.0.0.1:6379")
    with up() as installation:
        http, grpc = installation.http, installation.grpc
        own = {"GRPC": grpc, "HTTP": http}
        assert "grpc:// for a core" in bad("url", URL=f"http://{grpc}", **own)
        assert "http:// for an edge" in bad("url", URL=f"grpc://{http}", **own)
        assert doctor(URL=f"http://{http}", **own)[0] == 0


def test_8_an_address_where_nobody_is() -> None:
    assert "BLACKROAD_URL" in bad("url", URL=f"grpc://127.0.0.1:{free_port()}")


@pytest.fixture
def certificates(tmp_path: Path) -> Callable[[str], str]:
    """Give files of a server's certificate and of keys."""
    authority = trustme.CA()
    own, others = authority.issue_cert("localhost"), authority.issue_cert("localhost")
    own.private_key_pem.write_to_path(str(tmp_path / "key.pem"))
    others.private_key_pem.write_to_path(str(tmp_path / "other.pem"))
    own.cert_chain_pems[0].write_to_path(str(tmp_path / "cert.pem"))
    return lambda name: str(tmp_path / name)


def test_9_a_certificate_that_is_not_the_keys(certificates: Callable[[str], str]) -> None:
    pair = {"TLS__CERT": certificates("cert.pem"), "TLS__KEY": certificates("other.pem")}
    assert "do not go together" in bad("tls", **pair)
    status, found = doctor(**pair | {"TLS__KEY": certificates("key.pem")})
    assert status == 0, found


def test_9_a_certificate_that_has_run_out(tmp_path: Path) -> None:
    from datetime import UTC, datetime

    leaf = trustme.CA().issue_cert("localhost", not_after=datetime(2025, 1, 1, tzinfo=UTC))
    leaf.private_key_pem.write_to_path(str(tmp_path / "key.pem"))
    leaf.cert_chain_pems[0].write_to_path(str(tmp_path / "cert.pem"))
    pair = {"TLS__CERT": str(tmp_path / "cert.pem"), "TLS__KEY": str(tmp_path / "key.pem")}
    assert "no longer" in bad("tls", **pair)


@contextmanager
def ollama(*models: str) -> Generator[str]:
    """Answer as an Ollama that has these models."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps({"models": [{"model": name} for name in models]}).encode()
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its own name
            del format, args

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def test_10_a_model_that_nobody_can_answer_by(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OLLAMA_HOST", f"127.0.0.1:{free_port()}")
    assert "ollama serve" in bad("models", MODELS__DEFAULT="ollama/llama3.2:3b")
    with ollama("qwen3:4b", "small:latest") as address:
        monkeypatch.setenv("OLLAMA_HOST", address)
        assert "ollama pull llama3.2:3b" in bad("models", MODELS__DEFAULT="ollama/llama3.2:3b")
        for name in ("ollama/qwen3:4b", "ollama/small", "qwen3:4b"):
            assert doctor(MODELS__DEFAULT=name)[0] == 0
    for name in [name for name in os.environ if name.startswith("ANTHROPIC_")]:
        monkeypatch.delenv(name)
    assert "ANTHROPIC_API_KEY" in bad("models", MODELS__DEFAULT="anthropic/claude-sonnet-5")
    assert "nobody provides" in bad("models", MODELS__DEFAULT="opnai/gpt")


def test_also_origins_that_no_browser_sends() -> None:
    assert "https://app.example.com" in bad("origins", AUTH__ORIGINS="https://app.io/")
    assert doctor(AUTH__ORIGINS="https://app.io,http://localhost:5173,*")[0] == 0


def test_also_a_file_of_agents_that_is_not_there(tmp_path: Path) -> None:
    assert "TOML" in bad("agents", AGENTS=str(tmp_path / "absent.toml"))


def test_also_a_folder_that_cannot_hold_the_log(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert "another folder" in bad("engine", LOG=f"embedded:{tmp_path / 'file' / 'data'}")


def test_people_get_lines_and_a_hint() -> None:
    run = blackroad("doctor", **FREE, NODES="n1")
    assert run.returncode == 1
    assert "bad  settings: BLACKROAD_NODES = n1" in run.stdout
    assert "     -> `blackroad config`" in run.stdout
