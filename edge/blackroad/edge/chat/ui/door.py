"""The AI SDK's routes: a chat of `useChat` asks, comes back after a reload, and stops."""

from typing import Annotated, Final

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import Response, StreamingResponse

from blackroad.edge.chat.outlets import ChunkedStream
from blackroad.edge.chat.schema import takes
from blackroad.edge.chat.ui.request import CHAT, MESSAGE, UiRequest, decode, invoke_of
from blackroad.edge.chat.ui.stream import UiStream
from blackroad.edge.chat.viewer import Viewer
from blackroad.edge.chat.words import OwnWords
from blackroad.edge.context import context_of
from blackroad.edge.errors import Refusal
from blackroad.edge.frames.invoke import target_of
from blackroad.edge.rest.call import Caller, caller_of
from blackroad.edge.rest.documents import Responses, Stream, reply, returns
from blackroad.edge.rest.shown import stream_of
from blackroad.edge.rest.strict import StrictRoute
from blackroad.edge.trunk import Session
from blackroad.edge.trunk.asks import Answer
from blackroad.realtime.v1 import admin_pb2, event_pb2, gateway_pb2, stream_pb2

NOBODY: Final = stream_pb2.Target()
HEADERS: Final = (("x-vercel-ai-ui-message-stream", "v1"),)
STREAM: Final[Responses] = {
    200: {"description": "A UI message stream", "content": {"text/event-stream": {}}}
}
NOTHING: Final[Responses] = {204: {"description": "No answer of this chat is in progress"}}
IN_PROGRESS: Final = frozenset(
    {
        event_pb2.ANSWER_STATE_QUEUED,
        event_pb2.ANSWER_STATE_RUNNING,
        event_pb2.ANSWER_STATE_WAITING,
    }
)

router = APIRouter(route_class=StrictRoute, tags=["ai-sdk"])
ChatId = Annotated[str, Path(min_length=1, max_length=128)]
Name = Annotated[str | None, Query(description="Where the body names nobody")]


@router.post(
    "/v1/chat/ui",
    response_class=StreamingResponse,
    responses=STREAM,
    openapi_extra=takes(UiRequest),
    summary="Ask as useChat does",
)
async def ask(
    request: Request, agent: Name = None, model: Name = None, capability: Name = None
) -> Response:
    """Ask with the messages of a chat; `X-Stream-Id` names the answer.

    A chat has one answer at a time: one that is still in progress is cancelled. A disconnect
    cancels nothing.
    """
    asked = decode(await request.body())
    named = agent or model or capability
    invoke = invoke_of(asked, target_of(agent, capability, model) if named else NOBODY)
    former = await _running(await caller_of(request), asked.id)
    session = await _session(request)
    if former is not None:
        cancel = stream_pb2.CancelAnswer(stream_id=former.snapshot.stream_id)
        session.ask(gateway_pb2.TrunkRequest(cancel=cancel), _either_way)
    viewer = _viewer(request, session, asked.continued)
    await viewer.start(invoke)
    return viewer.stream.answer(viewer.stream_id, HEADERS)


@router.get(
    "/v1/chat/ui/{chat_id:path}/stream",
    response_class=StreamingResponse,
    responses={**STREAM, **NOTHING},
    summary="Resume the answer of a chat",
)
async def resume(request: Request, chat_id: ChatId) -> Response:
    """Stream the answer in progress again, from its beginning; 204 where there is none.

    A chat belongs to the identity that began it: for others there is never one.
    """
    running = await _running(await caller_of(request), chat_id)
    if running is None:
        return Response(status_code=204)
    viewer = _viewer(request, await _session(request), running.labels.get(MESSAGE, ""))
    await viewer.join(running.snapshot.stream_id, "", ended=False)
    return viewer.stream.answer(viewer.stream_id, HEADERS)


@router.post(
    "/v1/chat/ui/{chat_id:path}/stop",
    responses={**returns(Stream), **NOTHING},
    summary="Stop the answer of a chat",
)
async def stop(request: Request, chat_id: ChatId) -> Response:
    """Cancel the answer in progress, and return it as it ended; 204 where there is none."""
    caller = await caller_of(request)
    running = await _running(caller, chat_id)
    if running is None:
        return Response(status_code=204)
    asked = stream_pb2.CancelStreamRequest(stream_id=running.snapshot.stream_id)
    cancelled = await caller.call(caller.streams.CancelStream, asked)
    return reply(stream_of(cancelled.answer))


async def _session(request: Request) -> Session:
    context = context_of(request)
    if context.draining:
        raise Refusal("draining")
    return await context.trunk.open(context.opening(request, "", admin_pb2.DOOR_HTTP))


def _either_way(_answer: Answer) -> None:
    """Do nothing: the former answer is cancelled, or has ended by itself."""


def _viewer(request: Request, session: Session, message_id: str) -> Viewer[ChunkedStream]:
    context = context_of(request)
    return Viewer(
        context,
        session,
        OwnWords(UiStream(message_id)),
        lambda viewer: ChunkedStream(context.transport, viewer, request),
    )


async def _running(caller: Caller, chat_id: str) -> stream_pb2.Answer | None:
    """Return the newest answer of the caller's own chat, if it is in progress."""
    asked = stream_pb2.ListStreamsRequest(page_size=1, labels={CHAT: chat_id}, own=True)
    found = await caller.call(caller.streams.ListStreams, asked)
    for answer in found.answers:
        if answer.snapshot.state in IN_PROGRESS:
            return answer
    return None
