"""The reference of the HTTP routes, out of OpenAPI: one page, the routes by their tags."""

from collections.abc import Iterator
from typing import Final

from tools.site.documents import Body, OpenApi, Parameter, Route, Schema
from tools.site.schemas import kind, reachable, section
from tools.site.text import page, paragraphs, prose, table

TITLES: Final = {"openai": "In OpenAI's words", "ai-sdk": "In the AI SDK's words"}


def http_page(api: OpenApi) -> str:
    """Return the page."""
    tags: dict[str, list[str]] = {}
    for path, routes in api.paths.items():
        for method, route in routes.items():
            tags.setdefault(route.tags[0], []).append(_route(method.upper(), path, route))
    schemas = api.components.schemas
    shown = reachable(schemas, *_roots(api))
    return page(
        "# HTTP routes",
        "Made from `/openapi.json`, which a running edge serves; `/docs` there shows the same, "
        "with a form to try each route. Fields that must be there are **bold**.",
        *(
            block
            for tag, blocks in tags.items()
            for block in (f"## {TITLES.get(tag, tag.title())}", *blocks)
        ),
        "## Documents",
        *(section(name, schemas[name]) for name in shown),
    )


def _roots(api: OpenApi) -> Iterator[Schema]:
    for routes in api.paths.values():
        for route in routes.values():
            for body in (route.body, *route.responses.values()):
                if body is not None:
                    yield from (content.schema for content in body.content.values())


def _route(method: str, path: str, route: Route) -> str:
    return page(
        f"### {method} {path.replace('{', '').replace('}', '')}",
        f"`{method} {path}`: {prose(route.summary)}.",
        paragraphs(route.description),
        table(("parameter", "in", "type", "what it is"), map(_parameter, route.parameters)),
        f"Body: {_kinds(route.body)}" if route.body else "",
        table(
            ("answer", "what", "type"),
            (
                (f"`{status}`", prose(answer.description), _kinds(answer))
                for status, answer in route.responses.items()
            ),
        ),
    ).rstrip()


def _parameter(parameter: Parameter) -> tuple[str, str, str, str]:
    name = f"`{parameter.name}`"
    said = parameter.description or parameter.schema.description
    return (
        f"**{name}**" if parameter.required else name,
        parameter.where,
        kind(parameter.schema),
        prose(said),
    )


def _kinds(body: Body) -> str:
    return ", ".join(f"{kind(each.schema)} (`{media}`)" for media, each in body.content.items())
