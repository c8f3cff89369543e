"""Images and files as the clients of others send them: an address, or the bytes in a data URL."""

from base64 import b64decode
from binascii import Error as Base64Error
from urllib.parse import unquote_to_bytes

from blackroad.edge.errors import Refusal
from blackroad.realtime.v1 import stream_pb2


def media_part(url: str, media_type: str = "") -> stream_pb2.MessagePart:
    """Return an image or a file, by what its media type says; Refusal for a broken data URL."""
    media = media_of(url, media_type)
    if media.media_type.startswith("image/"):
        return stream_pb2.MessagePart(image=media)
    return stream_pb2.MessagePart(file=media)


def media_of(url: str, media_type: str = "") -> stream_pb2.Media:
    """Return what an address or a data URL says; Refusal for a broken one."""
    if not url.startswith("data:"):
        return stream_pb2.Media(url=url, media_type=media_type)
    head, comma, data = url[len("data:") :].partition(",")
    if not comma:
        raise Refusal("bad_frame", "`url` is not a data URL")
    said, _, encoding = head.rpartition(";")
    if encoding != "base64":
        return stream_pb2.Media(data=unquote_to_bytes(data), media_type=media_type or head)
    return stream_pb2.Media(data=base64_of(data), media_type=media_type or said)


def base64_of(data: str) -> bytes:
    """Return the bytes; Refusal where it is not base64."""
    try:
        return b64decode(data, validate=True)
    except (Base64Error, ValueError):
        raise Refusal("bad_frame", "`data` is not base64") from None
