"""The three streams of the protocol that this SDK keeps, and how their frames are made."""

from importlib.metadata import PackageNotFoundError, version
from typing import Final

from blackroad.client.dial import Rpc
from blackroad.client.refresh import REFRESH
from blackroad.realtime.v1 import channel_pb2, common_pb2, presence_pb2, stream_pb2
from blackroad.wire.v1 import frames_pb2


def _version() -> str:
    try:
        return version("blackroad-realtime")
    except PackageNotFoundError:
        return ""


HELLO: Final = common_pb2.Hello(
    protocol_version=1,
    features=["batch"],
    client=common_pb2.ClientInfo(name="blackroad-python", version=_version()),
)


def _open_batch(frames: list[bytes]) -> bytes:
    return frames_pb2.OpenRequest(batch=frames_pb2.Batch(frames=frames)).SerializeToString()


def _serve_batch(frames: list[bytes]) -> bytes:
    return frames_pb2.ServeRequest(batch=frames_pb2.Batch(frames=frames)).SerializeToString()


def _connect_batch(frames: list[bytes]) -> bytes:
    return frames_pb2.ConnectRequest(batch=frames_pb2.Batch(frames=frames)).SerializeToString()


def _open_refresh(token: str) -> bytes:
    refresh = common_pb2.Refresh(token=token)
    return stream_pb2.OpenRequest(request_id=REFRESH, refresh=refresh).SerializeToString()


def _serve_refresh(token: str) -> bytes:
    refresh = common_pb2.Refresh(token=token)
    return stream_pb2.ServeRequest(request_id=REFRESH, refresh=refresh).SerializeToString()


def _connect_refresh(token: str) -> bytes:
    refresh = common_pb2.Refresh(token=token)
    return channel_pb2.ConnectRequest(request_id=REFRESH, refresh=refresh).SerializeToString()


def _track_refresh(token: str) -> bytes:
    refresh = common_pb2.Refresh(token=token)
    return presence_pb2.TrackRequest(request_id=REFRESH, refresh=refresh).SerializeToString()


OPEN: Final = Rpc(
    "StreamService/Open",
    stream_pb2.OpenResponse,
    stream_pb2.OpenRequest(hello=HELLO).SerializeToString(),
    _open_batch,
    _open_refresh,
)
SERVE: Final = Rpc(
    "StreamService/Serve",
    stream_pb2.ServeResponse,
    stream_pb2.ServeRequest(hello=HELLO).SerializeToString(),
    _serve_batch,
    _serve_refresh,
)
CONNECT: Final = Rpc(
    "ChannelService/Connect",
    channel_pb2.ConnectResponse,
    channel_pb2.ConnectRequest(hello=HELLO).SerializeToString(),
    _connect_batch,
    _connect_refresh,
)
TRACK: Final = Rpc(
    "PresenceService/Track",
    presence_pb2.TrackResponse,
    presence_pb2.TrackRequest(hello=HELLO).SerializeToString(),
    None,
    _track_refresh,
)
