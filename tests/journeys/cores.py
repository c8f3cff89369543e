"""A fleet of cores that have one name, and who is connected to which of them."""

import asyncio
import signal
from collections.abc import Callable, Generator
from contextlib import ExitStack, contextmanager

from blackroad.core.log.redis.embedded import server_binary
from blackroad.realtime.v1 import admin_pb2, admin_pb2_grpc
from tests.conformance.grpc_door import dialled
from tests.journeys.names import Names, naming
from tests.processes import Part, part
from tests.servers import Server

SECONDS = 30
NAMES = ("core-0", "core-1", "core-2")


class Cores:
    """Three cores on one log, at one port of several addresses of this machine."""

    def __init__(self, stack: ExitStack, log: str, settings: dict[str, str]) -> None:
        self._stack = stack
        self._settings = settings
        self._stopped: set[str] = set()
        self.log = log
        self.port = "0"
        self.parts: dict[str, Part] = {}
        for name in NAMES:
            self.start(name)
        self.names: Names
        self.names, found = stack.enter_context(naming(*map(self._host, NAMES)))
        self.dns = f"{found}:{self.port}"

    @staticmethod
    def _host(name: str) -> str:
        return f"127.0.0.{NAMES.index(name) + 1}"

    def start(self, name: str) -> None:
        """Start a core, or start it again."""
        own = {"GRPC": f"{self._host(name)}:{self.port}", "NODE": name, "LOG": self.log}
        started = self._stack.enter_context(part("core", **own, **self._settings))
        self.parts[name] = started
        self.port = started.addresses["grpc"].rpartition(":")[2]

    def address(self, name: str) -> str:
        """Return where a core is."""
        return f"{self._host(name)}:{self.port}"

    @property
    def listed(self) -> str:
        """All addresses, as the setting `core` takes them."""
        return ",".join(map(self.address, NAMES))

    def way(self, kind: str) -> str:
        """Return how to find them: by `list` or by `dns`."""
        return self.listed if kind == "list" else self.dns

    def other(self, *names: str) -> str:
        """Return the address of a core that is none of these."""
        return next(self.address(name) for name in NAMES if name not in names)

    async def strike(self, name: str, fault: str) -> None:
        """Let a core end by itself, be killed, or stand still."""
        process = self.parts[name].process
        match fault:
            case "drained":
                assert await asyncio.to_thread(process.terminate, SECONDS) == 0
            case "killed":
                await asyncio.to_thread(process.kill)
            case _:
                process.signal(signal.SIGSTOP)
                self._stopped.add(name)

    async def mend(self, name: str) -> None:
        """Have a core again that was struck."""
        if name in self._stopped:
            self._stopped.remove(name)
            self.parts[name].process.signal(signal.SIGCONT)
        else:
            await asyncio.to_thread(self.start, name)

    async def node(
        self, address: str, holds: Callable[[admin_pb2.NodeInfo], bool], but: str = ""
    ) -> str:
        """Return another node of which something holds, once there is one, as this core knows."""
        async with dialled(address) as channel, asyncio.timeout(SECONDS):
            stub = admin_pb2_grpc.AdminServiceStub(channel)
            while True:
                listed = (await stub.ListNodes(admin_pb2.ListNodesRequest())).nodes
                for node in listed:
                    if node.name != but and holds(node):
                        return node.name
                await asyncio.sleep(0.05)

    async def home_of(self, address: str, room: str) -> str:
        """Return the node at which somebody follows a room, once there is one."""
        async with dialled(address) as channel, asyncio.timeout(SECONDS):
            stub = admin_pb2_grpc.AdminServiceStub(channel)
            while True:
                listed = (await stub.ListSessions(admin_pb2.ListSessionsRequest())).sessions
                for session in listed:
                    if room in session.subscriptions:
                        return session.node
                await asyncio.sleep(0.05)


def has_edge(node: admin_pb2.NodeInfo) -> bool:
    """Whether an edge is connected to a node."""
    return node.edges > 0


def has_worker(node: admin_pb2.NodeInfo) -> bool:
    """Whether an agent serves at a node."""
    return node.workers > 0


@contextmanager
def cores(log: str = "", **settings: str) -> Generator[Cores]:
    """Run three cores, on a server of their own where no log is given."""
    with ExitStack() as stack:
        if not log:
            server = Server(server_binary())
            stack.callback(server.end)
            log = f"redis://127.0.0.1:{server.port}"
        yield Cores(stack, log, settings)
