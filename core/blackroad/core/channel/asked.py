"""What a Subscribe asks for: names and patterns, and the topics of the log that they mean."""

from collections.abc import Iterable

from blackroad.core.errors import Code, Rejection
from blackroad.core.identity.identity import Identity
from blackroad.core.names import check_pattern, companion, is_pattern
from blackroad.realtime.v1 import channel_pb2

# The guide's rooms that stand for more than their own channel.
COMPOSITE = {"agents": ("presence.agent.*",), "tasks": ("task.>",)}


MAX_SUBSCRIPTIONS = 128
MAX_ANSWERS = 128  # followed at once, whoever asked for them


def names_of(request: channel_pb2.Subscribe) -> list[str]:
    """Return the names and patterns that a request follows, each once, or raise `Rejection`."""
    if not request.channel:
        raise Rejection(Code.MISSING_FIELD, "channel is required")
    if len(request.unit) >= MAX_SUBSCRIPTIONS:
        raise too_many(request.channel)
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


def rooms_among(names: Iterable[str]) -> int:
    """Count what counts as a subscription: no answers, and a room that stands for more as one."""
    names = set(names)
    further = {one for name in names & COMPOSITE.keys() for one in COMPOSITE[name]}
    return sum(not is_answer(name) for name in names - further)


def too_many(channel: str) -> Rejection:
    """Return what is said to who follows too much."""
    return Rejection(
        Code.TOO_MANY_SUBSCRIPTIONS,
        f"a session follows at most {MAX_SUBSCRIPTIONS} channels and patterns, "
        f"and {MAX_ANSWERS} answers",
        channel=channel,
    )
