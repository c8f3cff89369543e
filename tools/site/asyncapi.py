"""The reference of the frames, out of AsyncAPI: one page, a section for each door."""

from tools.site.documents import AsyncApi, Channel, Message, Schema
from tools.site.schemas import fields, name_of, reachable, section
from tools.site.text import page, paragraphs, prose


def frames_page(api: AsyncApi) -> str:
    """Return the page."""
    schemas = api.components.schemas
    payloads = [
        schemas[name_of(message.payload.ref)]
        for channel in api.channels.values()
        for message in channel.messages.values()
    ]
    return page(
        "# Frames",
        "Made from `/asyncapi.json`, which a running edge serves, and held by a test against the "
        "frames that are really sent. Fields that must be there are **bold**. How they play "
        "together is in [the browser protocol](../protocol.md).",
        *(_channel(channel, schemas) for channel in api.channels.values()),
        "## Values",
        *(section(name, schemas[name]) for name in reachable(schemas, *payloads)),
    )


def _channel(channel: Channel, schemas: dict[str, Schema]) -> str:
    sides = {
        "receive": f"### You say on {channel.address.partition('{')[0]}",
        "send": f"### You hear on {channel.address.partition('{')[0]}",
    }
    messages = {
        side: [each for key, each in channel.messages.items() if key.startswith(f"{side}.")]
        for side in sides
    }
    return page(
        f"## {channel.address.replace('{', '').replace('}', '')}",
        f"`{channel.address}`. {paragraphs(channel.description)}",
        *(
            block
            for side, heading in sides.items()
            if messages[side]
            for block in (heading, *(_message(each, schemas) for each in messages[side]))
        ),
    ).rstrip()


def _message(message: Message, schemas: dict[str, Schema]) -> str:
    payload = schemas[name_of(message.payload.ref)]
    return page(f"#### {message.name}", prose(message.summary), fields(payload)).rstrip()
