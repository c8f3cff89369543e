"""Where an invocation may go: targets as callers name them, names as workers register them."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from blackroad.core.errors import Code, Rejection
from blackroad.core.names import check_id, scope, token
from blackroad.realtime.v1 import stream_pb2

PROVIDERS = ("ollama", "anthropic", "builtin")  # the order in which a bare model name is looked up
MAX_SERVED = 64
# What may help where nobody serves a provider's models now.
ADVICE = {
    "ollama": "start Ollama, or say where it is by OLLAMA_HOST, where `blackroad agents` runs",
    "anthropic": "set ANTHROPIC_API_KEY where `blackroad agents` runs",
    "builtin": "start `blackroad agents`",
}


@dataclass(frozen=True, slots=True, eq=False)
class Route:
    """The workers that may answer: those that serve one of the keys. One object for each target.

    `name` is what `invoke` is authorised on; the first key is where invocations wait.
    """

    name: str
    keys: tuple[str, ...]
    label: str  # the name as people say it
    target: stream_pb2.Target  # as it was asked for; never changed
    agent: str = ""  # set where one agent was asked for
    model: str = ""  # set where a model was asked for, `<provider>/<name>`


@lru_cache(maxsize=4096)
def agent_route(tenant: str, agent: str) -> Route:
    """Return the route to an agent."""
    name = f"agent.{token(check_id(agent))}"
    return Route(name, (scope(tenant, name),), agent, stream_pb2.Target(agent=agent), agent=agent)


@lru_cache(maxsize=4096)
def capability_route(tenant: str, capability: str) -> Route:
    """Return the route to any agent with a capability."""
    name = f"capability.{token(check_id(capability))}"
    return Route(name, (scope(tenant, name),), capability, stream_pb2.Target(capability=capability))


@lru_cache(maxsize=4096)
def model_route(tenant: str, provider: str, model: str) -> Route:
    """Return the route to a model."""
    name = f"model.{token(check_id(provider))}.{token(check_id(model))}"
    whole = f"model.{token(provider)}.*"
    label = f"{provider}/{model}"
    keys = (scope(tenant, name), scope(tenant, whole))
    return Route(name, keys, label, stream_pb2.Target(model=label), model=label)


def check_agent(name: str) -> str:
    """Return an agent's name, which is one token of a channel's name, or raise INVALID_NAME."""
    if token(check_id(name)) != name:
        raise Rejection(Code.INVALID_NAME, "an agent's name is of [A-Za-z0-9_:~-]")
    return name


def unserved(route: Route) -> Rejection:
    """Return why a target cannot answer that nobody serves now."""
    provider = route.model.partition("/")[0]
    if advice := ADVICE.get(provider):
        return Rejection(Code.MODEL_UNAVAILABLE, f"nobody serves {route.label} now: {advice}")
    return Rejection(Code.NO_AGENT, f"nobody serves {route.label} now")


def route_of(
    tenant: str,
    target: stream_pb2.Target,
    served: Callable[[str], bool],
    known_provider: Callable[[str], bool],
) -> Route:
    """Return where a target leads; `served` tells whether somebody serves a key now.

    Raises MISSING_FIELD, INVALID_NAME, and MODEL_NOT_FOUND for a model or provider that nobody
    knows. An agent that nobody serves has a route all the same.
    """
    match target.WhichOneof("target"):
        case "agent":
            return _named_agent(tenant, target.agent)
        case "capability":
            return capability_route(tenant, target.capability)
        case "model" if "/" in target.model:
            return _named_model(tenant, target.model, served, known_provider)
        case "model":
            return _bare_model(tenant, target.model, served)
        case None:
            raise Rejection(
                Code.MISSING_FIELD, "target is required: an agent, a capability or a model"
            )


@lru_cache(maxsize=4096)
def _named_agent(tenant: str, agent: str) -> Route:
    return agent_route(tenant, check_agent(agent))


def served_names(register: stream_pb2.Register) -> tuple[str, ...]:
    """Return the names that a worker registers, agent first.

    MISSING_FIELD, INVALID_NAME, TOO_LARGE, BAD_FRAME.
    """
    names: list[str] = []
    if register.agent:
        names.append(f"agent.{check_agent(register.agent)}")
    if max(len(register.capabilities), len(register.models)) > MAX_SERVED:
        raise Rejection(
            Code.TOO_LARGE, f"at most {MAX_SERVED} capabilities and {MAX_SERVED} models"
        )
    names += [f"capability.{token(check_id(word))}" for word in register.capabilities]
    names += [served_model(model) for model in register.models]
    if not names:
        raise Rejection(Code.MISSING_FIELD, "a worker serves an agent, capabilities or models")
    return tuple(dict.fromkeys(names))


def served_model(model: str) -> str:
    """Return the name of a model, or of all of a provider, as it is registered; BAD_FRAME."""
    provider, slash, name = check_id(model).partition("/")
    if not slash or not provider or not name:
        raise Rejection(
            Code.BAD_FRAME, "a model is registered as <provider>/<name> or <provider>/*"
        )
    return f"model.{token(provider)}.{'*' if name == '*' else token(name)}"


def _named_model(
    tenant: str,
    model: str,
    served: Callable[[str], bool],
    known_provider: Callable[[str], bool],
) -> Route:
    provider, _, name = model.partition("/")
    route = model_route(tenant, provider, name)
    if any(map(served, route.keys)):
        return route
    # A provider that this server knows may come back; a model that its provider does not have will
    # not.
    if provider in PROVIDERS and not known_provider(f"{tenant}.model.{token(provider)}."):
        return route
    raise Rejection(Code.MODEL_NOT_FOUND, f"there is no model {model}")


def _bare_model(tenant: str, name: str, served: Callable[[str], bool]) -> Route:
    agent = agent_route(tenant, name)
    if served(agent.keys[0]):
        return agent
    routes = [model_route(tenant, provider, name) for provider in PROVIDERS]
    # A model that is served by its own name comes before a provider that takes any name.
    for position in range(2):
        for route in routes:
            if served(route.keys[position]):
                return route
    raise Rejection(Code.MODEL_NOT_FOUND, f"there is no agent or model {name}")
