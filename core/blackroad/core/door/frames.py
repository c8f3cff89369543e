"""The frames with which every bidirectional stream begins and ends, and refusals in band."""

from importlib.metadata import version

from google.protobuf.duration_pb2 import Duration

from blackroad.core.channel.asked import MAX_SUBSCRIPTIONS
from blackroad.core.draft import MAX_EVENT_BYTES
from blackroad.core.errors import Code, CodedError, Ending
from blackroad.core.identity.identity import Identity
from blackroad.realtime.v1 import common_pb2

PROTOCOL_VERSION = 1
FEATURES = ("batch",)
PING_INTERVAL_SECONDS = 25.0
MAX_FRAME_BYTES = 6 << 20
LIMITS = common_pb2.Limits(
    max_event_bytes=MAX_EVENT_BYTES,
    max_input_bytes=4 << 20,
    max_frame_bytes=MAX_FRAME_BYTES,
    max_subscriptions=MAX_SUBSCRIPTIONS,
    max_metadata_bytes=4 << 10,
)
VERSION = version("blackroad-realtime")


def check_hello(hello: common_pb2.Hello) -> bool:
    """Tell whether the client takes batches; raise an `Ending` where it speaks another protocol."""
    if hello.protocol_version not in (0, PROTOCOL_VERSION):
        raise Ending(Code.BAD_FRAME, f"this server speaks protocol version {PROTOCOL_VERSION}")
    return "batch" in hello.features


def welcome(
    session_id: str, node: str, identity: Identity, *, development: bool
) -> common_pb2.Welcome:
    """Return the first frame of the server."""
    frame = common_pb2.Welcome(
        session_id=session_id,
        node=node,
        features=FEATURES,
        limits=LIMITS,
        ping_interval=duration(PING_INTERVAL_SECONDS),
        version=VERSION,
        identity=identity.wire,
        development=development,
    )
    if identity.expires_at is not None:
        frame.expire_time.FromNanoseconds(int(identity.expires_at * 1e9))
    return frame


def rejected(error: CodedError) -> common_pb2.Rejected:
    """Return a refusal in band."""
    frame = common_pb2.Rejected(
        code=error.code.wire,
        message=error.message,
        retryable=error.retryable,
        channel=error.channel,
    )
    if error.retry_after_seconds is not None:
        frame.retry_after.CopyFrom(duration(error.retry_after_seconds))
    return frame


def closing(ending: CodedError | None) -> common_pb2.Closing:
    """Return the last frame; without an ending the client asked for it."""
    if ending is None:
        return common_pb2.Closing()
    frame = common_pb2.Closing(code=ending.code.wire, message=ending.message)
    if ending.retry_after_seconds is not None:
        frame.retry_after.CopyFrom(duration(ending.retry_after_seconds))
    return frame


def duration(seconds: float) -> Duration:
    """Return seconds as the proto says them."""
    message = Duration()
    message.FromNanoseconds(int(seconds * 1e9))
    return message
