"""From the requests of the contract to the frames of a browser: what an edge is told."""

from base64 import b64encode
from collections.abc import Mapping
from typing import Final

import msgspec
from msgspec import Raw

from blackroad.realtime.v1 import channel_pb2, stream_pb2

Said = Mapping[str, object]
ENCODER: Final = msgspec.json.Encoder()
_ROLES: Final = {
    stream_pb2.ROLE_SYSTEM: "system",
    stream_pb2.ROLE_USER: "user",
    stream_pb2.ROLE_ASSISTANT: "assistant",
    stream_pb2.ROLE_TOOL: "tool",
}


def publication(request_id: str, asked: channel_pb2.PublishRequest) -> Said | None:
    """Return the frame that publishes; None for what this door cannot say."""
    if len(asked.events) != 1 or asked.HasField("expected_offset"):
        return None
    (draft,) = asked.events
    if draft.HasField("ttl"):
        return None
    named = {"type": "publish", "event": draft.type} if draft.type else {"type": "message"}
    return {
        **named,
        "id": request_id,
        "room": asked.channel,
        **_body(draft.WhichOneof("body"), draft.text, draft.json, draft.data),
        "idempotency_key": asked.idempotency_key,
        **({"headers": dict(draft.headers)} if draft.headers else {}),
        **({"correlation_id": draft.correlation_id} if draft.correlation_id else {}),
    }


def _body(kind: str | None, text: str, json: str, data: bytes) -> Said:
    if kind == "data":
        return {"data": b64encode(data).decode()}
    return {"content": Raw(json.encode()) if kind == "json" else text}


def subscription(request_id: str, asked: channel_pb2.Subscribe) -> Said | None:
    """Return the frame that subscribes; None for what this door cannot say."""
    if asked.unit:
        return None
    frame: dict[str, object] = {"type": "subscribe", "id": request_id, "room": asked.channel}
    match asked.WhichOneof("start"):
        case "cursor":
            frame["cursor"] = asked.cursor
        case "history":
            frame["history"] = asked.history
        case None:
            pass
    if asked.presence:
        frame["presence"] = True
    return frame


def invocation(request_id: str, asked: stream_pb2.Invoke) -> Said:
    """Return the frame that asks for an answer."""
    target = asked.target
    frame: dict[str, object] = {"type": "agent.invoke", "id": request_id}
    named = {"agent": target.agent, "capability": target.capability, "model": target.model}
    frame |= {name: value for name, value in named.items() if value}
    frame["input"] = asked.text or [_message(each) for each in asked.messages]
    if asked.conversation:
        frame["conversation"] = asked.conversation
    if asked.HasField("deadline"):
        frame["deadline_seconds"] = asked.deadline.ToTimedelta().total_seconds()
    if asked.on_abandoned == stream_pb2.ON_ABANDONED_CANCEL:
        frame["on_abandoned"] = "cancel"
        frame["abandoned_after_seconds"] = asked.abandoned_after.ToTimedelta().total_seconds()
    if asked.HasField("options"):
        frame["options"] = _options(asked.options)
    return frame


def _options(options: stream_pb2.InvokeOptions) -> Said:
    found: dict[str, object] = {}
    if options.HasField("max_tokens"):
        found["max_tokens"] = options.max_tokens
    if options.HasField("max_time"):
        found["max_seconds"] = options.max_time.ToTimedelta().total_seconds()
    if options.HasField("temperature"):
        found["temperature"] = options.temperature
    if options.HasField("seed"):
        found["seed"] = options.seed
    if options.stop:
        found["stop"] = list(options.stop)
    documents = {
        "tools": options.tools_json,
        "tool_choice": options.tool_choice_json,
        "response_format": options.response_format_json,
    }
    return found | {name: Raw(text.encode()) for name, text in documents.items() if text}


def _message(message: stream_pb2.Message) -> Said:
    role = _ROLES.get(message.role, "user")
    return {"role": role, "parts": [_part(part) for part in message.parts]}


def _part(part: stream_pb2.MessagePart) -> Said:
    match part.WhichOneof("part"):
        case "image":
            return {"type": "image", **_media(part.image)}
        case "file":
            return {"type": "file", **_media(part.file)}
        case "tool_call":
            call = part.tool_call
            arguments = Raw((call.arguments or "{}").encode())
            named = {"tool_call_id": call.tool_call_id, "name": call.name}
            return {"type": "tool_call", **named, "arguments": arguments}
        case "tool_result":
            result = part.tool_result
            named = {"tool_call_id": result.tool_call_id, "content": result.content}
            return {"type": "tool_result", **named, "is_error": result.is_error}
        case "data_json":
            return {"type": "data", "data": Raw(part.data_json.encode())}
        case "text" | None:
            return {"type": "text", "text": part.text}


def _media(media: stream_pb2.Media) -> Said:
    where = {"url": media.url} if media.url else {"data": b64encode(media.data).decode()}
    return {**where, "media_type": media.media_type}
