"""Request and reply by events on two channels, which both follow: raw stubs and no more."""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Final, NamedTuple

import grpc

from benchmarks.calls.order import PROMPT, Ask, Asked
from benchmarks.harness.measure import WrongCount
from benchmarks.harness.remote import Pipe, obey, obey_beside, run
from blackroad.realtime.v1 import channel_pb2, channel_pb2_grpc, common_pb2, event_pb2

HELLO: Final = common_pb2.Hello(features=["batch"])
REQUESTS: Final = "requests.bench"
REPLIES: Final = "replies.bench"
SILENT: Final = frozenset({"welcome", "subscribed", "caught_up", "published", "bookmark"})
Stream = grpc.aio.StreamStreamCall[channel_pb2.ConnectRequest, channel_pb2.ConnectResponse]


class Message(NamedTuple):
    """A request, or the reply that bears its number."""

    number: str
    text: str


Publishing = Callable[[str, Sequence[Message]], channel_pb2.ConnectRequest]


def one_by_one(channel: str, messages: Sequence[Message]) -> channel_pb2.ConnectRequest:
    """Return a frame of publishes, each of one event, with an answer of its own."""
    frames = [together(channel, [message]) for message in messages]
    return channel_pb2.ConnectRequest(batch=channel_pb2.ConnectRequestBatch(frames=frames))


def together(channel: str, messages: Sequence[Message]) -> channel_pb2.ConnectRequest:
    """Return one publish of all that is ready, all or none."""
    events = [
        event_pb2.Draft(type="message", text=text, correlation_id=number)
        for number, text in messages
    ]
    publish = channel_pb2.PublishRequest(channel=channel, events=events)
    return channel_pb2.ConnectRequest(request_id="p", publish=publish)


def work(publishing: Publishing, address: str, pipe: Pipe) -> None:
    """Be the worker: answer each request by its own text."""
    run(_work(publishing, address, pipe))


def call(publishing: Publishing, address: str, pipe: Pipe) -> None:
    """Be the caller."""
    run(_call(publishing, address, pipe))


BY_EVENT: Final = (partial(call, one_by_one), partial(work, one_by_one))
BY_BATCH: Final = (partial(call, together), partial(work, together))


class _Channel:
    """One session of Connect that follows one channel."""

    def __init__(self, stream: Stream, publishing: Publishing) -> None:
        self._stream = stream
        self._publishing = publishing

    async def follow(self, channel: str) -> None:
        """Return once what comes is heard."""
        subscribe = channel_pb2.Subscribe(channel=channel)
        await self._stream.write(channel_pb2.ConnectRequest(hello=HELLO))
        await self._stream.write(channel_pb2.ConnectRequest(subscribe=subscribe))
        while not any(frame.HasField("caught_up") for frame in await self._frames()):
            pass

    async def heard(self) -> list[Message]:
        """Return what came since the last time, perhaps nothing."""
        messages: list[Message] = []
        for frame in await self._frames():
            if frame.HasField("delivery"):
                messages += _messages(frame.delivery.events)
            elif frame.WhichOneof("frame") not in SILENT:
                raise WrongCount(f"{frame}")
        return messages

    async def say(self, channel: str, messages: Sequence[Message]) -> None:
        """Publish."""
        await self._stream.write(self._publishing(channel, messages))

    async def _frames(self) -> Iterable[channel_pb2.ConnectResponse]:
        frame = await self._stream.read()
        if not isinstance(frame, channel_pb2.ConnectResponse):
            raise WrongCount("the stream has ended")
        return frame.batch.frames if frame.HasField("batch") else [frame]


def _messages(events: Iterable[event_pb2.Event]) -> Iterator[Message]:
    for event in events:
        yield Message(event.correlation_id, event.text)


async def _work(publishing: Publishing, address: str, pipe: Pipe) -> None:
    async with grpc.aio.insecure_channel(address) as grpc_channel:
        stub = channel_pb2_grpc.ChannelServiceStub(grpc_channel)
        channel = _Channel(stub.Connect(), publishing)
        await channel.follow(REQUESTS)

        async def answer() -> None:
            while True:
                if messages := await channel.heard():
                    await channel.say(REPLIES, messages)

        async def ready(_: Ask) -> Asked:
            return Asked([])

        await obey_beside(answer(), pipe, ready)


class _Caller:
    """Keeps so many requests in flight, and checks every reply."""

    def __init__(self, channel: _Channel) -> None:
        self._channel = channel
        self._number = 0
        self._began: dict[str, float] = {}

    async def ask(self, order: Ask) -> Asked:
        took: list[float] = []
        left = order.calls - order.flight
        await self._start(order.flight)
        while len(took) < order.calls:
            ended = [self._end(message) for message in await self._channel.heard()]
            took += ended
            more = min(left, len(ended))
            left -= more
            if more:
                await self._start(more)
        return Asked(took)

    async def _start(self, count: int) -> None:
        numbers = [str(self._number + one) for one in range(count)]
        self._number += count
        self._began |= dict.fromkeys(numbers, time.perf_counter())
        await self._channel.say(REQUESTS, [Message(number, PROMPT) for number in numbers])

    def _end(self, reply: Message) -> float:
        """Return how long the call took."""
        if reply.text != PROMPT:
            raise WrongCount(f"a reply without its text: {reply}")
        return time.perf_counter() - self._began.pop(reply.number)


async def _call(publishing: Publishing, address: str, pipe: Pipe) -> None:
    async with grpc.aio.insecure_channel(address) as grpc_channel:
        stub = channel_pb2_grpc.ChannelServiceStub(grpc_channel)
        channel = _Channel(stub.Connect(), publishing)
        await channel.follow(REPLIES)
        await obey(pipe, _Caller(channel).ask)
