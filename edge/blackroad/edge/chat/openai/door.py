"""OpenAI's routes: chat completions, and the list of who can be asked."""

from typing import Final

from fastapi import APIRouter, Request
from fastapi.responses import Response
from msgspec import Struct
from typing_extensions import override

from blackroad.edge.chat.openai.completion import Completion, CompletionChunk, WholeCompletion
from blackroad.edge.chat.openai.errors import ApiErrorBody, response_of
from blackroad.edge.chat.openai.request import CompletionRequest, decode, invoke_of
from blackroad.edge.chat.openai.stream import StreamedCompletion
from blackroad.edge.chat.outlets import ChunkedStream, Whole
from blackroad.edge.chat.schema import streams, takes
from blackroad.edge.chat.viewer import Viewer
from blackroad.edge.chat.words import OwnWords
from blackroad.edge.context import context_of
from blackroad.edge.credentials import read_credentials
from blackroad.edge.errors import Refusal
from blackroad.edge.rest.call import Caller, caller_of
from blackroad.edge.rest.documents import Responses, reply, returns
from blackroad.edge.rest.strict import Handler, StrictRoute
from blackroad.realtime.v1 import admin_pb2, stream_pb2

PAGE: Final = 500
JWT_DOTS: Final = 2


class Model(Struct):
    """An agent or a model that can be asked."""

    id: str
    owned_by: str
    object: str = "model"
    created: int = 0


class Models(Struct):
    """All that can be asked."""

    data: list[Model]
    object: str = "list"


class OpenAIRoute(StrictRoute):
    """A route that says what is wrong as OpenAI does.

    Without keys anybody may do anything, and OpenAI's SDKs want some key: one that is no token of
    ours is then taken for none.
    """

    @override
    def get_route_handler(self) -> Handler:
        handler = super().get_route_handler()

        async def answered(request: Request) -> Response:
            try:
                return await handler(await _without_placeholder(request))
            except Refusal as refusal:
                return response_of(refusal)

        return answered


FAILED: Final[Responses] = {"default": returns(ApiErrorBody)[200]}

router = APIRouter(route_class=OpenAIRoute, tags=["openai"])


@router.post(
    "/v1/chat/completions",
    responses={**streams(CompletionChunk, Completion), **FAILED},
    openapi_extra=takes(CompletionRequest),
    summary="Ask as OpenAI's clients do",
)
async def complete(request: Request) -> Response:
    """Ask an agent or model; `stream` sends chunks. `X-Stream-Id` names the answer.

    A client that goes away is all the stop that there is: 5 s later the answer is cancelled.
    """
    context = context_of(request)
    if context.draining:
        raise Refusal("draining")
    asked = decode(await request.body())
    invoke = invoke_of(asked)
    whole = None if asked.stream else WholeCompletion(asked)
    words = OwnWords(whole or StreamedCompletion(asked))
    session = await context.trunk.open(context.opening(request, "", admin_pb2.DOOR_HTTP))
    if whole is None:
        streaming = Viewer(
            context,
            session,
            words,
            lambda viewer: ChunkedStream(context.transport, viewer, request),
        )
        await streaming.start(invoke)
        return streaming.stream.answer(streaming.stream_id)
    viewer = Viewer(context, session, words, Whole)
    await viewer.start(invoke)
    if not await viewer.stream.wait(request):
        raise Refusal("cancelled")
    return reply(whole.document(), headers={"X-Stream-Id": viewer.stream_id})


@router.get("/v1/models", responses={**returns(Models), **FAILED}, summary="List agents and models")
async def list_models(request: Request) -> Response:
    """List who can be asked now: the agents, then the models."""
    return reply(Models(await _models(await caller_of(request))))


@router.get(
    "/v1/models/{model:path}",
    responses={**returns(Model), **FAILED},
    summary="Look at an agent or model",
)
async def get_model(request: Request, model: str) -> Response:
    """Say whether it can be asked now."""
    for found in await _models(await caller_of(request)):
        if found.id == model:
            return reply(found)
    raise Refusal("model_not_found", f"there is no agent or model {model}")


async def _models(caller: Caller) -> list[Model]:
    models: list[Model] = []
    asked = stream_pb2.ListTargetsRequest(page_size=PAGE)
    while True:
        page = await caller.call(caller.streams.ListTargets, asked)
        models += [model for target in page.targets if (model := _model(target))]
        if not page.next_page_token:
            return models
        asked.page_token = page.next_page_token


def _model(target: stream_pb2.Target) -> Model | None:
    """Return what can be named in a request: not a capability, not `<provider>/*`."""
    if target.agent:
        return Model(target.agent, "agent")
    provider, _, name = target.model.partition("/")
    return Model(target.model, provider) if name and name != "*" else None


async def _without_placeholder(request: Request) -> Request:
    context = context_of(request)
    await context.trunk.link()
    token = read_credentials(request.headers).token
    if not token or token.count(".") == JWT_DOTS or not context.trunk.welcome.development:
        return request
    headers = [field for field in request.scope["headers"] if field[0] != b"authorization"]
    return Request({**request.scope, "headers": headers}, request.receive)
