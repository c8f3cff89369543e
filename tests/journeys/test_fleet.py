"""Two cores on one server of the log, through whole processes: what is one, is everywhere."""

import asyncio
import signal
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial

import pytest
from grpc.aio import AioRpcError, Channel
from websockets.asyncio.client import connect

from blackroad.core.log.redis.embedded import server_binary
from blackroad.realtime.v1 import (
    access_pb2,
    access_pb2_grpc,
    admin_pb2,
    admin_pb2_grpc,
    channel_pb2,
    channel_pb2_grpc,
    common_pb2,
    event_pb2,
    presence_pb2,
    presence_pb2_grpc,
)
from tests.conformance.grpc_door import GrpcDoor, dialled
from tests.conformance.records import Refused
from tests.conformance.sse_door import SseDoor
from tests.conformance.websocket_door import WebSocketDoor
from tests.journeys.fleets import fleet_of_three, until
from tests.processes import part
from tests.servers import Server


@asynccontextmanager
async def both(cores: tuple[str, str]) -> AsyncGenerator[tuple[Channel, Channel]]:
    async with dialled(cores[0]) as one, dialled(cores[1]) as other:
        yield one, other


async def test_what_is_published_at_one_core_comes_out_at_every_door_of_another(
    cores: tuple[str, str], edges: tuple[str, str], room: str
) -> None:
    async with (
        GrpcDoor(cores[0]).session() as publisher,
        GrpcDoor(cores[1]).session() as agent,
        WebSocketDoor(edges[1]).session("ws") as browser,
        SseDoor(edges[1]).session("sse") as curl,
    ):
        readers = (agent, browser, curl)
        for reader in readers:
            await reader.subscribe(room)
        for number in range(10):
            await publisher.publish(room, f"said {number}")
        for reader in readers:
            said = [(await reader.inbox.said()).content for _ in range(10)]
            assert said == [f"said {number}" for number in range(10)]


async def test_a_retry_at_another_core_is_a_duplicate(cores: tuple[str, str], room: str) -> None:
    async with both(cores) as channels:
        answers = [
            await channel_pb2_grpc.ChannelServiceStub(channel).Publish(
                channel_pb2.PublishRequest(
                    channel=room, events=[event_pb2.Draft(text="once")], idempotency_key="k"
                )
            )
            for channel in channels
        ]
    assert [answer.duplicate for answer in answers] == [False, True]
    assert answers[0].events == answers[1].events


async def test_channels_members_and_invitations_are_one(cores: tuple[str, str], room: str) -> None:
    async with both(cores) as (one, other):
        here = channel_pb2_grpc.ChannelServiceStub(one)
        there = channel_pb2_grpc.ChannelServiceStub(other)
        await here.CreateChannel(
            channel_pb2.CreateChannelRequest(
                name=room,
                policy=channel_pb2.ChannelPolicy(access=channel_pb2.CHANNEL_ACCESS_PRIVATE),
            )
        )

        async def private() -> bool:
            found = await there.GetChannel(channel_pb2.GetChannelRequest(name=room))
            return found.channel.policy.access == channel_pb2.CHANNEL_ACCESS_PRIVATE

        await until(private)
        invited = await here.CreateInvitation(
            channel_pb2.CreateInvitationRequest(channel=room, max_uses=1)
        )
        accept = channel_pb2.AcceptInvitationRequest(code=invited.code)
        assert (await there.AcceptInvitation(accept)).channel == room
        with pytest.raises(AioRpcError):
            await there.AcceptInvitation(channel_pb2.AcceptInvitationRequest(code="unknown"))


async def test_a_ticket_of_one_core_opens_a_session_at_another_once(
    cores: tuple[str, str], edges: tuple[str, str]
) -> None:
    async with dialled(cores[0]) as channel:
        ticket = await access_pb2_grpc.AccessServiceStub(channel).CreateTicket(
            access_pb2.CreateTicketRequest(client_id="ann")
        )
    address = f"ws://{edges[1]}/ws/ann?ticket={ticket.ticket}"
    async with connect(address, proxy=None) as opened:
        assert "welcome" in str(await opened.recv())
    async with connect(address, proxy=None) as refused:
        assert "unauthenticated" in str(await refused.recv())


