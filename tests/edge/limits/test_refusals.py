"""How often a session hears that it asks too much; each request is answered nevertheless."""

import asyncio

from blackroad.edge.frames.server import Error
from blackroad.edge.limits.refusals import MAX_WAITING, Refusals


def error(request_id: str | None = None) -> Error:
    return Error("rate_limited", "too many", retryable=True, id=request_id)


def ids(sent: list[Error]) -> list[str]:
    return [one for frame in sent for one in (frame.ids or [frame.id or ""])]


async def test_the_first_comes_at_once_and_the_others_together_a_second_later() -> None:
    sent: list[Error] = []
    refusals = Refusals(sent.append, sent.append)
    for number in range(50):
        refusals.take(error(str(number)))
    assert ids(sent) == ["0"]
    await asyncio.sleep(1.2)
    assert len(sent) == 2
    assert ids(sent) == [str(number) for number in range(50)]
    assert sent[1].id == "1"
    refusals.close()


async def test_those_without_an_id_are_told_once_a_second() -> None:
    sent: list[Error] = []
    refusals = Refusals(sent.append, sent.append)
    for _ in range(100):
        refusals.take(error())
    assert len(sent) == 1
    await asyncio.sleep(1.2)
    assert [frame.id for frame in sent] == [None, None]
    refusals.close()


async def test_who_goes_on_regardless_is_ended() -> None:
    sent: list[Error] = []
    ended: list[Error] = []
    refusals = Refusals(sent.append, ended.append)
    for number in range(MAX_WAITING + 1):
        refusals.take(error(str(number)))
    assert not ended
    refusals.take(error("one too many"))
    assert len(ended) == 1
