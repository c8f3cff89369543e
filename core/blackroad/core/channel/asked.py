"""What a Subscribe asks for: names and patterns, and the topics of the log that they mean."""

from collections.abc import Iterable

from blackroad.core.errors import Code, Rejection
from blackroad.core.identity.identity import Identity
from blackroad.core.names import check_pattern, companion, is_pattern
from blackroad.realtime.v1 import channel_pb2

# The guide's rooms that stand for more than their own channel.
COMPOSITE = {"agents": ("presence.agent.*",), "tasks": ("task.>",)}


def names_of(request: channel_pb2.Subscribe) -> list[str]:
    """Return the names and patterns that a request follows, each once, or raise `Rejection`."""
    names: dict[str, None] = {}
    for name in map(check_pattern, (request.channel, *request.unit)):
        names[name] = None
        names.update(dict.fromkeys(COMPOSITE.get(name, ())))
    return list(names)


def topics_of(identity: Identity, names: Iterable[str], *, presence: bool) -> tuple[str, ...]:
    """Return the topics to follow; with `presence` also those that tell who comes and goes."""
    followed = [identity.key(name) for name in names]
    if presence:
        followed += [identity.key(companion(name)) for name in names]
    return tuple(followed)


def answers_of(identity: Identity, names: Iterable[str]) -> tuple[str, ...]:
    """Return the keys of the answers among the names."""
    return tuple(identity.key(name) for name in names if is_answer(name))


def is_answer(name: str) -> bool:
    """Tell whether a name is an answer's channel."""
    return name.startswith("stream.") and not is_pattern(name)


def check_named(request: channel_pb2.Subscribe) -> None:
    """Raise `Rejection` with MISSING_FIELD where the request names no channel."""
    if not request.channel:
        raise Rejection(Code.MISSING_FIELD, "channel is required")
