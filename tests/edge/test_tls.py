"""An edge with TLS: sockets, events and routes; its core by TLS; new files without a restart."""

import json
import os
import ssl
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
import trustme
from websockets.asyncio.client import connect

from blackroad.core.server import CoreServer
from blackroad.core.settings import CoreSettings
from blackroad.edge.server import Edge
from blackroad.edge.settings import Address, EdgeLimits, EdgeSettings, EdgeTls
from blackroad.edge.tls import BrowserTls
from tests.edge.rig import EdgeRig, running

SECONDS = 5.0


class Files:
    """An authority, and certificates as files."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.authority = trustme.CA()
        self.ca = str(folder / "ca.pem")
        self.authority.cert_pem.write_to_path(self.ca)

    def issue(self, *names: str, to: str = "server") -> tuple[str, str]:
        made = self.authority.issue_cert(*names)
        cert, key = self.folder / f"{to}.pem", self.folder / f"{to}.key"
        cert.write_bytes(b"".join(blob.bytes() for blob in made.cert_chain_pems))
        key.write_bytes(made.private_key_pem.bytes())
        return str(cert), str(key)

    def trusting(self, shown: tuple[str, str] | None = None) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=self.ca)
        if shown is not None:
            context.load_cert_chain(*shown)
        return context


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


@asynccontextmanager
async def secured(files: Files, **tls: str) -> AsyncGenerator[EdgeRig]:
    """Run a core and an edge, both with TLS."""
    cert, key = files.issue("127.0.0.1")
    settings = CoreSettings.model_validate(
        {"grpc": "127.0.0.1:0", "tls": {"cert": cert, "key": key}, "drain_seconds": 0.1}
    )
    async with CoreServer(settings).open() as addresses:
        edge = Edge(
            EdgeSettings(
                http=Address(port=0),
                core=(f"grpcs://{addresses['grpc']}",),
                limits=EdgeLimits(drain_seconds=0.1),
                tls=EdgeTls(cert=cert, key=key, ca=files.ca, **tls),
            )
        )
        async with running(edge) as rig:
            yield rig


async def test_a_socket_events_and_routes_over_tls(files: Files) -> None:
    async with secured(files) as rig:
        trusted = files.trusting()
        async with (
            httpx.AsyncClient(
                base_url=f"https://{rig.address}", verify=trusted, timeout=SECONDS
            ) as http,
            connect(f"wss://{rig.address}/ws/ann", ssl=trusted) as socket,
            http.stream("GET", "/events/bob?channels=r") as events,
        ):
            assert (await http.get("/readyz")).status_code == 200
            assert json.loads(await socket.recv())["type"] == "welcome"
            await socket.send(json.dumps({"type": "message", "room": "r", "content": "x" * 30_000}))
            async for line in events.aiter_lines():
                if "xxx" in line:
                    break
            made = await http.post("/v1/tickets", json={"cookie": True})
            assert "Secure" in made.headers["set-cookie"]


async def test_who_speaks_plainly_is_not_served(files: Files) -> None:
    async with secured(files) as rig, httpx.AsyncClient(timeout=SECONDS) as http:
        with pytest.raises(httpx.HTTPError):
            await http.get(f"http://{rig.address}/healthz")


async def test_with_an_authority_of_clients_browsers_need_a_certificate(files: Files) -> None:
    async with secured(files, client_ca=files.ca) as rig:
        url = f"https://{rig.address}/healthz"
        async with httpx.AsyncClient(verify=files.trusting(), timeout=SECONDS) as http:
            with pytest.raises((httpx.HTTPError, ssl.SSLError)):
                await http.get(url)
        shown = files.issue("browser.example.org", to="browser")
        async with httpx.AsyncClient(verify=files.trusting(shown), timeout=SECONDS) as http:
            assert (await http.get(url)).status_code == 200


def test_new_files_are_loaded_and_broken_ones_change_nothing(files: Files) -> None:
    cert, key = files.issue("127.0.0.1")
    tls = BrowserTls(EdgeTls(cert=cert, key=key))
    assert not tls.refresh()
    Path(cert).write_text("half a file")
    os.utime(cert, ns=(1, 1))
    assert not tls.refresh()
    files.issue("127.0.0.1")
    assert tls.refresh()
    assert not tls.refresh()


def test_files_that_do_not_belong_together_stop_the_start(files: Files) -> None:
    cert, _ = files.issue("127.0.0.1")
    _, key = files.issue("127.0.0.1", to="other")
    with pytest.raises(OSError, match="mismatch"):
        BrowserTls(EdgeTls(cert=cert, key=key))


def test_either_all_cores_are_dialled_with_tls_or_none() -> None:
    settings = EdgeSettings(core=("grpcs://a:1", "grpcs://b:2"))
    assert (settings.core_targets, settings.core_tls) == (("a:1", "b:2"), True)
    with pytest.raises(ValueError, match="all addresses"):
        EdgeSettings(core=("grpcs://a:1", "b:2"))
