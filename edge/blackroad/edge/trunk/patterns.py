"""Whether a channel is among those that a pattern means."""

from blackroad.edge.frames.answer import CHANNEL_PREFIX


def is_answer(name: str) -> bool:
    """Whether a name is that of one answer's channel, and no pattern."""
    return name.startswith(CHANNEL_PREFIX) and name[-1] not in "*>"


def matches(pattern: str, channel: str) -> bool:
    """Whether a name or pattern matches a channel's name."""
    if pattern == channel:
        return True
    wanted, tokens = pattern.split("."), channel.split(".")
    if wanted[-1] in {">", "**"}:
        wanted, tokens, longer = wanted[:-1], tokens[: len(wanted) - 1], len(tokens) >= len(wanted)
    else:
        longer = len(tokens) == len(wanted)
    return longer and all(one in {"*", token} for one, token in zip(wanted, tokens, strict=True))
