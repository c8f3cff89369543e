"""JSON schemas of the structs that are read and written, for OpenAPI and AsyncAPI."""

from collections.abc import Iterable

import msgspec

TEMPLATE = "#/components/schemas/{name}"


def schema_components(kinds: Iterable[type]) -> tuple[list[object], dict[str, object]]:
    """Return a reference for each kind, and the schemas that they need, by name."""
    references, found = msgspec.json.schema_components(
        kinds, schema_hook=_any, ref_template=TEMPLATE
    )
    return list(references), dict(found)


def _any(kind: type) -> dict[str, object]:
    """Return the schema of what may be any JSON."""
    if kind is object:
        return {"description": "Any JSON"}
    raise NotImplementedError
