"""What OpenAPI is told about bodies that are read and answers that are streamed."""

from msgspec import Struct

from blackroad.edge.rest.documents import SHOWN, Responses

Extra = dict[str, object]


def takes(kind: type[Struct]) -> Extra:
    """Return what a route adds to its operation: the body that it reads."""
    SHOWN[kind.__name__] = kind
    content = {"application/json": {"schema": _ref(kind)}}
    return {"requestBody": {"required": True, "content": content}}


def streams(kind: type[Struct], whole: type[Struct] | None = None) -> Responses:
    """Return a route's answer: events whose data is of this kind, or one whole document."""
    SHOWN[kind.__name__] = kind
    content: Extra = {"text/event-stream": {"schema": _ref(kind)}}
    if whole is not None:
        SHOWN[whole.__name__] = whole
        content["application/json"] = {"schema": _ref(whole)}
    return {200: {"description": "The answer as it comes", "content": content}}


def _ref(kind: type[Struct]) -> Extra:
    return {"$ref": f"#/components/schemas/{kind.__name__}"}
