"""Each example of another language does what its README says, and keeps what it promises."""

import re
import signal
from asyncio import to_thread
from pathlib import Path
from typing import Final

import pytest

from tests.client.cable import Cable
from tests.conformance.websocket_door import WebSocketDoor
from tests.docs.blocks import ROOT, pattern
from tests.examples.languages.conftest import TOOLS, Doors, opened
from tests.examples.languages.readme import SECONDS, Readme, printed
from tests.journeys import keys
from tests.processes import part

pytestmark = pytest.mark.timeout(900)  # the first test of a language builds it
GOES_ON: Final = {"go", "node"}  # as docs/languages.md says
LOST: Final = r"following orders\.>: (events are missing \(GAP_REASON_EPOCH_CHANGED\))"


async def test_the_readme_is_true(readme: Readme, one_loop: None) -> None:
    del one_loop
    with part("core", GRPC="127.0.0.1:0") as core:
        address = core.addresses["grpc"]
        async with readme.running(address) as agent:
            for command in readme.uses:
                await to_thread(readme.say, command, address)
            for line in readme.run.shown.splitlines():
                await printed(agent, f"({pattern(line)})")


async def test_a_browser_is_answered_word_by_word_and_stops_it(
    readme: Readme, doors: Doors
) -> None:
    async with WebSocketDoor(doors.http).session("ann") as browser, readme.running(doors.grpc):
        await browser.publish("orders.eu", {"pizza": 1})
        updates = await (await browser.invoke(readme.agent, "is * \\ 'it' \"there\"?")).rest()
        words = [update.text for update in updates if update.status == "streaming"]
        assert "".join(words).rstrip().endswith("You said: is * \\ 'it' \"there\"?")
        assert len(words) > 5
        assert updates[-1].status == "finished"

        view = await browser.invoke(readme.agent, "one two three four " * 100)
        await view.until("streaming")
        await browser.cancel(view.stream_id)
        assert (await view.rest())[-1].status == "cancelled"


async def test_a_connection_that_was_cut_costs_it_no_event(readme: Readme, doors: Doors) -> None:
    async with (
        WebSocketDoor(doors.http).session("ann") as browser,
        Cable.laid(doors.grpc) as cable,
        readme.running(cable.url.removeprefix("grpc://")) as agent,
    ):
        room = f"orders.{readme.language}"
        await browser.publish(room, "before")
        await printed(agent, "(#1 ann: before)")
        cable.broken = True
        cable.cut()
        for number in range(3):
            await browser.publish(room, f"away {number}")
        await printed(agent, "(lost)")
        cable.broken = False
        await printed(agent, r"(following orders\.>: recovered)")
        await browser.publish(room, "after")
        await printed(agent, "(#5 ann: after)")
        assert re.findall(r"#(\d) ann", agent.output) == ["1", "2", "3", "4", "5"]
        await printed(agent, "(?s)serving.*(serving)")
        answer = await (await browser.invoke(readme.agent, "still there?")).rest()
        assert "heard: 5." in "".join(update.text for update in answer)


async def test_an_answer_in_progress_goes_on_over_a_cut_or_is_said_to_be_lost(
    readme: Readme, doors: Doors
) -> None:
    text = "one two three four five " * 12
    async with (
        WebSocketDoor(doors.http).session("ann") as browser,
        Cable.laid(doors.grpc) as cable,
        readme.running(cable.url.removeprefix("grpc://")) as agent,
    ):
        view = await browser.invoke(readme.agent, text)
        begun = await view.until("streaming")
        cable.cut()
        await printed(agent, "(lost)")
        updates = [*begun, *await view.rest()]
        if readme.language not in GOES_ON:
            assert (updates[-1].status, updates[-1].code) == ("failed", "agent_lost")
            return
        assert updates[-1].status == "finished"
        said = "".join(update.text for update in updates if update.status == "streaming")
        assert said.endswith(f"You said: {text}")
        assert said.count("one two") == 12


async def test_a_core_that_was_started_again_is_a_gap_that_it_tells(
    readme: Readme, one_loop: None
) -> None:
    del one_loop
    with opened() as doors:
        async with (
            readme.running(doors.grpc) as agent,
            WebSocketDoor(doors.http).session("ann") as browser,
        ):
            await browser.publish("orders.eu", "before")
            await printed(agent, "(ann: before)")
            await to_thread(doors.core.process.kill)
            with part("core", GRPC=doors.grpc):
                await printed(agent, LOST)
                await printed(agent, "(?s)serving.*(serving)")
                await browser.publish("orders.eu", "after")
                await printed(agent, "(ann: after)")
                answer = await (await browser.invoke(readme.agent, "still there?")).rest()
                assert answer[-1].status == "finished"


async def test_it_finishes_what_it_has_when_it_is_asked_to_go(readme: Readme, doors: Doors) -> None:
    async with (
        WebSocketDoor(doors.http).session("ann") as browser,
        readme.running(doors.grpc) as agent,
    ):
        view = await browser.invoke(readme.agent, "one two three four five " * 4)
        await view.until("streaming")
        agent.signal(signal.SIGTERM)
        assert (await view.rest())[-1].status == "finished"
        # Java ends with the signal's number once its hooks have run.
        assert await to_thread(agent.wait, SECONDS) == (143 if readme.language == "java" else 0)


async def test_it_shows_its_token_and_gives_up_without_one(readme: Readme) -> None:
    with keys.core() as core:
        address = core.addresses["grpc"]
        status, text = await to_thread(readme.ended, address)
        assert status not in {0, 137}, text
        async with readme.running(address, TOKEN=keys.token("agent", kind="agent")):
            pass


def test_every_example_of_another_language_is_run() -> None:
    folders = {each.name for each in (ROOT / "examples").iterdir() if (each / "README.md").exists()}
    assert folders - {"python", "frameworks"} == set(TOOLS)


def test_no_example_has_a_copy_of_the_protos() -> None:
    def ours(file: Path) -> bool:
        return not {"node_modules", "target"} & set(file.parts)

    assert [file for file in (ROOT / "examples").rglob("*.proto") if ours(file)] == []
