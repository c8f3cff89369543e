"""What `presence`, `channels` and `streams` do."""

from blackroad.cli.output import CONSOLE, Row, counted, print_json, print_rows
from blackroad.client.channels import Channel
from blackroad.client.client import Client
from blackroad.client.presence import Presence
from blackroad.client.streams import Stream


async def who(client: Client, entity_type: str, watch: bool, as_json: bool) -> None:
    """List who is here; with `watch` go on with every change."""
    query = client.presence(entity_type)
    if not watch:
        print_rows([_entity(record) for record in await query], as_json=as_json)
        return
    async for record in query:
        if as_json:
            print_json(_entity(record))
        else:
            CONSOLE.print(f"{record.entity_type} {record.entity_id}: {record.status}")


async def list_channels(client: Client, pattern: str, as_json: bool) -> None:
    """List channels."""
    found = await counted(client.channels.list(pattern), "channels")
    print_rows(map(_channel, found), as_json=as_json)


async def list_streams(client: Client, conversation: str, as_json: bool) -> None:
    """List answers."""
    found = await counted(client.streams.list(conversation), "streams")
    print_rows(map(_stream, found), as_json=as_json)


def _entity(record: Presence) -> Row:
    return {
        "entity_type": record.entity_type,
        "entity_id": record.entity_id,
        "status": record.status,
        "last_seen": record.last_seen,
        "sessions": len(record.sessions),
        "capabilities": sorted({word for one in record.sessions for word in one.capabilities}),
        "metadata": record.metadata,
    }


def _channel(channel: Channel) -> Row:
    return {
        "name": channel.name,
        "access": channel.policy.access,
        "presence": channel.policy.presence,
        "member_count": channel.member_count,
        "last_offset": channel.last_offset,
        "owner": channel.owner,
    }


def _stream(stream: Stream) -> Row:
    return {
        "stream_id": stream.stream_id,
        "state": stream.snapshot.state,
        "target": stream.target,
        "invoker": stream.invoker,
        "create_time": stream.create_time,
        "end_time": stream.end_time,
        "viewers": stream.viewers,
    }
