"""A subscription that is given up at once: told in order, and silent afterwards."""

from tests.edge.rig import EdgeRig

ROUNDS = 20


async def test_unsubscribed_never_comes_before_its_subscribed(edge: EdgeRig) -> None:
    async with edge.browser("a") as a, edge.browser("b") as b:
        for number in range(3):
            await b.publish("room", number)
        for number in range(ROUNDS):
            await a.say("subscribe", room="room", history=3, id=f"s{number}")
            await a.say("unsubscribe", room="room", id=f"u{number}")
        await a.find("unsubscribed", id=f"u{ROUNDS - 1}")
        told = [f["id"] for f in a.passed if f["type"] in {"subscribed", "unsubscribed"}]
        assert told == [f"{kind}{number}" for number in range(ROUNDS) for kind in "su"]
        await b.publish("room", "late")
        await a.say("ping", id="end")
        assert await a.next() == {"type": "pong", "id": "end"}
