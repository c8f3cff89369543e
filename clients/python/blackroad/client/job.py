"""One invocation at work: runs the agent's function, and tells the core what comes of it."""

import asyncio
import inspect
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from typing import Final, cast

from blackroad.client.call import Call, Line
from blackroad.client.codes import number
from blackroad.client.errors import AnswerFailed
from blackroad.client.messages import write_tool_call, write_tool_result
from blackroad.client.parts import (
    Finished,
    Progress,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
    Usage,
    Yielded,
)
from blackroad.client.updates import REASON_NUMBERS
from blackroad.realtime.v1 import common_pb2, event_pb2, stream_pb2

Answerer = Callable[[Call], AsyncIterator[Yielded]]
Replier = Callable[[Call], Awaitable[Yielded | None]]

_PUBLIC_TEXT: Final = "The agent failed; its log has the details."
_MESSAGE_BYTES: Final = 1024

log = logging.getLogger("blackroad.client")


def answerer_of(function: Answerer | Replier) -> Answerer:
    """Return a function that yields: what a coroutine function returns is all that it says.

    Raises TypeError for one that is not `async def`.
    """
    if inspect.isgeneratorfunction(function):
        raise TypeError(f"{function.__name__} is to be `async def`, as all that answers")
    if not inspect.iscoroutinefunction(function):
        return cast("Answerer", function)
    replier = cast("Replier", function)

    async def answer(call: Call) -> AsyncGenerator[Yielded]:
        said = await replier(call)
        if said is not None:
            yield said

    return answer


class Job:
    """Runs once, in a task of its own, and ends by exactly one ending, or by none if dropped."""

    def __init__(self, call: Call, line: Line, answerer: Answerer) -> None:
        self.call = call
        self.task: asyncio.Task[None] | None = None
        self._line = line
        self._answerer = answerer
        self._index = 0
        self._begun = False
        self._dropped = False
        self._finished = Finished()

    def cancel(self) -> None:
        """Stop the agent's coroutine and confirm it with the usage so far. Idempotent."""
        if not self.call.cancelled:
            self.call.cancelled = True
            if self._begun and self.task is not None:
                self.task.cancel()

    def drop(self) -> None:
        """Stop, and say nothing more: somebody else has this answer, or it has ended."""
        self._dropped = True
        self.cancel()

    async def run(self) -> None:
        """Answer. Raises CancelledError only where this process itself stops."""
        self._begun = True
        ending: stream_pb2.ServeRequest
        try:
            if not self.call.cancelled:
                await self._answer()
            ending = self._finish()
        except asyncio.CancelledError:
            if not self.call.cancelled:
                raise
            ending = self._finish()
        except AnswerFailed as failed:
            ending = self._fail(failed)
        except Exception:
            log.exception("the answer %s failed", self.call.stream_id)
            ending = self._fail(AnswerFailed("agent_error", _PUBLIC_TEXT))
        if not self._dropped:
            await self._line.send(ending)

    async def _answer(self) -> None:
        await self._line.send(self._frame(accept=stream_pb2.AcceptInvocation()))
        items = self._answerer(self.call)
        if not hasattr(items, "__aiter__"):
            raise TypeError(f"what answers is to be `async def`; it gave {type(items).__name__}")
        try:
            async for item in items:
                if not self.call.cancelled:
                    await self._tell(item)
        finally:
            if isinstance(items, AsyncGenerator):
                await items.aclose()

    async def _tell(self, item: Yielded) -> None:
        if isinstance(item, str):
            if item:
                await self._chunk(stream_pb2.Chunk(text=item))
        elif isinstance(item, Progress):
            await self.call.progress(item.percent, item.message)
        elif isinstance(item, Finished):
            self._finished = item
            self.call.usage = item.usage or self.call.usage
        else:
            if isinstance(item, Usage):
                self.call.usage = item
            await self._chunk(_chunk(item))

    async def _chunk(self, chunk: stream_pb2.Chunk) -> None:
        self._index += 1
        chunk.index = self._index
        await self._line.send(self._frame(chunk=chunk))

    def _finish(self) -> stream_pb2.ServeRequest:
        finished = self._finished
        return self._frame(
            finish=stream_pb2.FinishInvocation(
                reason=REASON_NUMBERS[finished.reason],
                output=finished.output,
                usage=_usage(self.call.usage),
                cancelled=self.call.cancelled,
            )
        )

    def _fail(self, failed: AnswerFailed) -> stream_pb2.ServeRequest:
        code = number(failed.code)
        if code == common_pb2.ERROR_CODE_UNSPECIFIED:
            code = common_pb2.ERROR_CODE_AGENT_ERROR
        message = failed.message.encode(errors="replace")[:_MESSAGE_BYTES].decode(errors="ignore")
        fail = stream_pb2.FailInvocation(
            code=code,
            message=message,
            usage=_usage(failed.usage or self.call.usage),
            retryable=failed.retryable,
        )
        if failed.retry_after_seconds is not None:
            fail.retry_after.FromNanoseconds(int(failed.retry_after_seconds * 1e9))
        return self._frame(fail=fail)

    def _frame(
        self,
        chunk: stream_pb2.Chunk | None = None,
        accept: stream_pb2.AcceptInvocation | None = None,
        finish: stream_pb2.FinishInvocation | None = None,
        fail: stream_pb2.FailInvocation | None = None,
    ) -> stream_pb2.ServeRequest:
        return stream_pb2.ServeRequest(
            stream_id=self.call.stream_id,
            attempt=self.call.attempt,
            chunk=chunk,
            accept=accept,
            finish=finish,
            fail=fail,
        )


def _chunk(item: Text | Thinking | ToolCall | ToolResult | Usage) -> stream_pb2.Chunk:
    match item:
        case Text(text):
            return stream_pb2.Chunk(text=text)
        case Thinking(text):
            return stream_pb2.Chunk(thinking=text)
        case ToolCall():
            return stream_pb2.Chunk(tool_call=write_tool_call(item))
        case ToolResult():
            return stream_pb2.Chunk(tool_result=write_tool_result(item))
        case Usage():
            return stream_pb2.Chunk(usage=_usage(item))
        case _:  # pyright: ignore[reportUnnecessaryComparison] - what is not type-checked
            raise TypeError(f"an agent yields text or typed parts, not {type(item).__name__}")


def _usage(usage: Usage | None) -> event_pb2.Usage | None:
    if usage is None:
        return None
    return event_pb2.Usage(input_tokens=usage.input_tokens, output_tokens=usage.output_tokens)