async def test_sessions_and_nodes_are_listed_explained_and_ended_from_any_core(
    cores: tuple[str, str], room: str
) -> None:
    async with both(cores) as (one, other), GrpcDoor(cores[0]).session() as session:
        await session.subscribe(room)
        there = admin_pb2_grpc.AdminServiceStub(other)
        nodes = (await there.ListNodes(admin_pb2.ListNodesRequest())).nodes
        assert len({node.name for node in nodes}) == 2
        assert {node.engine for node in nodes} == {"redis"}
        listed = (await there.ListSessions(admin_pb2.ListSessionsRequest())).sessions
        (found,) = [one for one in listed if room in one.subscriptions]
        explained = await there.Explain(
            admin_pb2.ExplainRequest(session_id=found.session_id, channel=room)
        )
        assert explained.delivered
        await there.DisconnectSession(
            admin_pb2.DisconnectSessionRequest(session_id=found.session_id)
        )
        assert (await session.inbox.closed()).code == "forbidden"
        with pytest.raises(AioRpcError):
            await admin_pb2_grpc.AdminServiceStub(one).DisconnectSession(
                admin_pb2.DisconnectSessionRequest(session_id="se_nobody")
            )


async def sessions_of(channel: Channel, name: str) -> int:
    """Ask a core how many sessions a user has, wherever they are."""
    answer = await presence_pb2_grpc.PresenceServiceStub(channel).GetPresence(
        presence_pb2.GetPresenceRequest(entity_id=name, entity_type=common_pb2.ENTITY_KIND_USER)
    )
    return len(answer.presence.sessions)


async def test_who_comes_and_goes_at_one_core_shows_at_the_other_within_a_second(
    cores: tuple[str, str], edges: tuple[str, str], room: str
) -> None:
    name, slowest = room.replace(".", "-"), list[float]()
    async with both(cores) as (_, other), GrpcDoor(cores[1]).session() as watcher:
        await watcher.subscribe(f"presence.user.{name}")
        for _ in range(3):  # the machine may have other work in one of them
            async with WebSocketDoor(edges[1]).session(name):
                async with WebSocketDoor(edges[0]).session(name):
                    seconds = [await until(partial(has, other, name, 2))]
                seconds.append(await until(partial(has, other, name, 1)))
            seconds.append(await until(partial(has, other, name, 0)))
            slowest.append(max(seconds))
            statuses = [(await watcher.inbox.event()).field("status")]
            while statuses[-1] != "offline":
                statuses.append((await watcher.inbox.event()).field("status"))
            assert set(statuses[:-1]) == {"online"}
    assert min(slowest) < 1, slowest


async def has(channel: Channel, name: str, count: int) -> bool:
    """Tell whether a user has so many sessions, as a core knows."""
    return await sessions_of(channel, name) == count


@pytest.mark.slow
async def test_the_sessions_of_a_killed_core_are_gone_at_the_others_and_each_leave_comes_once() -> (
    None
):
    with fleet_of_three() as (first, *rest):
        async with (
            dialled(rest[0].addresses["grpc"]) as one,
            dialled(rest[1].addresses["grpc"]) as two,
            GrpcDoor(rest[0].addresses["grpc"]).session() as watcher,
        ):
            await watcher.subscribe("presence.user.*")
            with part("edge", HTTP="127.0.0.1:0", CORE=first.addresses["grpc"]) as edge:
                async with AsyncExitStack() as browsers:
                    names = [f"ann-{number}" for number in range(20)]
                    for name in names:
                        door = WebSocketDoor(edge.addresses["http"])
                        await browsers.enter_async_context(door.session(name))
                    for name in names:
                        for channel in (one, two):
                            await until(partial(has, channel, name, 1))
                    first.process.kill()
                    for name in names:
                        for channel in (one, two):
                            await until(partial(has, channel, name, 0), 100)
                    events = await watcher.inbox.events(2 * len(names))
                    told = [(event.channel, event.field("status")) for event in events]
                    assert sorted(told) == sorted(
                        (f"presence.user.{name}", status)
                        for name in names
                        for status in ("online", "offline")
                    )


