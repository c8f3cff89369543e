"""Anthropic's SDK, and the one of its calls that streams; imported when used, which takes 1 s."""

from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING, cast

from anthropic import AsyncAnthropic, AsyncStream, Timeout, transform_schema

from blackroad.agents.models.anthropic.events import Event, read_event
from blackroad.agents.models.anthropic.thoughts import Block
from blackroad.client import JSONValue

if TYPE_CHECKING:
    from anthropic.types.message_create_params import MessageCreateParamsStreaming


class AnthropicClient:
    """An AsyncAnthropic that does not try again by itself.

    The caller is told at once, with the time to wait, and a cancel never waits for a retry.
    It is no subclass: the SDK looks for credentials in all places for its own class only.
    """

    def __init__(self, connect_seconds: float) -> None:
        timeout = Timeout(None, connect=connect_seconds)
        self._sdk = AsyncAnthropic(max_retries=0, timeout=timeout)

    async def stream(self, model: str, request: Block) -> AsyncGenerator[Event]:
        """Yield the events of an answer; closing it closes the connection.

        Raises what the SDK raises, and ValueError for what is no event.
        """
        body = request | {"model": model, "stream": True}
        if "output_config" in body:
            body["output_config"] = _strict(body["output_config"])
        # The SDK's call takes no temperature any more; models that do still get it.
        beside = {name: body.pop(name) for name in ("temperature",) if name in body}
        params = cast("MessageCreateParamsStreaming", body)
        async with await self._sdk.messages.create(**params, extra_body=beside) as stream:
            async for said in AsyncStream.raw_events(stream.response):
                event = read_event(said.event, said.data)
                if event is not None:
                    yield event

    async def listed(self) -> list[str]:
        """Return the models that it lists. Raises what the SDK raises."""
        return [model.id async for model in self._sdk.models.list()]

    async def close(self) -> None:
        """Close its connections."""
        await self._sdk.close()


def _strict(config: JSONValue) -> JSONValue:
    """Return the schema as Anthropic takes it: what it cannot hold a model to becomes advice."""
    match config:
        case {"format": {"schema": dict(schema)}}:
            strict = cast("JSONValue", transform_schema(dict(schema)))
            return {"format": {"type": "json_schema", "schema": strict}}
        case _:
            return config
