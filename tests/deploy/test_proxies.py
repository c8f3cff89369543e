"""WebSocket, server-sent events and gRPC through nginx and HAProxy, as deploy/ sets them up."""

import asyncio
import ssl
from collections.abc import AsyncGenerator, Generator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import grpc
import httpx
import pytest
import trustme
from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

from blackroad.core.log.redis.embedded import server_binary
from blackroad.realtime.v1 import channel_pb2, channel_pb2_grpc, common_pb2, event_pb2
from tests.conformance.grpc_door import ConnectCall
from tests.deploy.tools import DEPLOY, debian, ran
from tests.edge.rig import Browser, blocks, next_event
from tests.processes import Part, Process, part, running, wait_until
from tests.servers import Server, free_port

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120), pytest.mark.usefixtures("one_loop")]

SECONDS = 30
NAME = "realtime.example.com"
PROXIES = ("nginx", "haproxy")


@dataclass(frozen=True, slots=True)
class Home:
    """Two cores and two edges on one log, behind a proxy with TLS."""

    cores: list[Part]
    edges: list[Part]
    proxy: Process
    https: int
    grpcs: int
    authority: trustme.CA

    @property
    def context(self) -> ssl.SSLContext:
        """Trusts the proxy's certificate."""
        pem = self.authority.cert_pem.bytes()
        return ssl.create_default_context(cadata=pem.decode())

    @property
    def channel(self) -> grpc.aio.Channel:
        """A connection to the cores."""
        pem = self.authority.cert_pem.bytes()
        options = [("grpc.ssl_target_name_override", NAME), ("grpc.enable_http_proxy", 0)]
        credentials = grpc.ssl_channel_credentials(pem)
        return grpc.aio.secure_channel(f"127.0.0.1:{self.grpcs}", credentials, options)

    @asynccontextmanager
    async def browser(self, client_id: str) -> AsyncGenerator[Browser]:
        """Open a WebSocket through the proxy."""
        address = f"wss://127.0.0.1:{self.https}/ws/{client_id}"
        async with connect(address, ssl=self.context, proxy=None) as socket:
            yield Browser(socket)


@contextmanager
def home(kind: str, folder: Path) -> Generator[Home]:
    """Run everything; the proxy's own file, with other ports and this certificate."""
    with ExitStack() as stack:
        server = Server(server_binary())
        stack.callback(server.end)
        shared = {"LOG": f"redis://127.0.0.1:{server.port}", "METRICS": "127.0.0.1:0"}
        cores = [stack.enter_context(part("core", GRPC="127.0.0.1:0", **shared)) for _ in "12"]
        edges = [
            stack.enter_context(
                part(
                    "edge",
                    HTTP="127.0.0.1:0",
                    CORE=core.addresses["grpc"],
                    AUTH__TRUSTED_PROXIES="127.0.0.1",
                )
            )
            for core in cores
        ]
        authority = trustme.CA()
        authority.issue_cert("127.0.0.1", NAME).private_key_and_cert_chain_pem.write_to_path(
            str(folder / "tls.pem")
        )
        ports = free_port(), free_port()
        ways = {
            f"127.0.0.1:808{number}": edge.addresses["http"] for number, edge in enumerate(edges, 1)
        }
        for number, core in enumerate(cores, 1):
            ways[f"127.0.0.1:5006{number}"] = core.addresses["grpc"]
            ways[f"port 909{number}"] = f"port {core.addresses['metrics'].rpartition(':')[2]}"
        start = nginx if kind == "nginx" else haproxy
        words = start(folder, ways, ports)
        proxy = stack.enter_context(running(words, {}))
        found = Home(cores, edges, proxy, *ports, authority)
        wait_until(lambda: is_through(found), SECONDS)
        yield found


def is_through(found: Home) -> bool:
    """Whether an edge answers through the proxy."""
    try:
        address = f"https://127.0.0.1:{found.https}/readyz"
        return httpx.get(address, verify=found.context, trust_env=False).status_code == 200
    except httpx.TransportError:
        return False


def replaced(text: str, ways: dict[str, str]) -> str:
    """Put other words for these; each must be there."""
    for old, new in ways.items():
        if not old.startswith("port "):
            assert old in text, old
        text = text.replace(old, new)
    return text


def nginx(folder: Path, ways: dict[str, str], ports: tuple[int, int]) -> list[str]:
    """Write what nginx reads; return how it is started."""
    text = (DEPLOY / "nginx" / "blackroad.conf").read_text()
    pem = str(folder / "tls.pem")
    ours = {
        "listen 443 ": f"listen 127.0.0.1:{ports[0]} ",
        "listen 50051 ": f"listen 127.0.0.1:{ports[1]} ",
        "/etc/nginx/tls/tls.crt": pem,
        "/etc/nginx/tls/tls.key": pem,
    }
    return checked(folder, replaced(text, ways | ours))


