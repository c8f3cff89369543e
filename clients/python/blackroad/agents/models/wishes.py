"""What a caller wishes of a model: the JSON of its options, in one form for all providers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import orjson

from blackroad.client import AnswerFailed, Finished, JSONValue, Options, Usage
from blackroad.client.parts import FinishReason

# An event's body is at most 64 KiB.
MOST_BYTES: Final = 60 << 10

Schema = Mapping[str, JSONValue]

_EMPTY: Final[dict[str, JSONValue]] = {"type": "object", "properties": {}}


@dataclass(frozen=True, slots=True)
class Tool:
    """A function that the model may call; the parameters are a JSON schema."""

    name: str
    description: str
    parameters: Schema


@dataclass(frozen=True, slots=True)
class Wishes:
    """The tools, which of them is to be called, and the form of the result.

    `choice` is `auto`, `none`, `required` or `named`, then of the tool `tool`. `form` is a JSON
    schema; empty, any JSON; None, text.
    """

    tools: tuple[Tool, ...] = ()
    choice: Literal["auto", "none", "required", "named"] = "auto"
    tool: str = ""
    form: Schema | None = None


def read_wishes(options: Options) -> Wishes:
    """Read tools, tool choice and response format, in the words of OpenAI or Anthropic.

    Raises AnswerFailed (model_error), with what is wrong, where they are neither.
    """
    tools = tuple(map(_tool, _list(_json("tools", options.tools_json))))
    choice = _json("tool_choice", options.tool_choice_json)
    form = _form(_json("response_format", options.response_format_json))
    match choice:
        case None | "" | "auto" | {"type": "auto"}:
            return Wishes(tools, form=form)
        case "none" | {"type": "none"}:
            return Wishes(tools, "none", form=form)
        case "required" | "any" | {"type": "any"}:
            return Wishes(tools, "required", form=form)
        case {"function": {"name": str(name)}} | {"name": str(name)}:
            if name not in (tool.name for tool in tools):
                raise _wrong("tool_choice", f"names {name}, which is none of the tools")
            return Wishes(tools, "named", name, form)
        case _:
            raise _wrong("tool_choice", 'is "auto", "none", "required" or {"name": …}')


def finished(reason: FinishReason, text: str, options: Options, usage: Usage) -> Finished:
    """Return the ending of an answer, with its result where one was asked for.

    Raises AnswerFailed (model_error) where the model kept to no JSON, or to too much of it.
    """
    if reason != "stop" or read_wishes(options).form is None:
        return Finished(reason, usage=usage)
    try:
        output = orjson.dumps(orjson.loads(text))
    except ValueError:
        raise AnswerFailed(
            "model_error", "The model did not keep to the response_format.", usage=usage
        ) from None
    if len(output) > MOST_BYTES:
        raise AnswerFailed("model_error", "The model's result is over 60 KiB.", usage=usage)
    return Finished(reason, output.decode(), usage)


def _json(name: str, text: str) -> JSONValue:
    if not text:
        return None
    try:
        value: JSONValue = orjson.loads(text)
    except ValueError:
        raise _wrong(name, "is not JSON") from None
    return value


def _list(value: JSONValue) -> Sequence[JSONValue]:
    if value is None:
        return ()
    if not isinstance(value, list):
        raise _wrong("tools", "is a list")
    return value


def _tool(value: JSONValue) -> Tool:
    match value:
        case {"function": {"name": str(name), **rest}} | {"name": str(name), **rest}:
            parameters = rest.get("parameters") or rest.get("input_schema") or {}
            description = rest.get("description") or ""
            if isinstance(parameters, dict) and isinstance(description, str):
                return Tool(name, description, _EMPTY | parameters)
        case _:
            pass
    raise _wrong("tools", 'has entries such as {"name": …, "description": …, "parameters": {…}}')


def _form(value: JSONValue) -> Schema | None:
    match value:
        case None | {"type": "text"}:
            return None
        case {"type": "json_object"}:
            return {}
        case {"type": "json_schema", "json_schema": {"schema": dict(schema)}}:
            return schema
        case {"type": "json_schema", "schema": dict(schema)}:
            return schema
        case dict():
            return value
        case _:
            raise _wrong("response_format", "is a JSON schema")


def _wrong(name: str, what: str) -> AnswerFailed:
    return AnswerFailed("model_error", f"The option {name} {what}.")
