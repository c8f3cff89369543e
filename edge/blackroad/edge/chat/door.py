"""The routes of chat: one prompt over HTTP, an answer joined again, and the chat WebSocket."""

import asyncio
from typing import Annotated, Final, Literal

import msgspec
from fastapi import APIRouter, Header, Request, WebSocket
from fastapi.responses import Response, StreamingResponse
from pydantic import BaseModel, ConfigDict, Field, JsonValue

from blackroad.edge.chat.models import chat_invoke, decode_chat, input_answer
from blackroad.edge.chat.peer import ChatPeer
from blackroad.edge.chat.viewer import Viewer
from blackroad.edge.chat.words import GuideWords
from blackroad.edge.context import Context, context_of
from blackroad.edge.errors import Refusal
from blackroad.edge.rest.call import caller_of
from blackroad.edge.rest.documents import Responses
from blackroad.edge.rest.strict import StrictRoute
from blackroad.edge.transport import SseStream, WebSocketHandover
from blackroad.edge.trunk import Session
from blackroad.edge.trunk.asks import Answer
from blackroad.edge.websocket.door import refuse, selected_subprotocol
from blackroad.realtime.v1 import admin_pb2, event_pb2, gateway_pb2, stream_pb2

router = APIRouter(route_class=StrictRoute)
STREAM: Final[Responses] = {200: {"content": {"text/event-stream": {}}}}
ENDED: Final = frozenset(
    {
        event_pb2.ANSWER_STATE_FINISHED,
        event_pb2.ANSWER_STATE_FAILED,
        event_pb2.ANSWER_STATE_CANCELLED,
    }
)


class ChatOptions(BaseModel):
    """Limits and wishes."""

    model_config = ConfigDict(extra="ignore", strict=True)

    max_tokens: int | None = Field(default=None, ge=1)
    max_seconds: float | None = Field(default=None, gt=0)
    temperature: float | None = None
    stop: list[str] | str | None = None
    seed: int | None = None
    tools: JsonValue = None
    tool_choice: JsonValue = None
    response_format: JsonValue = None


class ChatBody(BaseModel):
    """A prompt, or messages, for a model or an agent; without either, for the default model.

    `input` is the WebSocket's word for both.
    """

    model_config = ConfigDict(extra="ignore", strict=True)

    prompt: str | None = None
    input: str | list[dict[str, JsonValue]] | None = None
    messages: list[dict[str, JsonValue]] | None = None
    model: str | None = None
    agent: str | None = None
    capability: str | None = None
    conversation: str | None = None
    deadline_seconds: float | None = Field(default=None, gt=0, le=86400)
    on_abandoned: Literal["continue", "cancel"] | None = None
    abandoned_after_seconds: float | None = Field(default=None, ge=0, le=86400)
    options: ChatOptions | None = None

    def invoke(self) -> stream_pb2.Invoke:
        """Return what to ask of the core."""
        document = msgspec.json.encode(self.model_dump(exclude_none=True))
        return chat_invoke(decode_chat(document, 2 * len(document), 2 * 32))


class InputBody(BaseModel):
    """What an answer asked for: any JSON."""

    content: JsonValue


@router.post(
    "/v1/chat/stream",
    tags=["chat"],
    response_class=StreamingResponse,
    responses=STREAM,
    summary="Ask, and read the answer as it comes",
)
async def chat(request: Request, body: ChatBody) -> Response:
    """Start an answer and stream it; `X-Stream-Id` names it. An early error is an HTTP status."""
    context = context_of(request)
    if context.draining:
        raise Refusal("draining")
    invoke = body.invoke()
    session = await context.trunk.open(context.opening(request, "", admin_pb2.DOOR_HTTP))
    viewer = _viewer(context, session)
    await viewer.start(invoke)
    return viewer.stream.response([("x-stream-id", viewer.stream_id)])


@router.get(
    "/v1/streams/{stream_id}/events",
    tags=["streams"],
    response_class=StreamingResponse,
    responses={**STREAM, 204: {"description": "The cursor stands at the end"}},
    summary="Join an answer again",
)
async def join(
    request: Request,
    stream_id: str,
    cursor: str | None = None,
    last_event_id: Annotated[str | None, Header()] = None,
) -> Response:
    """Stream an answer from `Last-Event-ID`, or from a snapshot, to its end."""
    context = context_of(request)
    if context.draining:
        raise Refusal("draining")
    caller = await caller_of(request)
    found = await caller.call(
        caller.streams.GetStream, stream_pb2.GetStreamRequest(stream_id=stream_id)
    )
    after = last_event_id or cursor or ""
    ended = found.answer.snapshot.state in ENDED
    if ended and after and after == found.answer.snapshot.cursor:
        return Response(status_code=204)
    session = await context.trunk.open(context.opening(request, "", admin_pb2.DOOR_HTTP))
    viewer = _viewer(context, session)
    await viewer.join(stream_id, after, ended)
    if ended and not viewer.delivered:
        viewer.stream.close()
        return Response(status_code=204)
    return viewer.stream.response([("x-stream-id", stream_id)])


@router.post(
    "/v1/streams/{stream_id}/input",
    tags=["streams"],
    status_code=204,
    summary="Give a waiting answer its input",
)
async def give_input(request: Request, stream_id: str, body: InputBody) -> Response:
    """Answer an answer's question; 409 `conflict` where it asks none."""
    context = context_of(request)
    given = input_answer(stream_id, msgspec.json.encode(body.content))
    session = await context.trunk.open(context.opening(request, "", admin_pb2.DOOR_HTTP))
    taken: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()

    def on_answer(answer: Answer) -> None:
        if not taken.done():
            taken.set_result(answer)

    try:
        session.ask(gateway_pb2.TrunkRequest(input=given), on_answer)
        answer = await taken
    finally:
        session.close(clean=True)
    if isinstance(answer, Refusal):
        raise answer
    return Response(status_code=204)


def _viewer(context: Context, session: Session) -> Viewer[SseStream]:
    return Viewer(
        context, session, GuideWords(), lambda viewer: SseStream(context.transport, viewer)
    )


async def chat_socket(websocket: WebSocket) -> None:
    """Open a session and hand the socket over."""
    context = context_of(websocket)
    handover = WebSocketHandover.of(websocket.scope)
    try:
        if context.draining:
            raise Refusal("draining")
        opening = context.opening(websocket, "", admin_pb2.DOOR_WEBSOCKET)
        session = await context.trunk.open(opening)
    except Refusal as refusal:
        refuse(handover, websocket, refusal)
        return
    peer = ChatPeer(context, session)
    peer.begin(handover.accept(peer, selected_subprotocol(websocket)))
