"""Messages and options in Ollama's words."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import orjson

from blackroad.agents.models.failures import refused
from blackroad.agents.models.wishes import Tool, Wishes, read_wishes
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

PROVIDER: Final = "Ollama"

_TEXT_TYPES: Final = ("text/", "application/json", "application/xml", "application/yaml")

Json = dict[str, JSONValue]


@dataclass(frozen=True, slots=True)
class Prompt:
    """A request's body; `alone` where it is one prompt of the user, for `generate`."""

    request: Json
    alone: bool


def prompt_of(model: str, messages: Sequence[Message], options: Options, max_tokens: int) -> Prompt:
    """Return the request for an answer. Raises AnswerFailed where Ollama has no words for it."""
    wishes = read_wishes(options)
    turns = _turns(messages)
    request: Json = {"model": model, "options": _options(options, max_tokens)}
    if wishes.form is not None:
        request["format"] = dict(wishes.form) if wishes.form else "json"
    tools = _tools(wishes)
    user = [turn for turn in turns if turn["role"] != "system"]
    if len(user) == 1 and user[0]["role"] == "user" and not tools:
        system = [str(turn["content"]) for turn in turns if turn["role"] == "system"]
        return Prompt(request | _alone("\n\n".join(system), user[0]), alone=True)
    request["messages"] = list[JSONValue](turns)
    if tools:
        request["tools"] = tools
    return Prompt(request, alone=False)


def _alone(system: str, turn: Json) -> Json:
    """Return a lone prompt of the user, as `generate` takes it."""
    lone: Json = {"prompt": turn["content"]}
    if system:
        lone["system"] = system
    if "images" in turn:
        lone["images"] = turn["images"]
    return lone


def _options(options: Options, max_tokens: int) -> Json:
    chosen: Json = {"num_predict": options.max_tokens or max_tokens}
    if options.temperature is not None:
        chosen["temperature"] = options.temperature
    if options.seed is not None:
        chosen["seed"] = options.seed
    if options.stop:
        chosen["stop"] = list(options.stop)
    return chosen


def _tools(wishes: Wishes) -> list[JSONValue]:
    """Return the tools. Ollama knows no choice: what may not be called is left out."""
    if wishes.choice == "none":
        return []
    named = wishes.choice == "named"
    return [_tool(tool) for tool in wishes.tools if not named or tool.name == wishes.tool]


def _tool(tool: Tool) -> Json:
    function: Json = {
        "name": tool.name,
        "description": tool.description,
        "parameters": dict(tool.parameters),
    }
    return {"type": "function", "function": function}


def _turns(messages: Sequence[Message]) -> list[Json]:
    names: dict[str, str] = {}
    turns: list[Json] = []
    for message in messages:
        for part in message.parts:
            if isinstance(part, ToolCall):
                names[part.tool_call_id] = part.name
            elif isinstance(part, ToolResult):
                turns.append(_result(part, names))
        turns += _said(message)
    return turns


def _said(message: Message) -> list[Json]:
    """Return what a message says besides results of tools: one turn, or none."""
    images = [part for part in message.parts if isinstance(part, Media) and part.kind == "image"]
    calls = [part for part in message.parts if isinstance(part, ToolCall)]
    text = "".join(map(_text, message.parts))
    if not (text or images or calls):
        return []
    turn: Json = {"role": message.role, "content": text}
    if images:
        turn["images"] = [_bytes(image) for image in images]
    if calls:
        turn["tool_calls"] = [_call(call) for call in calls]
    return [turn]


def _text(part: MessagePart) -> str:
    """Return the part in words; empty for what has a place of its own."""
    match part:
        case Text(text):
            return text
        case Data(json):
            return f"\n{json}\n"
        case Media(kind="file"):
            return f"\n{_file(part)}\n"
        case _:
            return ""


def _result(result: ToolResult, names: dict[str, str]) -> Json:
    content = f"Error: {result.content}" if result.is_error else result.content
    name = names.get(result.tool_call_id, result.tool_call_id)
    return {"role": "tool", "content": content, "tool_name": name}


def _call(call: ToolCall) -> Json:
    try:
        arguments: JSONValue = orjson.loads(call.arguments or "{}")
    except ValueError:
        arguments = None
    if not isinstance(arguments, dict):
        raise refused(PROVIDER, "takes arguments of tools as JSON objects only")
    return {"function": {"name": call.name, "arguments": arguments}}


def _bytes(image: Media) -> str:
    """Return an image in base64. Nothing is fetched: an address must hold its data."""
    if image.data:
        return base64.b64encode(image.data).decode()
    head, comma, data = image.url.partition(",")
    if head.startswith("data:") and head.endswith(";base64") and comma:
        return data
    raise refused(PROVIDER, "takes images as data, not by address")


def _file(file: Media) -> str:
    if file.data and file.media_type.startswith(_TEXT_TYPES):
        return file.data.decode(errors="replace")
    raise refused(PROVIDER, f"takes text files as data, not {file.media_type or file.kind}")
