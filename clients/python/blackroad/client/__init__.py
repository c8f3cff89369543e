"""The Python SDK: agents that answer, and clients that publish, subscribe and invoke."""

from blackroad.client.address import Address
from blackroad.client.agent import Agent
from blackroad.client.announcement import Announcement
from blackroad.client.answer import Answer
from blackroad.client.call import Call
from blackroad.client.channels import Channel, Channels, Invitation, Member, Policy
from blackroad.client.client import Client, History
from blackroad.client.errors import (
    AnswerFailed,
    Conflict,
    Ended,
    Forbidden,
    InvalidAddress,
    InvalidRequest,
    NoAgent,
    NotFound,
    RateLimited,
    RealtimeError,
    Rejected,
    Unauthenticated,
    Unavailable,
    UnknownOutcome,
)
from blackroad.client.event import Event, JSONValue
from blackroad.client.messages import Data, Media, Message, Options
from blackroad.client.parts import (
    Cancelled,
    Finished,
    Gap,
    Input,
    InputRequired,
    Part,
    Progress,
    Queued,
    Snapshot,
    Started,
    Text,
    Thinking,
    ToolCall,
    ToolResult,
    Usage,
    Yielded,
)
from blackroad.client.presence import Presence, PresenceQuery, PresenceSession
from blackroad.client.publisher import Published
from blackroad.client.streams import Stream, Streams
from blackroad.client.subscription import Received, Subscription
from blackroad.client.token import TokenProvider
from blackroad.client.trust import Trust

__all__ = [
    "Address",
    "Agent",
    "Announcement",
    "Answer",
    "AnswerFailed",
    "Call",
    "Cancelled",
    "Channel",
    "Channels",
    "Client",
    "Conflict",
    "Data",
    "Ended",
    "Event",
    "Finished",
    "Forbidden",
    "Gap",
    "History",
    "Input",
    "InputRequired",
    "InvalidAddress",
    "InvalidRequest",
    "Invitation",
    "JSONValue",
    "Media",
    "Member",
    "Message",
    "NoAgent",
    "NotFound",
    "Options",
    "Part",
    "Policy",
    "Presence",
    "PresenceQuery",
    "PresenceSession",
    "Progress",
    "Published",
    "Queued",
    "RateLimited",
    "RealtimeError",
    "Received",
    "Rejected",
    "Snapshot",
    "Started",
    "Stream",
    "Streams",
    "Subscription",
    "Text",
    "Thinking",
    "TokenProvider",
    "ToolCall",
    "ToolResult",
    "Trust",
    "Unauthenticated",
    "Unavailable",
    "UnknownOutcome",
    "Usage",
    "Yielded",
]
