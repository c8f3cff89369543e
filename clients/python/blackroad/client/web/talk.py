"""A stream of the contract, spoken in the frames of a browser."""

from collections.abc import Iterator
from typing import Final, Protocol

from google.protobuf.message import Message
from msgspec import Raw

from blackroad.client.codes import number
from blackroad.client.web import said
from blackroad.client.web.events import (
    STREAM,
    cancelled_of,
    event_of,
    failed_of,
    finished_of,
    gap_of,
    snapshot_of,
    started_of,
    update_of,
)
from blackroad.client.web.told import Told
from blackroad.realtime.v1 import channel_pb2, common_pb2, event_pb2, stream_pb2

_ENDINGS: Final = frozenset({"finished", "failed", "cancelled"})
_NOT_HERE: Final = "this is not said over http://; it needs grpc:// or grpcs://"


class Talk(Protocol):
    """What one stream says and hears."""

    def say(self, request: bytes) -> Iterator[said.Said | Message]:
        """Give the frames that a request is; a message is the answer where it cannot be said."""
        ...

    def hear(self, told: Told, document: bytes) -> Iterator[Message]:
        """Give the responses that a frame is; `document` is the frame as it came."""
        ...


class Channels:
    """`ChannelService.Connect`."""

    def say(self, request: bytes) -> Iterator[said.Said | Message]:
        """Give the frames that a request is."""
        yield from self._say(channel_pb2.ConnectRequest.FromString(request))

    def _say(self, asked: channel_pb2.ConnectRequest) -> Iterator[said.Said | Message]:
        frame: said.Said | None = None
        match asked.WhichOneof("frame"):
            case "batch":
                for each in asked.batch.frames:
                    yield from self._say(each)
                return
            case "hello":
                return
            case "refresh":
                yield {"type": "token", "token": asked.refresh.token}
                return
            case "subscribe":
                frame = said.subscription(asked.request_id, asked.subscribe)
            case "publish":
                frame = said.publication(asked.request_id, asked.publish)
            case _:
                pass
        yield frame or channel_pb2.ConnectResponse(
            request_id=asked.request_id, rejected=_unsaid(asked.publish.channel)
        )

    def hear(self, told: Told, document: bytes) -> Iterator[Message]:
        """Give the responses that a frame is."""
        match told.type:
            case "error":
                for each in told.ids or [told.id]:
                    rejected = _rejected(told)
                    yield channel_pb2.ConnectResponse(request_id=each, rejected=rejected)
            case "accepted" | "pong":
                return
            case "welcome":
                yield channel_pb2.ConnectResponse(welcome=_welcome(told))
            case "closing":
                yield channel_pb2.ConnectResponse(closing=_closing(told))
            case "published":
                yield channel_pb2.ConnectResponse(request_id=told.id, published=_published(told))
            case "subscribed" | "unsubscribed" | "caught_up" | "bookmark" | "gap":
                yield _about_a_room(told)
            case _:
                yield _event(told, document)


def _event(told: Told, document: bytes) -> channel_pb2.ConnectResponse:
    if told.type == "agent.response" and told.status == "snapshot":
        return channel_pb2.ConnectResponse(snapshot=snapshot_of(told))
    delivery = event_pb2.Delivery(events=[event_of(told, document)])
    return channel_pb2.ConnectResponse(delivery=delivery)


def _about_a_room(told: Told) -> channel_pb2.ConnectResponse:
    """Return what is said of a subscription."""
    response = channel_pb2.ConnectResponse(request_id=told.id)
    match told.type:
        case "subscribed":
            response.subscribed.CopyFrom(_subscribed(told))
        case "unsubscribed":
            response.unsubscribed.channel = told.room
            if told.code:
                response.unsubscribed.code = number(told.code)
        case "caught_up":
            response.caught_up.channel, response.caught_up.cursor = told.room, told.cursor
        case "bookmark":
            response.bookmark.cursor = told.cursor
        case _:
            response.gap.CopyFrom(gap_of(told.room, told.reason, told.cursor))
    return response


