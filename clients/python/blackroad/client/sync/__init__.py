"""The SDK for scripts: the same calls without `async`, on one event loop in the background."""

from blackroad.client.sync.answer import Answer
from blackroad.client.sync.client import Client
from blackroad.client.sync.listing import Channels, Streams
from blackroad.client.sync.presence import Announcement, PresenceWatch
from blackroad.client.sync.subscription import Subscription

__all__ = [
    "Announcement",
    "Answer",
    "Channels",
    "Client",
    "PresenceWatch",
    "Streams",
    "Subscription",
]
