"""A browser's tabs as SDKs make them: told to go they come back elsewhere, with their cursor."""

import asyncio
import itertools
import json
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Final, cast

import httpx
from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

from tests.edge.rig import blocks

Frame = dict[str, object]
RETRY_SECONDS: Final = 0.2
DEADLINE_SECONDS: Final = 60.0


class Tab(ABC):
    """Follows a room, at one edge after the other, and notes what it is told."""

    def __init__(self, name: str, room: str, edges: Sequence[str]) -> None:
        self.name = name
        self.room = room
        self.numbers: list[object] = []
        self.retries: list[float] = []  # what draining edges asked for
        self.cursor = ""
        self._gaps: list[Frame] = []
        self._edges = itertools.cycle(edges)
        self._stands = asyncio.Event()
        self._came = asyncio.Event()

    @abstractmethod
    async def follow(self, edge: str) -> None:
        """Follow at an edge until it ends, or raises for want of one."""

    async def run(self) -> None:
        """Follow until cancelled."""
        for edge in self._edges:
            try:
                await self.follow(edge)
            except (OSError, WebSocketException, httpx.HTTPError, TimeoutError):
                await asyncio.sleep(RETRY_SECONDS)

    def take(self, kind: str, frame: Frame) -> None:
        """Take what an edge said."""
        self.cursor = str(frame.get("cursor") or self.cursor)
        if kind == "gap" or frame.get("gap"):
            self._gaps.append(frame)
        elif kind in {"subscribed", "connected"}:
            self._stands.set()
        elif kind == "message":
            self.numbers.append(frame["content"])
            self._came.set()

    async def stands(self) -> None:
        """Return when it follows."""
        async with asyncio.timeout(DEADLINE_SECONDS):
            await self._stands.wait()

    async def has(self, last: int) -> None:
        """Return when it has got up to a number; fail where it has not all, once, in order."""
        async with asyncio.timeout(DEADLINE_SECONDS):
            while len(self.numbers) <= last:
                self._came.clear()
                await self._came.wait()
        assert self.numbers == list(range(len(self.numbers))), self.name
        assert self._gaps == [], self.name


class SocketTab(Tab):
    """Over WebSocket."""

    async def follow(self, edge: str) -> None:
        """Subscribe, and read."""
        async with connect(f"ws://{edge}/ws/{self.name}", proxy=None) as socket:
            cursor = {"cursor": self.cursor} if self.cursor else {}
            await socket.send(json.dumps({"type": "subscribe", "room": self.room, **cursor}))
            async for text in socket:
                frame = cast("Frame", json.loads(text))
                self.take(str(frame["type"]), frame)
                if frame["type"] == "closing":
                    self.retries.append(float(str(frame["retry_after_seconds"])))
                    await asyncio.sleep(self.retries[-1])


class StreamTab(Tab):
    """Over server-sent events, as EventSource does it."""

    async def follow(self, edge: str) -> None:
        """Connect with the last event's id, and read."""
        headers = {"Last-Event-ID": self.cursor} if self.cursor else {}
        address = f"http://{edge}/events/{self.name}?channels={self.room}&full=true"
        async with (
            httpx.AsyncClient(trust_env=False, timeout=httpx.Timeout(10, read=40)) as http,
            http.stream("GET", address, headers=headers) as response,
        ):
            seconds = 0.0
            async for block in blocks(response):
                self.cursor = block.id or self.cursor
                seconds = float(block.retry or 0) / 1000 or seconds
                if block.event == "closing":
                    self.retries.append(seconds)
                    await asyncio.sleep(seconds)
                elif block.data is not None:
                    self.take(block.event, cast("Frame", block.data))
