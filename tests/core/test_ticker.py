"""The ticker: one timer for many repeats."""

import asyncio

from blackroad.core.ticker import Ticker


async def test_what_is_due_is_called_again_and_again_until_its_context_ends() -> None:
    ticker = Ticker()
    running = asyncio.ensure_future(ticker.run())
    calls: list[str] = []
    thrice = asyncio.Event()

    def call() -> None:
        calls.append("fast")
        if len(calls) >= 3:
            thrice.set()

    with ticker.every(0.01, call), ticker.every(3600, lambda: calls.append("slow")):
        async with asyncio.timeout(5):
            await thrice.wait()
    seen = len(calls)
    await asyncio.sleep(0.05)
    assert len(calls) == seen
    assert "slow" not in calls
    running.cancel()
    await asyncio.wait([running])


async def test_ended_repeats_do_not_pile_up() -> None:
    ticker = Ticker()
    for _ in range(1000):
        with ticker.every(3600, lambda: None):
            pass
    assert len(ticker._due) < 200  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] (the bound is what this is about)
