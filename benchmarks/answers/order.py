"""What viewers are asked to do, and what they tell."""

from dataclasses import dataclass
from enum import StrEnum


class Way(StrEnum):
    """How a viewer gets an answer."""

    CHAT = "POST /v1/chat/stream"
    JOINED = "POST /v1/chat/stream, and the others join"
    COMPLETION = "POST /v1/chat/completions"
    OURS = "POST /v1/chat/completions of ours, whose models have a provider in their names"
    OLLAMA = "the ollama SDK"
    SDK = "the SDK"


@dataclass(frozen=True, slots=True)
class View:
    """View so many answers, all at once or one after the other, each by so many viewers.

    Only `Way.JOINED` has several viewers of one answer; elsewhere each viewer asks for itself, as
    there is no other way.
    """

    way: Way
    port: int
    tokens: int
    pace_seconds: float
    answers: int = 1
    viewers: int = 1
    in_turn: bool = False


@dataclass(frozen=True, slots=True)
class Viewed:
    """How long first tokens took, how old each later one was, and how many came to all viewers.

    All of them came, in order, once.
    """

    first_seconds: list[float]
    ages_seconds: list[float]
    tokens: int
