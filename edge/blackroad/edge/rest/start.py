"""Starting an answer that nobody views yet."""

import asyncio

from fastapi import Request

from blackroad.edge.context import context_of
from blackroad.edge.errors import Refusal
from blackroad.edge.trunk.asks import Answer
from blackroad.realtime.v1 import admin_pb2, gateway_pb2, stream_pb2


async def start(request: Request, invoke: stream_pb2.Invoke) -> str:
    """Start an answer; return its id. Refusal where it is refused."""
    context = context_of(request)
    session = await context.trunk.open(context.opening(request, "", admin_pb2.DOOR_HTTP))
    opened: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()

    def on_answer(answer: Answer) -> None:
        if not opened.done():
            opened.set_result(answer)

    try:
        session.ask(gateway_pb2.TrunkRequest(start=invoke), on_answer)
        answer = await opened
    finally:
        session.close(clean=True)
    if isinstance(answer, Refusal):
        raise answer
    return answer.answer_opened.stream_id
