"""builtin/echo says exactly what it is told."""

import asyncio
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blackroad.agents.models.echo import EchoModel, words
from blackroad.agents.models.text_model import ModelPart
from blackroad.client import Finished, Message, Options, Text, Usage


async def answer(
    text: str, options: Options | None = None, words_per_second: float = 0
) -> list[ModelPart]:
    model = EchoModel(words_per_second)
    turns = [Message.of("system", "be brief"), Message.of("user", text)]
    return [part async for part in model.answer(turns, options or Options())]


@given(st.text())
def test_the_joined_deltas_are_the_text(text: str) -> None:
    parts = asyncio.run(answer(text))
    assert "".join(part.text for part in parts if isinstance(part, Text)) == text
    assert isinstance(parts[-1], Finished)


@given(st.lists(st.text(st.characters(categories=["L", "N"]), min_size=1), min_size=1))
def test_each_delta_is_one_word_with_the_space_before_it(said: list[str]) -> None:
    assert words(" ".join(said)) == [said[0], *(f" {word}" for word in said[1:])]


def test_space_at_the_end_is_not_lost() -> None:
    assert words("  a\n\tb \u3000") == ["  a", "\n\tb", " \u3000"]
    assert words("") == []


async def test_usage_counts_words_but_not_those_of_instructions() -> None:
    parts = await answer("one two three")
    assert parts[-1] == Finished("stop", usage=Usage(3, 3))
    assert [part.output_tokens for part in parts if isinstance(part, Usage)] == [1, 2, 3]


async def test_a_limit_on_tokens_ends_it_by_length() -> None:
    parts = await answer("one two three", Options(max_tokens=2))
    assert [part.text for part in parts if isinstance(part, Text)] == ["one", " two"]
    assert parts[-1] == Finished("length", usage=Usage(3, 2))


async def test_only_the_last_turn_of_the_user_is_said() -> None:
    turns = [Message.of("user", "a"), Message.of("user", "b"), Message.of("assistant", "c")]
    parts = [part async for part in EchoModel(0).answer(turns, Options())]
    assert parts[0] == Text("b")


@pytest.mark.parametrize(("rate", "least_seconds"), [(0.0, 0.0), (50.0, 0.08)])
async def test_the_pace_is_as_set(rate: float, least_seconds: float) -> None:
    begin = time.monotonic()
    await answer("one two three four five", words_per_second=rate)
    assert least_seconds <= time.monotonic() - begin < least_seconds + 2
