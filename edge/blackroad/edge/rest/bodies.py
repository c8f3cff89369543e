"""What the HTTP routes take: one model for each body, and the parameters of every list."""

from typing import Annotated, Literal

from fastapi import Query
from pydantic import BaseModel, ConfigDict, Field, JsonValue

Key = Annotated[str, Field(max_length=128)]
PageSize = Annotated[int, Query(ge=1, le=500)]
PageToken = Annotated[str, Query(max_length=2048)]


class Body(BaseModel):
    """A JSON object; fields that nobody knows are ignored, as everywhere in version 1.

    A value is of the type that is named: no text for a number, as on the WebSocket.

    Names and types have no bounds here: the core says `invalid_name`, as at the other doors.
    """

    model_config = ConfigDict(extra="ignore", strict=True)


class PublishBody(Body):
    """An event, for one channel or several."""

    channel: str | None = None
    room: str | None = None
    channels: Annotated[list[str], Field(min_length=1, max_length=100)] | None = None
    event: str | None = None
    content: JsonValue = None
    data: str | None = None
    idempotency_key: Key | None = None
    headers: dict[str, str] | None = None
    correlation_id: Key | None = None


Kept = Annotated[int, Field(ge=0, le=2**31)]


class HistoryBody(Body):
    """How much of the past a channel keeps."""

    limit: Kept | None = None
    ttl_seconds: Annotated[float, Field(ge=0)] | None = None


class ChannelChanges(Body):
    """What of a channel is to change; what is left out stays."""

    access: Literal["public", "private"] | None = None
    presence: bool | None = None
    history: HistoryBody | Kept | None = None
    max_members: Annotated[int, Field(ge=0, le=2**31)] | None = None
    publishers: Literal["anyone", "services", "owner", "server"] | None = None
    history_before_join: bool | None = None
    metadata: dict[str, JsonValue] | None = None
    etag: str | None = None


class ChannelBody(ChannelChanges):
    """A channel to be made."""

    name: str
    members: Annotated[list[str], Field(max_length=100)] = []


class InvitationBody(Body):
    """How often and how long a code may be used."""

    max_uses: Annotated[int, Field(ge=1, le=2**31)] | None = None
    ttl_seconds: Annotated[float, Field(gt=0, le=30 * 86400)] | None = None


class RevocationBody(Body):
    """One token by its id, or all of a subject that are older than a time."""

    jti: str | None = None
    subject: str | None = None
    before: str | None = None


class TicketBody(Body):
    """Who the ticket is for, and whether a cookie is wanted too."""

    client_id: str | None = None
    cookie: bool = False


class TokenBody(Body):
    """The ticket that the token is for; without one it is for the request's own identity."""

    ticket: Annotated[str, Field(max_length=200, pattern="^[A-Za-z0-9_.-]*$")] = ""
