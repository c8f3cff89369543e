"""TLS and users, on Debian's Redis: who is refused, and who is served."""

import asyncio
import re
from collections.abc import Generator
from pathlib import Path

import pytest
import trustme
from structlog.testing import capture_logs

from blackroad.core.clock import SystemClock
from blackroad.core.log.redis.address import read_address
from blackroad.core.log.redis.log import RedisLog, RedisLogSettings
from tests.contract.log.steps import ROOM, say, texts
from tests.core.log.redis.nodes import node, until
from tests.servers import Server, debian_binary, free_port

pytestmark = pytest.mark.redis
# All that the engine needs, and nothing else.
RIGHTS = (
    "~blackroad:* resetchannels -@all +@connection +@read +@write +@scripting +wait +info +time"
    " +client|unblock +cluster|slots"
)


@pytest.fixture
def secured(tmp_path: Path) -> Generator[tuple[int, Path]]:
    """Return the TLS port of a server that asks for a certificate and a user, and its files."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    for name in ("server", "client"):
        issued = authority.issue_cert("127.0.0.1", common_name=name)
        issued.private_key_pem.write_to_path(str(tmp_path / f"{name}.key"))
        issued.cert_chain_pems[0].write_to_path(str(tmp_path / f"{name}.pem"))
    port = free_port()
    tls = {"tls-port": str(port), "tls-ca-cert-file": str(tmp_path / "ca.pem")}
    tls |= {f"tls-{name}-file": str(tmp_path / f"server.{end}") for name, end in FILES.items()}
    server = Server(
        debian_binary(), *[word for name, text in tls.items() for word in (f"--{name}", text)]
    )
    server.ask("ACL", "SETUSER", "blackroad", "on", ">a:b@c/d", *RIGHTS.split())
    server.ask("ACL", "SETUSER", "default", "off")
    yield port, tmp_path
    server.end()


FILES = {"cert": "pem", "key": "key"}


async def test_a_user_with_few_rights_is_served_over_tls(secured: tuple[int, Path]) -> None:
    port, files = secured
    options = f"ca={files}/ca.pem&cert={files}/client.pem&key={files}/client.key"
    url = f"rediss://blackroad:a%3Ab%40c%2Fd@127.0.0.1:{port}?{options}"
    async with node(RedisLogSettings(read_address(url))) as log:
        await say(log, ROOM, "a")
        assert texts((await log.history(ROOM, 9)).entries) == ["a"]
        await log.beat()


# asyncio of Python 3.11 leaves the socket of a TLS handshake that was refused to the collector.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ("password", "invalid username-password"),
        (
            "certificate",
            "certificate required|Connection closed|reset|EOF",
        ),  # as TLS happens to end
        ("plain", "Connection closed|reset|no answer in time"),
    ],
)
async def test_others_wait_outside(secured: tuple[int, Path], wrong: str, reason: str) -> None:
    port, files = secured
    options = f"ca={files}/ca.pem&cert={files}/client.pem&key={files}/client.key"
    url = {
        "password": f"rediss://blackroad:no@127.0.0.1:{port}?{options}",
        "certificate": f"rediss://blackroad:a%3Ab%40c%2Fd@127.0.0.1:{port}?ca={files}/ca.pem",
        "plain": f"redis://blackroad:a%3Ab%40c%2Fd@127.0.0.1:{port}",
    }[wrong]
    log = RedisLog(RedisLogSettings(read_address(url)), SystemClock())
    opening = asyncio.create_task(log.open())
    with capture_logs() as written:
        await until(lambda: bool(written), 30)
    assert not opening.done()
    opening.cancel()
    await asyncio.wait([opening])
    await log.close()
    assert written[0]["event"] == "log.away"
    assert re.search(reason, str(written[0]["error"])), written
