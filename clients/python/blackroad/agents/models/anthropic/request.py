"""Messages and options in Anthropic's words."""

import base64
from collections.abc import Sequence
from typing import Final

import orjson

from blackroad.agents.models.anthropic.thoughts import Block, Thoughts
from blackroad.agents.models.failures import refused
from blackroad.agents.models.wishes import Wishes, read_wishes
from blackroad.client import (
    Data,
    JSONValue,
    Media,
    Message,
    Options,
    Text,
    ToolCall,
    ToolResult,
)
from blackroad.client.messages import MessagePart

PROVIDER: Final = "Anthropic"
LEAST_THINKING: Final = 1024

_ANY_JSON: Final = "Answer with one JSON value and nothing else."

_CHOICES: Final = {"auto": "auto", "none": "none", "required": "any", "named": "tool"}


def request_of(
    messages: Sequence[Message],
    options: Options,
    thoughts: Thoughts,
    *,
    max_tokens: int,
    thinking_tokens: int,
) -> Block:
    """Return the request for an answer, without its model.

    Raises AnswerFailed where Anthropic has no words for it. A seed has none and is left out.
    """
    wishes = read_wishes(options)
    most = options.max_tokens or max_tokens
    turns = _turns(messages, thoughts)
    request: Block = {"max_tokens": most, "messages": list[JSONValue](turns)}
    if system := _system(messages, wishes):
        request["system"] = system
    if options.stop:
        request["stop_sequences"] = list(options.stop)
    budget = min(thinking_tokens, most - 1)
    if budget >= LEAST_THINKING and not _forgotten(turns) and wishes.choice in ("auto", "none"):
        # Thinking takes no temperature, and lets no tool be forced.
        request["thinking"] = {"type": "enabled", "budget_tokens": budget}
    elif options.temperature is not None:
        request["temperature"] = options.temperature
    return request | _wished(wishes)


def _system(messages: Sequence[Message], wishes: Wishes) -> str:
    said = [message.text for message in messages if message.role == "system"]
    if wishes.form == {}:
        said.append(_ANY_JSON)  # there is no form for any JSON
    return "\n\n".join(said)


def _wished(wishes: Wishes) -> Block:
    request: Block = {}
    if wishes.tools:
        tools: list[JSONValue] = [
            {
                "name": tool.name,
                "description": tool.description,
                "input_schema": dict(tool.parameters),
            }
            for tool in wishes.tools
        ]
        choice: Block = {"type": _CHOICES[wishes.choice]}
        if wishes.tool:
            choice["name"] = wishes.tool
        request |= {"tools": tools, "tool_choice": choice}
    if wishes.form:
        form: Block = {"type": "json_schema", "schema": dict(wishes.form)}
        request["output_config"] = {"format": form}
    return request


def _turns(messages: Sequence[Message], thoughts: Thoughts) -> list[Block]:
    """Return turns of user and assistant by turns, results of tools before all else."""
    turns: list[Block] = []
    for message in messages:
        if message.role == "system":
            continue
        role = "assistant" if message.role == "assistant" else "user"
        blocks = [block for part in message.parts if (block := _block(part)) is not None]
        if role == "assistant":
            blocks = [*_thoughts(message, thoughts), *blocks]
        if not blocks:
            continue
        if turns and turns[-1]["role"] == role:
            blocks = [*_content(turns.pop()), *blocks]
        results_first = sorted(blocks, key=lambda block: block["type"] != "tool_result")
        turns.append({"role": role, "content": list[JSONValue](results_first)})
    return turns


def _content(turn: Block) -> list[Block]:
    content = turn["content"]
    if not isinstance(content, list):
        return []
    return [block for block in content if isinstance(block, dict)]


def _thoughts(message: Message, thoughts: Thoughts) -> tuple[Block, ...]:
    calls = (part for part in message.parts if isinstance(part, ToolCall))
    first = next(calls, None)
    return thoughts.of(first.tool_call_id) if first else ()


def _forgotten(turns: Sequence[Block]) -> bool:
    """Tell whether the last turn of the assistant called tools after thinking that is not here."""
    last = next((turn for turn in reversed(turns) if turn["role"] == "assistant"), None)
    kinds = [block["type"] for block in _content(last)] if last else []
    return "tool_use" in kinds and kinds[0] not in ("thinking", "redacted_thinking")


def _block(part: MessagePart) -> Block | None:
    match part:
        case Text(""):
            return None  # Anthropic takes no empty text
        case Text(text):
            return {"type": "text", "text": text}
        case Data(json):
            return {"type": "text", "text": json}
        case Media(kind="image"):
            return {"type": "image", "source": _source(part)}
        case Media():
            return {"type": "document", "source": _document(part)}
        case ToolCall():
            return _tool_use(part)
        case ToolResult():
            return {
                "type": "tool_result",
                "tool_use_id": part.tool_call_id,
                "content": part.content,
                "is_error": part.is_error,
            }


def _tool_use(call: ToolCall) -> Block:
    try:
        arguments: JSONValue = orjson.loads(call.arguments or "{}")
    except ValueError:
        arguments = None
    if not isinstance(arguments, dict):
        raise refused(PROVIDER, "takes arguments of tools as JSON objects only")
    return {"type": "tool_use", "id": call.tool_call_id, "name": call.name, "input": arguments}


def _source(media: Media) -> Block:
    if not media.data:
        return {"type": "url", "url": media.url}
    data = base64.b64encode(media.data).decode()
    return {"type": "base64", "media_type": media.media_type, "data": data}


def _document(file: Media) -> Block:
    if file.media_type == "application/pdf" or (file.url and not file.media_type):
        return _source(file)
    if file.data and file.media_type.startswith(("text/", "application/json")):
        text = file.data.decode(errors="replace")
        return {"type": "text", "media_type": "text/plain", "data": text}
    raise refused(PROVIDER, f"takes PDF and text files, not {file.media_type}")
