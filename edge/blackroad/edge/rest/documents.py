"""What the HTTP routes answer: one struct for each document, made from the contract's messages."""

from typing import Final, Generic, TypeVar

from fastapi.responses import Response
from msgspec import UNSET, Raw, Struct, UnsetType

from blackroad.edge.frames.answer import AnswerPart
from blackroad.edge.frames.schemas import schema_components
from blackroad.edge.frames.values import ENCODER, Policy, Usage

T = TypeVar("T")
SHOWN: Final[dict[str, type[Struct]]] = {}


class Page(Struct, Generic[T], omit_defaults=True):
    """A page of a list; the last one has no `next_page_token`."""

    items: list[T]
    next_page_token: str | UnsetType = UNSET


class Channel(Struct, omit_defaults=True):
    """A channel as it stands."""

    name: str
    policy: Policy
    member_count: int
    last_offset: int
    created: bool
    metadata: Raw | str | UnsetType = UNSET
    owner: str | UnsetType = UNSET
    created_at: str | UnsetType = UNSET
    updated_at: str | UnsetType = UNSET
    etag: str | UnsetType = UNSET


class Member(Struct, omit_defaults=True):
    """A subject with a lasting right to a channel."""

    client_id: str
    present: bool
    joined_at: str | UnsetType = UNSET


class Invitation(Struct):
    """A code that makes members."""

    code: str
    expires_at: str


class Joined(Struct):
    """Where the caller is a member now."""

    channel: str
    member: Member


class Events(Struct):
    """A page of a channel's past, by offset."""

    items: list[object]
    more: bool


class Published(Struct, omit_defaults=True):
    """What became of one publish; a failed one of several has `code` and `message`."""

    channel: str
    event_id: str | UnsetType = UNSET
    offset: int | UnsetType = UNSET
    duplicate: bool | UnsetType = UNSET
    code: str | UnsetType = UNSET
    message: str | UnsetType = UNSET
    retryable: bool | UnsetType = UNSET


class PublishedAll(Struct):
    """What became of a publish to several channels."""

    results: list[Published]


class Broadcast(Struct):
    """A broadcast is in the log; `clients` receive it at this edge."""

    status: str
    event_id: str
    clients: int


class Target(Struct, omit_defaults=True):
    """Who was asked."""

    agent: str | UnsetType = UNSET
    capability: str | UnsetType = UNSET
    model: str | UnsetType = UNSET


class Stream(Struct, omit_defaults=True):
    """An answer as it is kept."""

    stream_id: str
    status: str
    text: str
    target: Target
    viewers: int
    index: int
    parts: list[AnswerPart] | UnsetType = UNSET
    thinking: str | UnsetType = UNSET
    agent: str | UnsetType = UNSET
    model: str | UnsetType = UNSET
    usage: Usage | UnsetType = UNSET
    reason: str | UnsetType = UNSET
    output: Raw | str | UnsetType = UNSET
    code: str | UnsetType = UNSET
    message: str | UnsetType = UNSET
    invoker: str | UnsetType = UNSET
    conversation: str | UnsetType = UNSET
    created_at: str | UnsetType = UNSET
    ended_at: str | UnsetType = UNSET
    cursor: str | UnsetType = UNSET


class Opened(Struct):
    """An answer was started."""

    stream_id: str


class Conversation(Struct, omit_defaults=True):
    """A conversation's turns, and the answer in progress."""

    conversation: str
    messages: list[object]
    more: bool
    stream_id: str | None = None


class KeptConversation(Struct, omit_defaults=True):
    """A conversation in a list."""

    conversation: str
    created_at: str | UnsetType = UNSET


class Session(Struct, omit_defaults=True):
    """A connected client as operators see it."""

    session_id: str
    client_id: str
    kind: str
    door: str
    node: str
    subscriptions: list[str]
    queued_bytes: int
    catching_up: bool
    client: str | UnsetType = UNSET
    method: str | UnsetType = UNSET
    connected_at: str | UnsetType = UNSET


class Explanation(Struct, omit_defaults=True):
    """Why a session gets the events of a channel, or does not."""

    delivered: bool
    summary: str
    member: bool
    catching_up: bool
    queued_bytes: int
    policy: Policy
    subscription: str | UnsetType = UNSET
    grant: str | UnsetType = UNSET
    gap_at: str | UnsetType = UNSET


class Node(Struct, omit_defaults=True):
    """One core process."""

    name: str
    version: str
    sessions: int
    edges: int
    workers: int
    engine: str
    engine_healthy: bool
    draining: bool
    started_at: str | UnsetType = UNSET


class Revocation(Struct, omit_defaults=True):
    """What ends tokens before their time."""

    jti: str | UnsetType = UNSET
    subject: str | UnsetType = UNSET
    before: str | UnsetType = UNSET
    created_at: str | UnsetType = UNSET
    created_by: str | UnsetType = UNSET


class Ticket(Struct):
    """A single-use credential for `?ticket=`."""

    ticket: str
    expires_at: str


class Token(Struct):
    """A token of the core's own, and whom it speaks for."""

    token: str
    expires_at: str
    client_id: str


class Problem(Struct, omit_defaults=True):
    """RFC 9457, with `code`."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    retryable: bool
    channel: str | UnsetType = UNSET
    retry_after_seconds: float | UnsetType = UNSET


def reply(document: object, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """Return a document as JSON."""
    return Response(ENCODER.encode(document), status, headers, "application/json")


def page(items: list[T], next_page_token: str) -> Response:
    """Return a page of a list."""
    return reply(Page(items, next_page_token or UNSET))


Responses = dict[int | str, dict[str, object]]


def returns(kind: type[Struct], *, status: int = 200, listed: bool = False) -> Responses:
    """Return what OpenAPI is told about a route's answers."""
    SHOWN[kind.__name__] = kind
    schema: dict[str, object] = {"$ref": f"#/components/schemas/{kind.__name__}"}
    if listed:
        items = {"type": "array", "items": schema}
        properties = {"items": items, "next_page_token": {"type": "string"}}
        schema = {"type": "object", "properties": properties, "required": ["items"]}
    return {
        status: {
            "description": (kind.__doc__ or "").partition("\n")[0],
            "content": {"application/json": {"schema": schema}},
        }
    }


def schemas() -> dict[str, object]:
    """Return the JSON schemas of all documents that `returns` has named."""
    kinds: list[type] = [*SHOWN.values(), Problem]
    _, found = schema_components(kinds)
    return dict(found)
