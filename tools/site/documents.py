"""OpenAPI and AsyncAPI documents, as far as their pages show them."""

from msgspec import Struct, field


class Schema(Struct, kw_only=True):
    """A JSON schema."""

    ref: str = field(name="$ref", default="")
    type: str | list[str] = ""
    description: str = ""
    enum: list[str | int | float | bool | None] = []
    const: object = None
    properties: dict[str, "Schema"] = {}
    required: list[str] = []
    items: "Schema | bool | None" = None
    any_of: list["Schema"] = field(name="anyOf", default_factory=list["Schema"])
    one_of: list["Schema"] = field(name="oneOf", default_factory=list["Schema"])
    all_of: list["Schema"] = field(name="allOf", default_factory=list["Schema"])
    additional: "Schema | bool | None" = field(name="additionalProperties", default=None)
    default: object = None
    minimum: float | None = None
    maximum: float | None = None
    above: float | None = field(name="exclusiveMinimum", default=None)
    max_length: int | None = field(name="maxLength", default=None)
    min_items: int | None = field(name="minItems", default=None)
    max_items: int | None = field(name="maxItems", default=None)


class Components(Struct):
    """What is referred to."""

    schemas: dict[str, Schema] = {}


class Content(Struct):
    """A body in one media type."""

    schema: Schema = field(default_factory=Schema)


class Body(Struct):
    """What a route takes, or one of its answers."""

    description: str = ""
    content: dict[str, Content] = {}


class Parameter(Struct):
    """A part of a path, a query or a head."""

    name: str
    where: str = field(name="in")
    required: bool = False
    description: str = ""
    schema: Schema = field(default_factory=Schema)


class Route(Struct):
    """One operation of OpenAPI."""

    tags: list[str] = []
    summary: str = ""
    description: str = ""
    parameters: list[Parameter] = []
    body: Body | None = field(name="requestBody", default=None)
    responses: dict[str, Body] = {}


class OpenApi(Struct):
    """An OpenAPI document."""

    paths: dict[str, dict[str, Route]]
    components: Components


class Message(Struct):
    """One message of AsyncAPI."""

    name: str
    summary: str
    payload: Schema


class Channel(Struct):
    """One channel of AsyncAPI: a door."""

    address: str
    description: str
    messages: dict[str, Message]


class AsyncApi(Struct):
    """An AsyncAPI document."""

    channels: dict[str, Channel]
    components: Components
