"""One invocation as the agent that answers it sees it."""

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import Protocol

import orjson

from blackroad.client.answer import Answer
from blackroad.client.client import Client
from blackroad.client.event import JSONValue, kind_word, to_json
from blackroad.client.messages import Message, Options, read_message, read_options
from blackroad.client.parts import Usage
from blackroad.realtime.v1 import event_pb2, stream_pb2


class Line(Protocol):
    """Where the frames of an invocation go; waits while the core is away and 1 MiB is queued."""

    async def send(self, frame: stream_pb2.ServeRequest) -> None:
        """Queue a frame."""
        ...


class Call:
    """What is asked, by whom, and the words to answer with besides what the agent yields.

    `cancelled` turns True, and the agent's coroutine gets CancelledError at its await, when a
    viewer cancels, the deadline passes, or another worker has taken over. `usage` may be set at any
    time: it is told when the answer ends, whichever way.
    """

    def __init__(
        self,
        stream_id: str,
        attempt: int,
        invocation: stream_pb2.Invocation,
        line: Line,
        client: Client,
    ) -> None:
        self._invocation = invocation
        self._line = line
        self._client = client
        self._messages: list[Message] | None = None
        self._inputs: deque[asyncio.Future[JSONValue]] = deque()
        self._asking = asyncio.Lock()
        self.stream_id = stream_id
        self.attempt = attempt
        self.cancelled = False
        self.usage: Usage | None = None
        self.deadline: float | None = None
        if invocation.HasField("deadline"):
            left = invocation.deadline.ToTimedelta().total_seconds()
            self.deadline = asyncio.get_running_loop().time() + left

    @property
    def messages(self) -> list[Message]:
        """The input, with the conversation's earlier turns before it."""
        if self._messages is None:
            self._messages = [read_message(message) for message in self._invocation.messages]
        return self._messages

    @property
    def text(self) -> str:
        """The text of the last message of the user."""
        turns = (message for message in reversed(self.messages) if message.role == "user")
        last = next(turns, None)
        return "" if last is None else last.text

    @property
    def options(self) -> Options:
        """The caller's limits and wishes."""
        return read_options(self._invocation.options)

    @property
    def remaining_seconds(self) -> float | None:
        """The time that is left; None where there is no deadline.

        `deadline` itself is on the event loop's clock, as `asyncio.timeout_at` takes it.
        """
        if self.deadline is None:
            return None
        return max(0.0, self.deadline - asyncio.get_running_loop().time())

    @property
    def model(self) -> str:
        """The model that was asked for by name, or empty."""
        return self._invocation.target.model

    @property
    def capability(self) -> str:
        """The capability that was asked for, or empty."""
        return self._invocation.target.capability

    @property
    def conversation(self) -> str:
        """The conversation that this is a turn of, or empty."""
        return self._invocation.conversation

    @property
    def caller(self) -> str:
        """The subject that asks."""
        return self._invocation.caller.subject

    @property
    def caller_kind(self) -> str:
        """What it is: `user`, `agent` or `service`."""
        return kind_word(self._invocation.caller.kind)

    @property
    def ancestors(self) -> Sequence[str]:
        """The answers that this one is made for, the first first."""
        return tuple(self._invocation.ancestors)

    async def progress(self, percent: float, message: str = "") -> None:
        """Tell all viewers how far it is, 0 to 100."""
        progress = event_pb2.AnswerProgress(percent=percent, message=message)
        await self._send(stream_pb2.ServeRequest(progress=progress))

    async def ask(self, prompt: str, schema: JSONValue = None) -> JSONValue:
        """Ask the viewers for an input and wait for it; `schema` is a JSON schema of it.

        Waits until the deadline, or a cancel, ends the invocation. One question at a time: another
        is asked when this one was answered.
        """
        async with self._asking:
            return await self._ask(prompt, schema)

    async def _ask(self, prompt: str, schema: JSONValue) -> JSONValue:
        given: asyncio.Future[JSONValue] = asyncio.get_running_loop().create_future()
        self._inputs.append(given)
        text = "" if schema is None else to_json(schema)
        ask = event_pb2.AnswerInputRequired(prompt=prompt, schema=text)
        try:
            await self._send(stream_pb2.ServeRequest(ask=ask))
            return await given
        finally:
            if given in self._inputs:
                self._inputs.remove(given)

    def invoke(
        self,
        agent: str = "",
        prompt: str | Sequence[Message] = "",
        *,
        capability: str = "",
        model: str = "",
        options: Options | None = None,
        deadline_seconds: float | None = None,
    ) -> Answer:
        """Ask another agent for this answer's sake: deadline and cancel carry over to it."""
        return self._client.invoke(
            agent,
            prompt,
            capability=capability,
            model=model,
            options=options,
            deadline_seconds=deadline_seconds,
            parent_stream_id=self.stream_id,
        )

    def take_input(self, given: event_pb2.AnswerInput) -> None:
        """Hand an input to the oldest question; called by the worker."""
        while self._inputs:
            asked = self._inputs.popleft()
            if not asked.done():
                value: JSONValue = orjson.loads(given.json)
                asked.set_result(value)
                return

    async def _send(self, frame: stream_pb2.ServeRequest) -> None:
        frame.stream_id, frame.attempt = self.stream_id, self.attempt
        await self._line.send(frame)
