"""Answers and conversations over HTTP."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Literal

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from msgspec import UNSET

from blackroad.edge.chat.door import ChatBody
from blackroad.edge.errors import Refusal
from blackroad.edge.frames import words
from blackroad.edge.frames.times import rfc3339
from blackroad.edge.identifiers import identifier_of, token_of
from blackroad.edge.rest.bodies import PageSize, PageToken
from blackroad.edge.rest.call import Caller, caller_of
from blackroad.edge.rest.channels import event_document
from blackroad.edge.rest.documents import (
    Conversation,
    KeptConversation,
    Opened,
    Stream,
    page,
    reply,
    returns,
)
from blackroad.edge.rest.identifier import last_id
from blackroad.edge.rest.shown import stream_of
from blackroad.edge.rest.start import start
from blackroad.edge.rest.strict import StrictRoute
from blackroad.realtime.v1 import channel_pb2, event_pb2, stream_pb2

router = APIRouter(route_class=StrictRoute, tags=["streams"])
State = Literal["queued", "running", "waiting", "finished", "failed", "cancelled"]
CONVERSATION = "conversation."
Labels = Annotated[Sequence[str], Query(description="`name:value`, more than once where needed")]
RUNNING = (
    event_pb2.ANSWER_STATE_RUNNING,
    event_pb2.ANSWER_STATE_WAITING,
    event_pb2.ANSWER_STATE_QUEUED,
)


@router.get("/v1/streams", responses=returns(Stream, listed=True), summary="List answers")
async def list_streams(
    request: Request,
    page_size: PageSize = 50,
    page_token: PageToken = "",
    status: State | None = None,
    conversation: str = "",
    label: Labels = (),
) -> Response:
    """List the answers that the caller may see, newest first, without their parts.

    Each `label` is a name and a value, and all must be there: `label=chat:ID` are the answers of a
    `useChat` chat.
    """
    caller = await caller_of(request)
    asked = stream_pb2.ListStreamsRequest(
        page_size=page_size,
        page_token=page_token,
        conversation=conversation,
        labels=_labels(label),
    )
    if status is not None:
        asked.state = words.ANSWER_STATE_VALUES[status]
    found = await caller.call(caller.streams.ListStreams, asked)
    return page([stream_of(answer) for answer in found.answers], found.next_page_token)


@router.post(
    "/v1/streams", status_code=201, responses=returns(Opened, status=201), summary="Start an answer"
)
async def open_stream(request: Request, body: ChatBody) -> Response:
    """Start an answer without viewing it."""
    stream_id = await start(request, body.invoke())
    location = {"Location": f"/v1/streams/{stream_id}", "X-Stream-Id": stream_id}
    return reply(Opened(stream_id), 201, location)


@router.get("/v1/streams/{stream_id}", responses=returns(Stream), summary="Look at an answer")
async def get_stream(request: Request, stream_id: str) -> Response:
    """Read an answer in its folded form."""
    caller = await caller_of(request)
    found = await caller.call(
        caller.streams.GetStream, stream_pb2.GetStreamRequest(stream_id=stream_id)
    )
    return reply(stream_of(found.answer))


@router.delete("/v1/streams/{stream_id}", responses=returns(Stream), summary="Cancel an answer")
async def cancel_stream(request: Request, stream_id: str) -> Response:
    """Cancel an answer; one that has ended stays as it ended."""
    caller = await caller_of(request)
    cancelled = await caller.call(
        caller.streams.CancelStream, stream_pb2.CancelStreamRequest(stream_id=stream_id)
    )
    return reply(stream_of(cancelled.answer))


@router.get(
    "/v1/conversations",
    responses=returns(KeptConversation, listed=True),
    summary="List conversations",
)
async def list_conversations(
    request: Request, page_size: PageSize = 50, page_token: PageToken = ""
) -> Response:
    """List the conversations that the caller may read, as long as their messages are kept."""
    caller = await caller_of(request)
    asked = channel_pb2.ListChannelsRequest(
        page_size=page_size, page_token=page_token, pattern=f"{CONVERSATION}*"
    )
    found = await caller.call(caller.channels.ListChannels, asked)
    items = [
        KeptConversation(
            identifier_of(channel.name.removeprefix(CONVERSATION)),
            rfc3339(channel.create_time) if channel.HasField("create_time") else UNSET,
        )
        for channel in found.channels
    ]
    return page(items, found.next_page_token)


@router.get(
    "/v1/conversations/{conversation:id}",
    responses=returns(Conversation),
    summary="Read a conversation",
)
async def get_conversation(
    request: Request,
    conversation: str,
    before: Annotated[int | None, Query(ge=0, le=2**63 - 1)] = None,
    limit: Annotated[int, Query(ge=1, le=300)] = 50,
) -> Response:
    """Read its messages, oldest first, and which answer is in progress."""
    conversation = last_id(request, conversation)
    caller = await caller_of(request)
    name = f"{CONVERSATION}{token_of(conversation)}"
    asked = channel_pb2.ListEventsRequest(channel=name, limit=limit)
    if before is not None:
        asked.before = before
    found = await caller.call(caller.channels.ListEvents, asked)
    running = await _running(caller, conversation)
    messages = [event_document(event) for event in found.events]
    if not messages and running is None and before is None:
        raise Refusal("not_found")
    return reply(Conversation(conversation, messages, found.more, running))


def _labels(given: Sequence[str]) -> Mapping[str, str]:
    pairs = [each.partition(":") for each in given]
    if not all(name and colon for name, colon, _ in pairs):
        raise Refusal("bad_frame", "`label` is `name:value`")
    return {name: value for name, _, value in pairs}


async def _running(caller: Caller, conversation: str) -> str | None:
    for state in RUNNING:
        asked = stream_pb2.ListStreamsRequest(page_size=1, conversation=conversation, state=state)
        found = await caller.call(caller.streams.ListStreams, asked)
        if found.answers:
            return found.answers[0].snapshot.stream_id
    return None
