"""A core by script: it speaks gateway.proto on a real server and does what a test tells it."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager

import grpc

from blackroad.realtime.v1 import channel_pb2, event_pb2, gateway_pb2, gateway_pb2_grpc

Request = gateway_pb2.TrunkRequest
Response = gateway_pb2.TrunkResponse
ROLES = {
    gateway_pb2.TRUNK_ROLE_CONTROL: "control",
    gateway_pb2.TRUNK_ROLE_LIVE: "live",
    gateway_pb2.TRUNK_ROLE_CATCH_UP: "catch_up",
}
SECONDS = 5.0


class ScriptedCore(gateway_pb2_grpc.GatewayServiceServicer):
    """Accepts every session; everything else is the test's."""

    def __init__(self) -> None:
        self.hellos: list[gateway_pb2.TrunkHello] = []
        self.heard: asyncio.Queue[Request] = asyncio.Queue()
        self.out = {role: asyncio.Queue[Response | None]() for role in ROLES.values()}
        self.accepting = True
        self.pings = 0

    def say(self, role: str, **fields: object) -> None:
        """Send a frame on one of the streams."""
        self.out[role].put_nowait(Response(**fields))  # type: ignore[arg-type] # by name

    def hang_up(self) -> None:
        """End the streams."""
        self.out["control"].put_nowait(None)

    async def hear(self, kind: str) -> Request:
        """Return the next request of a kind; others but pings are passed."""
        async with asyncio.timeout(SECONDS):
            while True:
                request = await self.heard.get()
                if request.WhichOneof("frame") == kind:
                    return request

    def stand(self, asked: Request, cursor: str) -> None:
        """Say that a subscription stands."""
        subscribed = channel_pb2.Subscribed(channel=asked.subscribe.channel, cursor=cursor)
        if asked.subscribe.HasField("cursor"):
            subscribed.recovered = True
        self.say(
            "catch_up",
            session=asked.session,
            request_id=asked.request_id,
            subscribed=subscribed,
        )

    def join(self, asked: Request, number: int, *, restored: bool = False) -> None:
        """Join the session of a request to a number."""
        join = gateway_pb2.Join(number=number, channel=asked.subscribe.channel, restored=restored)
        self.say("live", session=asked.session, request_id=asked.request_id, join=join)

    def caught_up(self, asked: Request, cursor: str) -> None:
        """Say that a subscription is live."""
        caught_up = channel_pb2.CaughtUp(channel=asked.subscribe.channel, cursor=cursor)
        self.say(
            "catch_up", session=asked.session, request_id=asked.request_id, caught_up=caught_up
        )

    def miss(self, asked: Request, *numbers: int) -> None:
        """Deliver what a subscription missed."""
        delivery = event_pb2.Delivery(
            events=[event(number) for number in numbers], subscription=asked.subscribe.channel
        )
        self.say("catch_up", session=asked.session, delivery=delivery)

    def live(self, number: int, *events: int) -> None:
        """Send live events to a number."""
        items = [gateway_pb2.TrunkEvent(event=event(n), numbers=[number]) for n in events]
        self.say("live", live=gateway_pb2.TrunkDelivery(events=items))

    async def Trunk(
        self,
        request_iterator: AsyncIterator[Request],
        context: grpc.aio.ServicerContext[AsyncIterator[Request], AsyncIterator[Response]],
    ) -> AsyncIterator[Response]:
        hello = (await anext(request_iterator)).hello
        self.hellos.append(hello)
        role = ROLES[hello.role]
        out = self.out[role]
        welcome = Response()
        welcome.welcome.trunk_id = "t"
        welcome.welcome.welcome.node = "scripted"
        welcome.welcome.welcome.development = True
        yield welcome
        reading = asyncio.create_task(self._read(request_iterator))
        try:
            while (response := await out.get()) is not None:
                yield response
        finally:
            reading.cancel()

    async def _read(self, requests: AsyncIterator[Request]) -> None:
        async for request in requests:
            for frame in request.batch.frames or [request]:
                self._take(frame)

    def _take(self, frame: Request) -> None:
        kind = frame.WhichOneof("frame")
        if kind == "ping":
            self.pings += 1
            self.say("control", pong={})
            return
        self.heard.put_nowait(frame)
        if kind == "session_opened" and self.accepting:
            accepted = gateway_pb2.SessionAccepted(
                session_id=frame.session_opened.session_id or f"se_{frame.session}",
                client_id=frame.session_opened.client_id,
            )
            self.say("control", session=frame.session, session_accepted=accepted)


def event(number: int) -> event_pb2.Event:
    """Return an event that says its number."""
    return event_pb2.Event(
        id=f"ev_{number}",
        channel="room",
        type="message",
        json=str(number),
        offset=number,
        cursor=f"c{number}",
    )


@asynccontextmanager
async def scripted(address: str = "127.0.0.1:0") -> AsyncGenerator[tuple[ScriptedCore, str]]:
    """Run a scripted core; give it and its address."""
    core = ScriptedCore()
    server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
    gateway_pb2_grpc.add_GatewayServiceServicer_to_server(core, server)
    port = server.add_insecure_port(address)
    await server.start()
    try:
        yield core, f"127.0.0.1:{port}"
    finally:
        for role in core.out:
            core.out[role].put_nowait(None)
        await server.stop(0)