async def test_the_last_seat_is_taken_once_whatever_the_cores(
    cores: tuple[str, str], edges: tuple[str, str], room: str
) -> None:
    policy = channel_pb2.ChannelPolicy(presence=True, max_members=3)
    async with both(cores) as (one, other):
        await channel_pb2_grpc.ChannelServiceStub(one).CreateChannel(
            channel_pb2.CreateChannelRequest(name=room, policy=policy)
        )
        there = channel_pb2_grpc.ChannelServiceStub(other)

        async def counts(members: int) -> bool:
            found = await there.GetChannel(channel_pb2.GetChannelRequest(name=room))
            return found.channel.policy.presence and found.channel.member_count == members

        await until(partial(counts, 0))
        doors = [WebSocketDoor(edge) for edge in edges]
        async with AsyncExitStack() as stack:
            sessions = [
                await stack.enter_async_context(doors[number % 2].session(f"one-{number}"))
                for number in range(8)
            ]
            answers = await asyncio.gather(
                *(session.subscribe(room) for session in sessions), return_exceptions=True
            )
            refused = [answer for answer in answers if isinstance(answer, Refused)]
            assert len(refused) == 5
            assert {answer.code for answer in refused} == {"channel_full"}
            await until(partial(counts, 3))
        await until(partial(counts, 0))


@pytest.mark.slow
async def test_an_edge_whose_core_is_killed_goes_on_at_the_next_and_misses_nothing(
    room: str,
) -> None:
    with fleet_of_three() as cores:
        addresses = [core.addresses["grpc"] for core in cores]
        with part("edge", HTTP="127.0.0.1:0", CORE=",".join(addresses[:2])) as edge:
            name = room.replace(".", "-")
            async with (
                WebSocketDoor(edge.addresses["http"]).session(name) as browser,
                GrpcDoor(addresses[2]).session() as publisher,
                GrpcDoor(addresses[2]).session() as watcher,
            ):
                await browser.subscribe(room)
                await watcher.subscribe(f"presence.user.{name}")
                await publisher.subscribe("alerts")
                said = 0
                for said in range(100):
                    await publisher.publish(room, f"said {said}")
                    if said == 30:
                        cores[0].process.kill()
                    await asyncio.sleep(0.02)
                events = [await browser.inbox.said() for _ in range(said + 1)]
                assert [event.content for event in events] == [f"said {n}" for n in range(said + 1)]
                async with asyncio.timeout(10):
                    while len(await nodes(addresses[2])) > 2:  # noqa: ASYNC110 (over the network)
                        await asyncio.sleep(0.1)
                async with dialled(addresses[2]) as channel:
                    assert await has(channel, name, 1)
                statuses: list[object] = []
                while not watcher.inbox.items.empty():
                    statuses.append((await watcher.inbox.event()).field("status"))
                assert "offline" not in statuses
                alert = await publisher.inbox.of_type("alert")
                assert "was lost" in str(alert.field("message"))


async def nodes(address: str) -> list[str]:
    """Ask a core which cores there are."""
    async with dialled(address) as channel:
        stub = admin_pb2_grpc.AdminServiceStub(channel)
        listed = await stub.ListNodes(admin_pb2.ListNodesRequest())
        return [node.name for node in listed.nodes]


@pytest.mark.slow
async def test_a_server_that_stands_still_makes_no_node_lost_and_nobody_leave(room: str) -> None:
    server = Server(server_binary())
    log = f"redis://127.0.0.1:{server.port}"
    name = room.replace(".", "-")
    try:
        with (
            part("core", GRPC="127.0.0.1:0", LOG=log) as one,
            part("core", GRPC="127.0.0.1:0", LOG=log) as other,
            part("edge", HTTP="127.0.0.1:0", CORE=one.addresses["grpc"]) as edge,
        ):
            async with (
                dialled(other.addresses["grpc"]) as channel,
                WebSocketDoor(edge.addresses["http"]).session(name),
            ):
                await until(partial(has, channel, name, 1))
                server.process.send_signal(signal.SIGSTOP)
                await asyncio.sleep(4)
                server.process.send_signal(signal.SIGCONT)
                await asyncio.sleep(6)
                assert await has(channel, name, 1)
                for core in (one, other):
                    assert "fleet.lost" not in core.process.output
    finally:
        server.end()