def checked(folder: Path, text: str) -> list[str]:
    """Write a whole configuration of nginx around servers, and have it checked."""
    (folder / "servers.conf").write_text(text)
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    scratch = "".join(f"  {kind}_temp_path {folder}/{kind};\n" for kind in kinds)
    whole = folder / "nginx.conf"
    whole.write_text(
        f"user root;\ndaemon off;\nmaster_process off;\npid {folder}/pid;\nerror_log stderr;\n"
        f"events {{}}\nhttp {{\n  access_log off;\n{scratch}  include {folder}/servers.conf;\n}}\n"
    )
    words = [debian("nginx"), "-c", str(whole), "-e", "stderr"]
    ran(*words, "-t")
    return words


def haproxy(folder: Path, ways: dict[str, str], ports: tuple[int, int]) -> list[str]:
    """Write what HAProxy reads; return how it is started."""
    text = (DEPLOY / "haproxy" / "haproxy.cfg").read_text()
    ours = {
        "bind :443 ": f"bind 127.0.0.1:{ports[0]} ",
        "bind :50051 ": f"bind 127.0.0.1:{ports[1]} ",
        "/etc/haproxy/tls.pem": str(folder / "tls.pem"),
        "maxconn 40000": "maxconn 200",  # a test may not have so many files open
    }
    written = folder / "haproxy.cfg"
    written.write_text(replaced(text, ways | ours))
    words = [debian("haproxy"), "-f", str(written)]
    ran(*words, "-c")
    return [*words, "-db"]


async def followed(found: Home, room: str) -> tuple[grpc.aio.Channel, ConnectCall]:
    """Follow a room over a stream through the proxy."""
    channel = found.channel
    call: ConnectCall = channel_pb2_grpc.ChannelServiceStub(channel).Connect()
    hello = common_pb2.Hello(protocol_version=1)
    await call.write(channel_pb2.ConnectRequest(hello=hello))
    subscribe = channel_pb2.Subscribe(channel=room)
    await call.write(channel_pb2.ConnectRequest(request_id="1", subscribe=subscribe))
    await until(call, "caught_up")
    return channel, call


async def until(call: ConnectCall, kind: str) -> channel_pb2.ConnectResponse:
    """Return the next frame of a kind."""
    async with asyncio.timeout(SECONDS):
        while True:
            response = await call.read()
            assert isinstance(response, channel_pb2.ConnectResponse)
            if response.WhichOneof("frame") == kind:
                return response


@pytest.mark.parametrize("kind", PROXIES)
async def test_all_three_doors_are_open_and_an_edge_may_go(kind: str, tmp_path: Path) -> None:
    room = "shop.eu"
    with home(kind, tmp_path) as found:
        channel, call = await followed(found, room)
        verify = found.context
        async with (
            channel,
            found.browser("ann") as browser,
            httpx.AsyncClient(
                base_url=f"https://127.0.0.1:{found.https}", verify=verify, timeout=SECONDS
            ) as http,
            http.stream("GET", f"/events/bob?channels={room}&full=true") as response,
        ):
            events = blocks(response)
            await next_event(events, "connected")
            cursor = str((await browser.follow(room))["cursor"])
            stub = channel_pb2_grpc.ChannelServiceStub(channel)
            # Each comes at once, and not when a buffer is full.
            for number in range(3):
                drafts = [event_pb2.Draft(json=str(number))]
                await stub.Publish(channel_pb2.PublishRequest(channel=room, events=drafts))
                delivery = (await until(call, "delivery")).delivery
                assert [event.json for event in delivery.events] == [str(number)]
                said = await browser.find("message")
                assert said["content"] == number
                cursor = str(said["cursor"])
                assert (await next_event(events, "message")).fields["content"] == number
            # An edge goes: whoever was there comes again by the other, and misses nothing.
            await asyncio.to_thread(found.edges[0].process.kill)
            await stub.Publish(
                channel_pb2.PublishRequest(channel=room, events=[event_pb2.Draft(json="3")])
            )
            assert await resumed(found, room, cursor) == 3


async def resumed(found: Home, room: str, cursor: str) -> object:
    """Come back with a cursor as often as it takes; return what was missed."""
    async with asyncio.timeout(SECONDS):
        while True:
            try:
                async with found.browser("ann") as again:
                    await again.say("subscribe", room=room, cursor=cursor)
                    frame = await again.find("message")
                    return frame["content"]
            except (OSError, WebSocketException, TimeoutError):
                await asyncio.sleep(0.1)


def test_the_proxy_of_the_compose_file_is_taken(tmp_path: Path) -> None:
    checked(tmp_path, (DEPLOY / "compose" / "proxy.conf").read_text())
