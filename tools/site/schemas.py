"""JSON schemas as Markdown: what a value may be, and tables of fields."""

from collections.abc import Iterator, Mapping
from typing import Final

from tools.site.documents import Schema
from tools.site.text import page, paragraphs, prose, slug, table

MANY: Final = 20  # as many as there are codes: docs/errors.md lists them


def name_of(reference: str) -> str:
    """Return the name of what a reference refers to."""
    return reference.rpartition("/")[2]


def kind(schema: Schema) -> str:
    """Return what a value may be, with links to the schemas of the same page."""
    if schema.ref:
        name = name_of(schema.ref)
        return f"[{shown(name)}](#{slug(shown(name))})"
    if choices := schema.any_of or schema.one_of or schema.all_of:
        return " or ".join(dict.fromkeys(kind(choice) for choice in choices))
    if len(schema.enum) > MANY:
        return "string"
    if schema.enum:
        return " or ".join(f"`{value}`" for value in schema.enum)
    if schema.type == "array":
        return f"list of {kind(schema.items)}" if isinstance(schema.items, Schema) else "list"
    if schema.type == "object" and isinstance(schema.additional, Schema):
        return f"object of {kind(schema.additional)}"
    types = schema.type if isinstance(schema.type, list) else [schema.type or "any JSON"]
    return " or ".join(types) + _bounds(schema)


def shown(name: str) -> str:
    """Return a schema's name as headings have it."""
    return name.removeprefix("blackroad.edge.").rstrip("_")


def _bounds(schema: Schema) -> str:
    bounds = [
        f"at least {schema.minimum:g}" if schema.minimum is not None else "",
        f"above {schema.above:g}" if schema.above is not None else "",
        f"at most {schema.maximum:g}" if schema.maximum is not None else "",
        f"at most {schema.max_length} characters" if schema.max_length is not None else "",
    ]
    said = ", ".join(bound for bound in bounds if bound)
    return f" ({said})" if said else ""


def fields(schema: Schema) -> str:
    """Return the table of an object's fields; those that must be there are bold."""
    rows = [
        (f"**`{name}`**" if name in schema.required else f"`{name}`", kind(each), _said(each))
        for name, each in schema.properties.items()
    ]
    return table(("field", "type", "what it is"), rows)


def _said(schema: Schema) -> str:
    return prose(schema.description) if schema.description != "Any JSON" else ""


def section(name: str, schema: Schema) -> str:
    """Return a heading and the schema under it."""
    what = "" if schema.properties else kind(schema)
    return page(f"### {shown(name)}", paragraphs(schema.description), fields(schema), what).rstrip()


def reachable(schemas: Mapping[str, Schema], *roots: Schema) -> list[str]:
    """Return the names of all schemas that these need, in the order of the document."""
    found: set[str] = set()
    waiting = [name for root in roots for name in _references(root)]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += _references(schemas[name])
    return [name for name in schemas if name in found]


def _references(schema: Schema) -> Iterator[str]:
    if schema.ref:
        yield name_of(schema.ref)
    below = [*schema.any_of, *schema.one_of, *schema.all_of, *schema.properties.values()]
    below += [each for each in (schema.items, schema.additional) if isinstance(each, Schema)]
    for each in below:
        yield from _references(each)
