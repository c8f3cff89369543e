"""What a browser may ask on the WebSocket, each frame and its answer."""

from collections.abc import Callable
from typing import Final

from msgspec import UNSET, Struct

from blackroad.edge.errors import Refusal
from blackroad.edge.frames import client, server, words
from blackroad.edge.frames.answer import answer_frame
from blackroad.edge.frames.draft import publish_request
from blackroad.edge.frames.event import event_frame
from blackroad.edge.frames.invoke import invoke_of
from blackroad.edge.frames.values import Entity, entity_of
from blackroad.edge.trunk import Session
from blackroad.edge.trunk.asks import Answer, OnAnswer
from blackroad.realtime.v1 import (
    channel_pb2,
    event_pb2,
    gateway_pb2,
    presence_pb2,
    stream_pb2,
)

Request = gateway_pb2.TrunkRequest
Response = gateway_pb2.TrunkResponse
Tell = Callable[[Struct], None]
PAGE_SIZE: Final = 500
MAX_ENTITIES: Final = 5000
HISTORY: Final = 50


class Commands:
    """Turns frames into requests of the session, and answers into frames.

    `tell` sends a frame to the client. Nothing here raises because of what the client or core said.
    """

    __slots__ = ("_session", "_tell")

    def __init__(self, session: Session, tell: Tell) -> None:
        self._session = session
        self._tell = tell

    def take(self, frame: client.ClientFrame) -> None:
        """Serve one frame."""
        try:
            self._serve(frame)
        except Refusal as refusal:
            room = (frame.room or frame.channel or "") if isinstance(frame, client.Roomed) else ""
            self._tell(server.error_of(refusal, frame.id, room))

    def _serve(self, frame: client.ClientFrame) -> None:  # noqa: C901 - a table
        match frame:
            case client.Ping():
                self._tell(server.Pong(frame.id))
            case client.Subscribe():
                self._subscribe(frame)
            case client.Unsubscribe():
                self._unsubscribe(frame)
            case client.Message():
                self._publish(frame)
            case client.History_():
                self._history(frame)
            case client.Presence():
                self._presence(frame)
            case client.PresenceUpdate():
                self._update_presence(frame)
            case client.AgentInvoke():
                self._invoke(frame)
            case client.Cancel():
                cancel = stream_pb2.CancelAnswer(stream_id=frame.stream_id)
                self._ask(Request(cancel=cancel), frame.id)
            case client.Input():
                self._input(frame)
            case client.Token():
                self._session.refresh(frame.token, self._accepted(frame.id, always=True))

    def _subscribe(self, frame: client.Subscribe) -> None:
        if frame.rooms is None:
            self._subscribe_one(frame, frame.name, frame.cursor)
            return
        if frame.named:
            raise Refusal("bad_frame", "give `room` or `rooms`, not both")
        for entry in frame.rooms:
            if isinstance(entry, str):
                self._subscribe_one(frame, entry, frame.cursor)
            else:
                self._subscribe_one(frame, entry.room, entry.cursor or frame.cursor)

    def _subscribe_one(self, frame: client.Subscribe, room: str, cursor: str | None) -> None:
        subscribe = channel_pb2.Subscribe(channel=room, presence=bool(frame.presence))
        if cursor is not None:
            subscribe.cursor = cursor
        elif frame.history is not None:
            subscribe.history = frame.history
        self._session.subscribe(
            subscribe,
            frame.id,
            lambda refusal: self._tell(server.error_of(refusal, frame.id, room)),
        )

    def _unsubscribe(self, frame: client.Unsubscribe) -> None:
        name = frame.name
        self._session.unsubscribe(
            name,
            self._answering(frame.id, name, lambda _: server.Unsubscribed(name, frame.id)),
        )

    def _publish(self, frame: client.Message) -> None:
        request = publish_request(frame)

        def on_answer(answer: Answer) -> None:
            if isinstance(answer, Refusal):
                self._tell(server.error_of(answer, frame.id, request.channel))
            elif frame.id is not None:
                self._tell(_published(answer.published, frame.id, request.channel))

        self._session.ask(Request(publish=request), on_answer)

    def _history(self, frame: client.History_) -> None:
        name = frame.name
        request = channel_pb2.ListEventsRequest(channel=name, limit=frame.limit or HISTORY)
        if frame.before is not None and frame.after is not None:
            raise Refusal("bad_frame", "give `before` or `after`, not both")
        if frame.before is not None:
            request.before = frame.before
        elif frame.after is not None:
            request.after = frame.after

        def page(response: Response) -> Struct:
            events = [_whole(event) for event in response.events.events]
            return server.History(name, events, response.events.more, frame.id)

        self._session.ask(Request(list_events=request), self._answering(frame.id, name, page))

    def _presence(self, frame: client.Presence) -> None:
        room = frame.named
        kind = words.kind_of(frame.entity_type)
        if frame.entity_id is not None:
            if frame.entity_type is None:
                raise Refusal("missing_field", "`entity_type` is missing")
            if room:
                raise Refusal("bad_frame", "give `room` or `entity_id`, not both")
            get = presence_pb2.GetPresenceRequest(entity_type=kind, entity_id=frame.entity_id)
            self._session.ask(
                Request(get_presence=get),
                self._answering(
                    frame.id,
                    "",
                    lambda response: server.Presence(
                        [entity_of(response.presence.presence)], frame.id
                    ),
                ),
            )
            return
        if not room and frame.entity_type is None:
            raise Refusal("missing_field", "`room` or `entity_type` is missing")
        request = presence_pb2.ListPresenceRequest(
            entity_type=kind, channel=room, page_size=PAGE_SIZE
        )
        self._list_presence(request, frame.id, [])

    def _list_presence(
        self,
        request: presence_pb2.ListPresenceRequest,
        request_id: str | None,
        found: list[Entity],
    ) -> None:
        def on_answer(answer: Answer) -> None:
            if isinstance(answer, Refusal):
                self._tell(server.error_of(answer, request_id, request.channel))
                return
            page = answer.presences
            found.extend(map(entity_of, page.entities))
            if page.next_page_token and len(found) < MAX_ENTITIES:
                request.page_token = page.next_page_token
                self._list_presence(request, request_id, found)
            else:
                self._tell(server.Presence(found, request_id, request.channel or None))

        self._session.ask(Request(list_presence=request), on_answer)

    def _update_presence(self, frame: client.PresenceUpdate) -> None:
        update = presence_pb2.UpdatePresence(status=words.status_of(frame.status))
        metadata = bytes(frame.metadata)
        if metadata:
            if not metadata.startswith(b"{"):
                raise Refusal("bad_frame", "`metadata` is an object")
            update.metadata_json = metadata.decode()
        self._ask(Request(update_presence=update), frame.id)

    def _invoke(self, frame: client.AgentInvoke) -> None:
        def on_answer(answer: Answer) -> None:
            if isinstance(answer, Refusal):
                self._tell(server.error_of(answer, frame.id))

        self._session.invoke(invoke_of(frame), frame.id, on_answer)

    def _input(self, frame: client.Input) -> None:
        content = bytes(frame.content)
        if not content:
            raise Refusal("missing_field", "`content` is missing")
        given = stream_pb2.InputAnswer(stream_id=frame.stream_id, json=content.decode())
        self._ask(Request(input=given), frame.id)

    def _ask(self, request: Request, request_id: str | None) -> None:
        self._session.ask(request, self._accepted(request_id))

    def _accepted(self, request_id: str | None, *, always: bool = False) -> OnAnswer:
        def on_answer(answer: Answer) -> None:
            if isinstance(answer, Refusal):
                self._tell(server.error_of(answer, request_id))
            elif always or request_id is not None:
                self._tell(server.accepted_of(answer.accepted, request_id))

        return on_answer

    def _answering(
        self, request_id: str | None, room: str, frame_of: Callable[[Response], Struct]
    ) -> OnAnswer:
        def on_answer(answer: Answer) -> None:
            if isinstance(answer, Refusal):
                self._tell(server.error_of(answer, request_id, room))
            else:
                self._tell(frame_of(answer))

        return on_answer


def _published(
    published: channel_pb2.PublishResponse, request_id: str, room: str
) -> server.Published:
    first = published.events[0] if published.events else channel_pb2.PublishedEvent()
    return server.Published(
        id=request_id or UNSET,
        room=published.channel or room,
        event_id=first.id,
        offset=first.offset,
        duplicate=published.duplicate,
    )


def _whole(event: event_pb2.Event) -> Struct:
    return answer_frame(event) if event.HasField("answer") else event_frame(event)
