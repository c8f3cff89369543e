"""The guide's chat frames: `content` and `done`, on SSE and on the chat WebSocket."""

from msgspec import UNSET, Raw, Struct, UnsetType

from blackroad.edge.frames import sse, words
from blackroad.edge.frames.answer import ENDINGS, AnswerFrame, answer_frame, snapshot_frames
from blackroad.edge.frames.values import ENCODER, Usage
from blackroad.realtime.v1 import event_pb2


class ChatError(Struct, omit_defaults=True):
    """Why an answer failed."""

    code: words.Code
    message: str
    retryable: bool | UnsetType = UNSET
    retry_after_seconds: float | UnsetType = UNSET


class Chunk(Struct, omit_defaults=True):
    """More of an answer; `part` is everything that is not text of it."""

    content: str
    part: AnswerFrame | UnsetType = UNSET
    snapshot: bool | UnsetType = UNSET


class ChatFrame(Chunk, kw_only=True):
    """A frame of `/v1/chat/stream` that is not the last."""

    done: bool


class Done(Struct, omit_defaults=True):
    """The last frame of `/v1/chat/stream`."""

    done: bool
    finish_reason: str | UnsetType = UNSET
    error: ChatError | UnsetType = UNSET
    usage: Usage | UnsetType = UNSET
    output: Raw | str | UnsetType = UNSET
    stream_id: str | UnsetType = UNSET


class SocketChunk(Chunk, kw_only=True, tag_field="type", tag="chunk"):
    """A `chunk` of the chat WebSocket."""

    id: str | None = None
    stream_id: str | UnsetType = UNSET


class SocketDone(Struct, omit_defaults=True, tag_field="type", tag="done"):
    """The `done` of the chat WebSocket."""

    finish_reason: str
    usage: Usage | UnsetType
    stream_id: str
    id: str | None = None
    output: Raw | str | UnsetType = UNSET


class SocketError(Struct, omit_defaults=True, tag_field="type", tag="error"):
    """The `error` of the chat WebSocket: a prompt failed, the socket lives."""

    code: words.Code
    message: str
    id: str | None = None
    retryable: bool | UnsetType = UNSET
    retry_after_seconds: float | UnsetType = UNSET
    stream_id: str | UnsetType = UNSET
    usage: Usage | UnsetType = UNSET


def chat_block(event: event_pb2.Event) -> bytes:
    """Return one update as a block of `/v1/chat/stream`."""
    return _block(answer_frame(event))


def snapshot_blocks(snapshot: event_pb2.AnswerSnapshot) -> bytes:
    """Return an answer so far, and its ending where it has one, as blocks."""
    return b"".join(map(_block, snapshot_frames(snapshot)))


def _block(frame: AnswerFrame) -> bytes:
    return sse.block(ENCODER.encode(_chat_frame(frame)), cursor=frame.cursor)


def _chat_frame(frame: AnswerFrame) -> Struct:
    if frame.status in ENDINGS:
        return _done(frame)
    if frame.status == "streaming":
        return ChatFrame(content=_text(frame.delta), done=False)
    if frame.status == "snapshot":
        part = frame if frame.thinking or _has_more(frame) else UNSET
        return ChatFrame(content=_text(frame.text), snapshot=True, part=part, done=False)
    return ChatFrame(content="", part=frame, done=False)


def _has_more(frame: AnswerFrame) -> bool:
    parts = [] if isinstance(frame.parts, UnsetType) else frame.parts
    return any(part.type != "text" for part in parts)


def _done(frame: AnswerFrame) -> Done:
    done = Done(done=True, usage=frame.usage, stream_id=frame.stream_id, output=frame.output)
    if frame.status == "failed":
        done.error = ChatError(
            _text(frame.code), _text(frame.message), frame.retryable, frame.retry_after_seconds
        )
    else:
        done.finish_reason = _finish_reason(frame)
    return done


def _finish_reason(frame: AnswerFrame) -> str:
    return "cancelled" if frame.status == "cancelled" else _text(frame.reason)


def _text(value: str | UnsetType) -> str:
    return "" if isinstance(value, UnsetType) else value


def chat_socket_json(event: event_pb2.Event, request_id: str = "") -> bytes:
    """Return one update as a frame of the chat WebSocket."""
    return ENCODER.encode(_socket_frame(answer_frame(event), request_id or None))


def snapshot_socket_json(snapshot: event_pb2.AnswerSnapshot, request_id: str = "") -> list[bytes]:
    """Return an answer so far, and its ending where it has one, as frames."""
    return [
        ENCODER.encode(_socket_frame(frame, request_id or None))
        for frame in snapshot_frames(snapshot)
    ]


def _socket_frame(frame: AnswerFrame, request_id: str | None) -> Struct:
    match frame.status:
        case "failed":
            return SocketError(
                code=_text(frame.code),
                message=_text(frame.message),
                id=request_id,
                retryable=frame.retryable,
                retry_after_seconds=frame.retry_after_seconds,
                stream_id=frame.stream_id,
                usage=frame.usage,
            )
        case "finished" | "cancelled":
            reason = _finish_reason(frame)
            return SocketDone(reason, frame.usage, frame.stream_id, request_id, frame.output)
        case "streaming":
            return SocketChunk(content=_text(frame.delta), id=request_id)
        case "snapshot":
            return SocketChunk(content=_text(frame.text), snapshot=True, id=request_id)
        case _:
            return SocketChunk(content="", part=frame, id=request_id, stream_id=frame.stream_id)
