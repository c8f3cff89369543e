"""Channels and kept answers, managed without `async`."""

from blackroad.client import channels, streams
from blackroad.client.sync.twin import Twin, iterates, waits


class Channels(Twin[channels.Channels]):
    """Manages channels. Each call raises Rejected with the server's reason, or Unavailable."""

    create = waits(channels.Channels.create)
    get = waits(channels.Channels.get)
    list = iterates(channels.Channels.list)
    update = waits(channels.Channels.update)
    delete = waits(channels.Channels.delete)
    members = iterates(channels.Channels.members)
    add_member = waits(channels.Channels.add_member)
    remove_member = waits(channels.Channels.remove_member)
    invite = waits(channels.Channels.invite)
    accept = waits(channels.Channels.accept)


class Streams(Twin[streams.Streams]):
    """Reads and cancels answers. Each call raises Rejected by the server's code, or Unavailable."""

    get = waits(streams.Streams.get)
    list = iterates(streams.Streams.list)
    cancel = waits(streams.Streams.cancel)