class Answers:
    """`StreamService.Open`: who asked for each answer is known by its id."""

    def __init__(self) -> None:
        self._viewers: dict[str, set[str]] = {}

    def say(self, request: bytes) -> Iterator[said.Said | Message]:
        """Give the frames that a request is."""
        yield from self._say(stream_pb2.OpenRequest.FromString(request))

    def _say(self, asked: stream_pb2.OpenRequest) -> Iterator[said.Said | Message]:
        request_id = asked.request_id
        match asked.WhichOneof("frame"):
            case "batch":
                for each in asked.batch.frames:
                    yield from self._say(each)
            case "start":
                yield said.invocation(request_id, asked.start)
            case "join":
                stream_id, cursor = asked.join.stream_id, asked.join.cursor
                self._viewers.setdefault(stream_id, set()).add(request_id)
                start = {"cursor": cursor} if cursor else {}
                yield {"type": "subscribe", "id": request_id, "room": STREAM + stream_id, **start}
            case "cancel":
                yield {"type": "cancel", "id": request_id, "stream_id": asked.cancel.stream_id}
            case "input":
                content = Raw(asked.input.json.encode())
                named = {"id": request_id, "stream_id": asked.input.stream_id}
                yield {"type": "input", **named, "content": content}
            case "refresh":
                yield {"type": "token", "token": asked.refresh.token}
            case "hello":
                return
            case _:
                yield stream_pb2.OpenResponse(request_id=request_id, rejected=_unsaid(""))

    def hear(self, told: Told, document: bytes) -> Iterator[Message]:
        """Give the responses that a frame is."""
        match told.type:
            case "agent.response":
                yield from self._step(told)
            case "welcome":
                yield stream_pb2.OpenResponse(welcome=_welcome(told))
            case "closing":
                yield stream_pb2.OpenResponse(closing=_closing(told))
            case "accepted" if told.id:
                yield stream_pb2.OpenResponse(request_id=told.id, accepted=common_pb2.Accepted())
            case "error":
                for each in told.ids or [told.id]:
                    yield stream_pb2.OpenResponse(request_id=each, rejected=_rejected(told))
            case "gap" | "subscribed" if told.recovered is False or told.type == "gap":
                yield from self._gap(told)
            case _:
                return

    def _gap(self, told: Told) -> Iterator[Message]:
        stream_id = told.room.removeprefix(STREAM)
        gap = gap_of(told.room, told.reason or told.gap, told.cursor)
        for each in self._viewers.get(stream_id, ()):
            yield stream_pb2.OpenResponse(request_id=each, stream_id=stream_id, gap=gap)

    def _step(self, told: Told) -> Iterator[Message]:
        viewers = self._viewers.setdefault(told.stream_id, set())
        if told.id:
            viewers.add(told.id)
        for each in viewers:
            yield _opened(told, each)
        if told.status in _ENDINGS:
            del self._viewers[told.stream_id]


def _opened(told: Told, request_id: str) -> stream_pb2.OpenResponse:
    """Return a step of an answer as `Open` tells it."""
    response = stream_pb2.OpenResponse(
        request_id=request_id, stream_id=told.stream_id, cursor=told.cursor
    )
    match told.status:
        case "queued":
            response.queued.position = told.position
        case "started":
            response.started.CopyFrom(started_of(told))
        case "snapshot":
            response.snapshot.CopyFrom(snapshot_of(told))
        case "finished":
            response.finished.CopyFrom(finished_of(told))
        case "failed":
            response.failed.CopyFrom(failed_of(told))
        case "cancelled":
            response.cancelled.CopyFrom(cancelled_of(told))
        case _:
            event = event_pb2.Event(
                channel=told.room, cursor=told.cursor, offset=told.offset, answer=update_of(told)
            )
            response.delivery.events.append(event)
    return response


def _welcome(told: Told) -> common_pb2.Welcome:
    return common_pb2.Welcome(session_id=told.session_id, node=told.node)


def _subscribed(told: Told) -> channel_pb2.Subscribed:
    subscribed = channel_pb2.Subscribed(channel=told.room, cursor=told.cursor)
    if told.recovered is not None:
        subscribed.recovered = told.recovered
        subscribed.gap = gap_of(told.room, told.gap, told.cursor).reason
    return subscribed


def _published(told: Told) -> channel_pb2.PublishResponse:
    event = channel_pb2.PublishedEvent(id=told.event_id, offset=told.offset)
    return channel_pb2.PublishResponse(channel=told.room, events=[event], duplicate=told.duplicate)


def _closing(told: Told) -> common_pb2.Closing:
    closing = common_pb2.Closing(code=number(told.code), message=told.message)
    if told.retry_after_seconds is not None:
        closing.retry_after.FromNanoseconds(int(told.retry_after_seconds * 1e9))
    return closing


def _rejected(told: Told) -> common_pb2.Rejected:
    rejected = common_pb2.Rejected(
        code=number(told.code),
        message=told.message,
        retryable=told.retryable,
        channel=told.room,
    )
    if told.retry_after_seconds is not None:
        rejected.retry_after.FromNanoseconds(int(told.retry_after_seconds * 1e9))
    return rejected


def _unsaid(channel: str) -> common_pb2.Rejected:
    code = common_pb2.ERROR_CODE_UNIMPLEMENTED
    return common_pb2.Rejected(code=code, message=_NOT_HERE, channel=channel)
