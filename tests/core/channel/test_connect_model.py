"""Whatever happens to a subscription: resuming by any of its cursors misses and doubles nothing."""

import asyncio
from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.core.channel.sessions import (
    Client,
    Node,
    a_node,
    connected,
    subscribe,
)
from tests.effort import examples

CHANNELS = ("a", "a.b", "a.c", "d")

TOPICS = ("a", "a.b", "a.*", "a.>", ">", "d")

MATCHES = {
    "a": {"a"},
    "a.b": {"a.b"},
    "a.*": {"a.b", "a.c"},
    "a.>": {"a.b", "a.c"},
    ">": set(CHANNELS),
    "d": {"d"},
}

Step = tuple[str, str, int]
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("publish"), st.sampled_from(CHANNELS), st.integers(1, 8)),
        st.tuples(st.just("cut"), st.sampled_from(TOPICS), st.integers(0, 3)),
        st.tuples(st.just("stall"), st.just(""), st.just(0)),
        st.tuples(st.just("read"), st.just(""), st.just(0)),
    ),
    max_size=25,
)


@dataclass
class Trial:
    """One run of random steps: what was published, and what came."""

    node: Node
    topic: str
    rest: list[Step]
    expected: dict[str, list[int]] = field(default_factory=lambda: {c: [] for c in CHANNELS})
    got: dict[str, list[int]] = field(default_factory=lambda: {c: [] for c in CHANNELS})
    cursor: str = ""

    async def connect(self) -> bool:
        """Resume, take steps until a cut, and answer whether there is more to come."""
        async with connected(self.node) as client:
            start = {"cursor": self.cursor} if self.cursor else {}
            client.send(subscribe=subscribe(self.topic, **start))
            subscribed = (await client.until("subscribed")).subscribed
            assert not self.cursor or subscribed.recovered
            self.cursor = subscribed.cursor
            more = await self.live(client)
            for event in client.events():
                self.got[event.channel].append(event.offset)
                self.cursor = event.cursor
        return more

    async def live(self, client: Client) -> bool:
        while self.rest:
            step, what, count = self.rest.pop(0)
            if step == "publish":
                for _ in range(count):
                    self.expected[what].append(await self.node.publish(what, "x" * 50_000))
            elif step == "stall":
                client.reading.clear()
            elif step == "read":
                client.reading.set()
            elif count:
                for _ in range(count):
                    await asyncio.sleep(0)
                return True
        client.reading.set()
        async with asyncio.timeout(20):
            while not self.whole(client):
                client.changed.clear()
                await client.changed.wait()
        return False

    def whole(self, client: Client) -> bool:
        """Tell whether the last event of each channel that the topic matches has come."""
        last = {channel: max(got, default=0) for channel, got in self.got.items()}
        last |= {event.channel: event.offset for event in client.events()}
        return all(last[c] >= max(self.expected[c], default=0) for c in MATCHES[self.topic])


@settings(max_examples=examples(60), deadline=None)
@given(topic=st.sampled_from(TOPICS), steps=STEPS, partitions=st.sampled_from([1, 3]))
def test_resuming_by_any_cursor_of_the_subscription_misses_and_doubles_nothing(
    topic: str, steps: list[Step], partitions: int
) -> None:
    """Cuts the connection at random places and resumes by the newest cursor that holds."""

    async def play() -> None:
        async with a_node(partitions) as node:
            trial = Trial(node, topic, list(steps))
            while await trial.connect():
                pass
            for channel in MATCHES[topic]:
                assert trial.got[channel] == trial.expected[channel]

    asyncio.run(play())
