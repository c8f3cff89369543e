"""Revoking tokens: whose sessions end, how soon, and who may."""

import asyncio
import time
from collections.abc import AsyncGenerator

import grpc
import pytest

from blackroad.core.errors import Code
from blackroad.realtime.v1 import access_pb2, channel_pb2, channel_pb2_grpc, common_pb2, event_pb2
from tests.core.access.world import EVERYTHING, Core, Grants, bearer, running, token

pytestmark = pytest.mark.usefixtures("one_loop")

ROOT = bearer(token("root"))
FORGED = event_pb2.Draft(type="token.revoked", json='{"jti":"t-ann"}')


@pytest.fixture
async def core() -> AsyncGenerator[Core]:
    async with running() as core:
        yield core


async def revoke(core: Core, **what: object) -> access_pb2.Revocation:
    request = access_pb2.RevokeRequest(**what)  # type: ignore[arg-type]  # one arm by its name
    return (await core.access.Revoke(request, metadata=ROOT, timeout=5)).revocation


async def refusal(core: Core, shown: str) -> grpc.StatusCode:
    stub = channel_pb2_grpc.ChannelServiceStub(core.channel)
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await stub.ListChannels(
            channel_pb2.ListChannelsRequest(), metadata=bearer(shown), timeout=5
        )
    return raised.value.code()


@pytest.mark.parametrize("stream", ["Connect", "Track", "Serve", "Open"])
async def test_a_revoked_token_ends_its_sessions_at_once_on_every_stream(
    core: Core, stream: str
) -> None:
    shown = token("ann", jti="t-ann")
    session = (await core.streams(shown))[stream]
    other = await core.connect(token("ann"))
    began = time.monotonic()
    await revoke(core, jti="t-ann")
    assert await session.ended() == "UNAUTHENTICATED"
    assert time.monotonic() - began < 1
    assert await other.lives(), "another token of the same subject"
    assert await refusal(core, shown) is grpc.StatusCode.UNAUTHENTICATED


async def test_all_of_a_subject_end_and_a_fresh_token_is_taken(core: Core) -> None:
    sessions = await core.streams(token("ann"))
    bob, acme = await core.connect(token("bob")), await core.connect(token("ann", tenant="acme"))
    made = await revoke(core, subject=access_pb2.SubjectRevocation(subject="ann"))
    assert made.subject.subject == "ann"
    assert made.subject.before_time.ToSeconds() > 0
    assert (made.creator.subject, made.creator.kind) == ("root", common_pb2.ENTITY_KIND_USER)
    for session in sessions.values():
        assert await session.ended() == "UNAUTHENTICATED"
    assert await bob.lives()
    assert await acme.lives()
    assert await (await core.connect(token("ann", issued=1))).lives()


async def test_browsers_end_with_their_token_and_their_neighbours_do_not(core: Core) -> None:
    trunk = await core.trunk(token("edge", kind="gateway"))
    for number, subject in enumerate(("ann", "bob"), 1):
        credential = {"token": token(subject, jti=f"t-{subject}")}
        await trunk.opened(number, client_id=subject, credential=credential)
    await revoke(core, jti="t-ann")
    ended = await trunk.control.read("session_ended")
    assert (ended.session, Code(ended.session_ended.closing.code)) == (1, Code.UNAUTHENTICATED)
    assert await trunk.control.lives()
    again = await trunk.opened(3, client_id="ann", credential={"token": token("ann", jti="t-ann")})
    refused = again.session_refused.rejected
    assert Code(refused.code) is Code.UNAUTHENTICATED


async def test_an_edge_whose_token_is_revoked_is_ended(core: Core) -> None:
    trunk = await core.trunk(token("edge", kind="gateway", jti="t-edge"))
    await revoke(core, jti="t-edge")
    for stream in (trunk.control, trunk.live, trunk.catch_up):
        assert await stream.ended() == "UNAUTHENTICATED"


async def test_a_revocation_is_an_event_of_system_control(core: Core) -> None:
    session = await core.connect(token("root"), "system.control")
    await revoke(core, jti="t-ann")
    (event,) = (await session.read("delivery")).delivery.events
    assert (event.type, event.sender) == ("token.revoked", "root")
    assert '"t-ann"' in event.json


async def test_nobody_revokes_by_publishing(core: Core) -> None:
    session = await core.connect(token("root"))
    publish = channel_pb2.PublishRequest(channel="system.control", events=[FORGED])
    await session.say(publish=publish)
    assert Code((await session.read("rejected")).rejected.code) is Code.FORBIDDEN
    elsewhere = channel_pb2.PublishRequest(channel="orders", events=[FORGED])
    await session.say(publish=elsewhere)
    await session.read("published")
    assert await (await core.connect(token("ann", jti="t-ann"))).lives()


@pytest.mark.parametrize(
    "grants", [{}, {">": EVERYTHING[">"]}, {"system.>": ["subscribe", "publish"]}]
)
async def test_only_who_manages_the_installation_may(core: Core, grants: Grants) -> None:
    metadata = bearer(token("ann", grants))
    for call in (
        core.access.Revoke(access_pb2.RevokeRequest(jti="x"), metadata=metadata, timeout=5),
        core.access.ListRevocations(
            access_pb2.ListRevocationsRequest(), metadata=metadata, timeout=5
        ),
    ):
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await call
        assert raised.value.code() is grpc.StatusCode.PERMISSION_DENIED


async def test_the_list_is_of_the_tenant_newest_first_page_by_page(core: Core) -> None:
    for number in range(5):
        await revoke(core, jti=f"t-{number}")
    acme = bearer(token("root", tenant="acme"))
    request = access_pb2.RevokeRequest(jti="theirs")
    await core.access.Revoke(request, metadata=acme, timeout=5)
    found: list[str] = []
    asked = access_pb2.ListRevocationsRequest(page_size=2)
    while True:
        page = await core.access.ListRevocations(asked, metadata=ROOT, timeout=5)
        found += [revocation.jti for revocation in page.revocations]
        asked.page_token = page.next_page_token
        if not page.next_page_token:
            break
    assert found == [f"t-{number}" for number in (4, 3, 2, 1, 0)]


async def test_a_target_is_required(core: Core) -> None:
    for request in (
        access_pb2.RevokeRequest(),
        access_pb2.RevokeRequest(subject=access_pb2.SubjectRevocation()),
    ):
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await core.access.Revoke(request, metadata=ROOT, timeout=5)
        assert raised.value.code() is grpc.StatusCode.INVALID_ARGUMENT


async def test_many_sessions_of_one_token_end_together(core: Core) -> None:
    shown = token("ann", jti="t-ann")
    sessions = [await core.connect(shown) for _ in range(50)]
    began = time.monotonic()
    await revoke(core, jti="t-ann")
    reasons = await asyncio.gather(*(session.ended() for session in sessions))
    assert set(reasons) == {"UNAUTHENTICATED"}
    assert time.monotonic() - began < 1
