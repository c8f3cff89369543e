"""Refreshing the token of a session: on every stream, for its own subject only."""

import time
from collections.abc import AsyncGenerator

import pytest

from blackroad.core.errors import Code
from blackroad.realtime.v1 import channel_pb2, common_pb2, event_pb2, presence_pb2, stream_pb2
from tests.core.access.world import Core, running, token

pytestmark = pytest.mark.usefixtures("one_loop")


@pytest.fixture
async def core() -> AsyncGenerator[Core]:
    async with running() as core:
        yield core


@pytest.mark.parametrize("stream", ["Connect", "Track", "Serve", "Open"])
async def test_a_fresh_token_of_the_same_subject_is_taken(core: Core, stream: str) -> None:
    session = (await core.streams(token("ann", seconds=60)))[stream]
    assert await session.refresh(token("ann", seconds=600)) == "accepted"
    (known,) = [s for s in core.node.sessions.all() if s.method == stream]
    assert known.identity.expires_at is not None
    assert known.identity.expires_at > time.time() + 500


@pytest.mark.parametrize(
    ("fresh", "code"),
    [
        (token("bob"), "FORBIDDEN"),
        (token("ann", tenant="acme"), "FORBIDDEN"),
        (token("ann", kind="service"), "FORBIDDEN"),
        (token("ann", seconds=-60, issued=-120), "TOKEN_EXPIRED"),
        ("nonsense", "UNAUTHENTICATED"),
        ("", "MISSING_FIELD"),
    ],
)
async def test_any_other_is_refused_and_the_session_goes_on(
    core: Core, fresh: str, code: str
) -> None:
    for session in (await core.streams(token("ann"))).values():
        assert await session.refresh(fresh) == code
        assert await session.lives()


async def test_what_the_fresh_token_does_not_cover_is_ended_and_nothing_comes_of_it(
    core: Core,
) -> None:
    both = token("ann", {"orders": ["subscribe"], "other.>": ["subscribe"], "mine": ["publish"]})
    session = await core.connect(both, "orders", "other.*", "client.ann")
    assert await session.refresh(token("ann", {"orders": ["subscribe"]})) == "accepted"
    publisher = await core.connect(token("svc", kind="service"))
    draft = event_pb2.Draft(text="1")
    for channel in ("other.x", "orders"):
        await publisher.say(publish=channel_pb2.PublishRequest(channel=channel, events=[draft]))
    delivered = (await session.read("delivery")).delivery
    assert [event.channel for event in delivered.events] == ["orders"]
    await session.say("p", publish=channel_pb2.PublishRequest(channel="mine", events=[draft]))
    rejected = (await session.read("rejected")).rejected
    assert Code(rejected.code) is Code.FORBIDDEN


async def test_an_ended_subscription_says_its_code(core: Core) -> None:
    session = await core.connect(token("ann", {"orders": ["subscribe"]}), "orders")
    await session.say("fresh", refresh=common_pb2.Refresh(token=token("ann", {})))
    ended = (await session.read("unsubscribed")).unsubscribed
    assert (ended.channel, Code(ended.code)) == ("orders", Code.FORBIDDEN)
    await session.read("accepted")


async def test_a_pattern_loses_the_private_channels_that_only_manage_showed(core: Core) -> None:
    admin = await core.connect(token("root"))
    await core.make_private("deals.secret")
    session = await core.connect(token("ann", {"deals.*": ["subscribe", "manage"]}), "deals.*")
    draft = event_pb2.Draft(text="1")
    secret = channel_pb2.PublishRequest(channel="deals.secret", events=[draft])
    await admin.say(publish=secret)
    assert (await session.read("delivery")).delivery.events[0].channel == "deals.secret"
    assert await session.refresh(token("ann", {"deals.*": ["subscribe"]})) == "accepted"
    await admin.say(publish=secret)
    await admin.say(publish=channel_pb2.PublishRequest(channel="deals.open", events=[draft]))
    assert (await session.read("delivery")).delivery.events[0].channel == "deals.open"


async def test_presence_stays(core: Core) -> None:
    watcher = await core.track(token("bob"))
    await watcher.say("w", watch=presence_pb2.Watch())
    await watcher.read("snapshot")
    session = await core.track(token("ann"))
    assert (await watcher.read("changes")).changes.changes[0].presence.entity_id == "ann"
    assert await session.refresh(token("ann")) == "accepted"
    draft = presence_pb2.UpdatePresence(status=presence_pb2.PRESENCE_STATUS_BUSY)
    await session.say(update=draft)
    (change,) = (await watcher.read("changes")).changes.changes
    assert change.presence.status == presence_pb2.PRESENCE_STATUS_BUSY, "and no going between"


async def test_a_watch_that_is_not_covered_any_more_is_rejected(core: Core) -> None:
    session = await core.track(token("ann", {"presence.>": ["presence"]}))
    await session.say("all", watch=presence_pb2.Watch())
    await session.read("snapshot")
    await session.say("fresh", refresh=common_pb2.Refresh(token=token("ann", {})))
    refused = await session.read("rejected")
    assert (refused.request_id, Code(refused.rejected.code)) == ("all", Code.FORBIDDEN)
    await session.read("accepted")


async def test_a_worker_that_may_not_serve_any_more_is_ended(core: Core) -> None:
    session = await core.serve(token("ann", {"agent.ECHO": ["serve"]}), "ECHO")
    await session.say(refresh=common_pb2.Refresh(token=token("ann", {"agent.X": ["serve"]})))
    assert await session.ended() == "FORBIDDEN"


async def test_an_answer_that_may_not_be_seen_any_more_is_left(core: Core) -> None:
    worker = await core.serve(token("worker", kind="agent"), "ECHO")
    asker = await core.open(token("bob"))
    target = stream_pb2.Target(agent="ECHO")
    await asker.say("1", start=stream_pb2.Invoke(target=target, text="hi"))
    work = await worker.read("invocation")
    await worker.call.write(
        stream_pb2.ServeRequest(
            stream_id=work.stream_id, attempt=work.attempt, accept=stream_pb2.AcceptInvocation()
        )
    )
    stream_id = (await asker.read("started")).stream_id
    viewer = await core.open(token("ann", {"stream.>": ["subscribe"]}))
    await viewer.say("v", join=stream_pb2.JoinAnswer(stream_id=stream_id))
    await viewer.read("snapshot")
    await viewer.say("fresh", refresh=common_pb2.Refresh(token=token("ann", {})))
    refused = await viewer.read("rejected")
    assert (refused.request_id, Code(refused.rejected.code)) == ("v", Code.FORBIDDEN)
    assert await asker.refresh(token("bob", {})) == "accepted", "one's own stays"
    await viewer.read("accepted")


async def test_an_edge_refreshes_its_own_token_and_its_browsers(core: Core) -> None:
    trunk = await core.trunk(token("edge", kind="gateway", seconds=60))
    shown = token("ann", seconds=60)
    answer = await trunk.opened(1, client_id="ann", credential={"token": shown})
    assert answer.WhichOneof("frame") == "session_accepted"
    assert await trunk.control.refresh(token("edge", {}, kind="gateway")) == "accepted"
    assert await trunk.control.refresh(token("edge", {})) == "FORBIDDEN"
    for fresh, said in ((token("ann"), "accepted"), (token("bob"), "rejected")):
        refresh = common_pb2.Refresh(token=fresh)
        await trunk.control.say(said, session=1, refresh=refresh)
        taken = await trunk.control.read(said)
        assert (taken.session, taken.request_id) == (1, said)
