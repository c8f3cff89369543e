"""Every call and frame of the contract, as docs/security.md has it: none without a row."""

import asyncio
from collections.abc import AsyncGenerator, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

import grpc
import pytest
from google.protobuf.descriptor import FileDescriptor, MethodDescriptor
from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from blackroad.core.errors import Code
from blackroad.realtime.v1 import (
    access_pb2,
    admin_pb2,
    channel_pb2,
    common_pb2,
    gateway_pb2,
    presence_pb2,
    stream_pb2,
)
from tests.core.access.world import ALL, Grants, bearer, token
from tests.trust.house import DENIED, House, draft, house, reason
from tests.trust.tables import acts

pytestmark = pytest.mark.usefixtures("one_loop")

NEEDS: Final = acts()
FILES: Final[tuple[FileDescriptor, ...]] = tuple(
    module.DESCRIPTOR
    for module in (access_pb2, admin_pb2, channel_pb2, gateway_pb2, presence_pb2, stream_pb2)
)
TARGET: Final = stream_pb2.Target(agent="ECHO")
USER: Final = common_pb2.ENTITY_KIND_USER
ID: Final = "<id>"
NOBODY: Final = "no token"


def methods() -> Iterator[MethodDescriptor]:
    for file in FILES:
        for service in file.services_by_name.values():
            yield from service.methods


def contract() -> dict[str, MethodDescriptor]:
    """Return every act: unary calls, and the frames of streams."""
    found: dict[str, MethodDescriptor] = {}
    for method in methods():
        name = f"{method.containing_service.name}.{method.name}"
        if not method.client_streaming:
            found[name] = method
            continue
        for arm in method.input_type.oneofs_by_name["frame"].fields:
            if arm.name not in {"hello", "batch"}:
                found[f"{name} {arm.name}"] = method
    return found


CONTRACT: Final = contract()


@dataclass(frozen=True)
class Act:
    """What is said, and the name on which a grant makes it allowed."""

    message: Message
    on: str = ""
    also: tuple[str, ...] = field(default=())  # actions that allow it, too


GET: Final = presence_pb2.GetPresenceRequest(entity_type=USER, entity_id="bob")
LIST: Final = presence_pb2.ListPresenceRequest(entity_type=USER)
INVOKE: Final = stream_pb2.Invoke(target=TARGET, text="hi")
CANCEL: Final = stream_pb2.CancelAnswer(stream_id=ID)
INPUT: Final = stream_pb2.InputAnswer(stream_id=ID, json="1")
ORDERS: Final = "orders.new"
CONTROL: Final = "system.control"
SUBSCRIBE: Final = channel_pb2.Subscribe(channel=ORDERS)
EVENTS: Final = channel_pb2.ListEventsRequest(channel=ORDERS)
ANSWER: Final = f"stream.{ID}"
# Everything that needs more than an identity. A row for `anyone` needs nothing here.
ACTS: Final[Mapping[str, Act]] = {
    "PresenceService.Track watch": Act(
        presence_pb2.Watch(entity_type=USER, entity_id="bob"), "presence.user.bob"
    ),
    "PresenceService.GetPresence": Act(GET, "presence.user.bob"),
    "PresenceService.ListPresence": Act(LIST, "presence.user.*"),
    "ChannelService.Connect subscribe": Act(SUBSCRIBE, ORDERS),
    "ChannelService.Connect publish": Act(draft(ORDERS), ORDERS),
    "ChannelService.CreateChannel": Act(
        channel_pb2.CreateChannelRequest(name="made.one"), "made.one"
    ),
    "ChannelService.GetChannel": Act(
        channel_pb2.GetChannelRequest(name=ORDERS), ORDERS, ("manage",)
    ),
    "ChannelService.UpdateChannel": Act(
        channel_pb2.UpdateChannelRequest(
            name="deals.big", etag="x", update_mask=FieldMask(paths=["metadata_json"])
        ),
        "deals.big",
    ),
    "ChannelService.DeleteChannel": Act(
        channel_pb2.DeleteChannelRequest(name="deals.big", etag="x"), "deals.big"
    ),
    "ChannelService.AddMember": Act(
        channel_pb2.AddMemberRequest(channel="deals.big", subject="cy"), "deals.big"
    ),
    "ChannelService.RemoveMember": Act(
        channel_pb2.RemoveMemberRequest(channel="deals.big", subject="cy"), "deals.big"
    ),
    "ChannelService.ListMembers": Act(channel_pb2.ListMembersRequest(channel=ORDERS), ORDERS),
    "ChannelService.CreateInvitation": Act(
        channel_pb2.CreateInvitationRequest(channel="deals.big"), "deals.big"
    ),
    "ChannelService.Publish": Act(draft(ORDERS), ORDERS),
    "ChannelService.ListEvents": Act(EVENTS, ORDERS),
    "StreamService.Open start": Act(INVOKE, "agent.ECHO"),
    "StreamService.Open join": Act(stream_pb2.JoinAnswer(stream_id=ID), ANSWER),
    "StreamService.Open input": Act(INPUT, ANSWER),
    "StreamService.Open cancel": Act(CANCEL, ANSWER),
    "StreamService.Serve register": Act(stream_pb2.Register(agent="NEW"), "agent.NEW"),
    "StreamService.GetStream": Act(stream_pb2.GetStreamRequest(stream_id=ID), ANSWER),
    "StreamService.CancelStream": Act(stream_pb2.CancelStreamRequest(stream_id=ID), ANSWER),
    "AccessService.Revoke": Act(access_pb2.RevokeRequest(jti="nobody's"), CONTROL),
    "AccessService.ListRevocations": Act(access_pb2.ListRevocationsRequest(), CONTROL),
    "AdminService.ListSessions": Act(admin_pb2.ListSessionsRequest(), CONTROL),
    "AdminService.DisconnectSession": Act(
        admin_pb2.DisconnectSessionRequest(session_id="se_none"), CONTROL
    ),
    "AdminService.ListNodes": Act(admin_pb2.ListNodesRequest(), CONTROL),
    "AdminService.Explain": Act(
        admin_pb2.ExplainRequest(session_id="se_none", channel="r"), CONTROL
    ),
    "GatewayService.Trunk subscribe": Act(SUBSCRIBE, ORDERS),
    "GatewayService.Trunk publish": Act(draft(ORDERS), ORDERS),
    "GatewayService.Trunk list_events": Act(EVENTS, ORDERS),
    "GatewayService.Trunk list_presence": Act(LIST, "presence.user.*"),
    "GatewayService.Trunk get_presence": Act(GET, "presence.user.bob"),
    "GatewayService.Trunk start": Act(INVOKE, "agent.ECHO"),
    "GatewayService.Trunk input": Act(INPUT, ANSWER),
    "GatewayService.Trunk cancel": Act(CANCEL, ANSWER),
}


@pytest.fixture
async def here(one_loop: None) -> AsyncGenerator[House]:
    del one_loop
    async with house() as everything:
        yield everything


def test_every_call_and_frame_has_a_row_and_no_other() -> None:
    assert set(NEEDS) == set(CONTRACT)


def test_every_row_that_needs_a_grant_is_tried() -> None:
    assert set(ACTS) == {
        name for name, needs in NEEDS.items() if needs not in {"anyone", "gateway"}
    }


@pytest.mark.parametrize("name", sorted(ACTS))
async def test_an_act_needs_its_action_and_nothing_else(here: House, name: str) -> None:
    act, action = ACTS[name], NEEDS[name]
    on = act.on.replace(ID, here.stream_id)
    others = [each for each in ALL if each != action and each not in act.also]
    assert await code_of(here, name, {}) in DENIED, "nothing"
    assert await code_of(here, name, {on: others}) in DENIED, "everything but this"
    assert await code_of(here, name, {f"{on.partition('.')[0]}.other": ALL}) in DENIED
    for enough in ((action,), *((each,) for each in act.also)):
        assert await code_of(here, name, {on: enough}) not in DENIED, enough


@pytest.mark.parametrize("name", sorted(name for name, needs in NEEDS.items() if needs == "anyone"))
async def test_what_anyone_may_is_denied_to_nobody_with_an_identity(here: House, name: str) -> None:
    if name.endswith(" refresh"):
        return  # tests/core/access/test_refresh.py
    assert await code_of(here, name, {}) not in DENIED


@pytest.mark.parametrize("kind", ["user", "agent", "service"])
async def test_only_a_gateway_opens_a_trunk(here: House, kind: str) -> None:
    method = next(each for each in methods() if each.name == "Trunk")
    everything: Grants = {">": ALL, "system.>": ALL}
    hello = gateway_pb2.TrunkHello(role=gateway_pb2.TRUNK_ROLE_CONTROL)
    shown = token("bob", everything, kind=kind)
    request = gateway_pb2.TrunkRequest(hello=hello)
    assert await _said(here, method, shown, request, silent=True) == "FORBIDDEN"


async def test_nothing_is_done_for_who_is_nobody(here: House) -> None:
    """All at once: a stream that is refused stays for a moment, so that why is heard."""
    said = await asyncio.gather(*(_act(here, name, NOBODY) for name in CONTRACT))
    assert dict(zip(CONTRACT, said, strict=True)) == dict.fromkeys(CONTRACT, "UNAUTHENTICATED")


async def code_of(here: House, name: str, grants: Grants) -> str:
    """Do it as bob with these grants; return the code of the refusal, or nothing."""
    shown = token("bob", grants)
    if not name.startswith("GatewayService"):
        return await _act(here, name, shown)
    trunk = await here.core.trunk(token("edge", kind="gateway"))
    try:
        opened = await trunk.opened(1, credential=gateway_pb2.Credential(token=shown))
        assert opened.WhichOneof("frame") == "session_accepted"
        frame = {name.partition(" ")[2]: _message(here, name)}
        await trunk.control.say("1", session=1, **frame)
        await trunk.control.say("after", ping=common_pb2.Ping())
        refused = ""
        while (answer := await trunk.control.next()).request_id != "after":
            if answer.request_id == "1" and answer.HasField("rejected"):
                refused = Code(answer.rejected.code).name
        return refused
    finally:
        trunk.close()


async def _act(here: House, name: str, shown: str) -> str:
    method, arm = CONTRACT[name], name.partition(" ")[2]
    message = _message(here, name)
    if not arm:
        return await _called(here, method, shown, message)
    request = GetMessageClass(method.input_type)()
    getattr(request, arm).MergeFrom(message)
    getattr(request, arm).SetInParent()
    return await _said(here, method, shown, request, silent=shown == NOBODY)


def _message(here: House, name: str) -> Message:
    """Return what the act says, with the id of the answer that is there."""
    method, arm = CONTRACT[name], name.partition(" ")[2]
    kind = method.input_type.fields_by_name[arm].message_type if arm else method.input_type
    assert kind is not None
    message = GetMessageClass(kind)()
    if name in ACTS:
        message.CopyFrom(ACTS[name].message)
    if getattr(message, "stream_id", "") == ID:
        setattr(message, "stream_id", here.stream_id)  # noqa: B010 (known at run time)
    return message


def _path(method: MethodDescriptor) -> str:
    return f"/{method.containing_service.full_name}/{method.name}"


async def _called(here: House, method: MethodDescriptor, shown: str, message: Message) -> str:
    call: grpc.aio.UnaryUnaryMultiCallable[bytes, bytes] = here.core.channel.unary_unary(
        _path(method)
    )
    try:
        await call(message.SerializeToString(), metadata=bearer(shown), timeout=5)
    except grpc.aio.AioRpcError as error:
        return reason(error)
    return ""


async def _said(
    here: House, method: MethodDescriptor, shown: str, request: Message, *, silent: bool = False
) -> str:
    """Say one frame and a ping on a stream of its own; return the code of the first refusal.

    `silent`: say nothing, where the stream is refused as such. A client of grpc.aio that writes
    meanwhile may hear of its own failure only.
    """
    setattr(request, "request_id", "1")  # noqa: B010 (each has one)
    ping = GetMessageClass(method.input_type)(request_id="after", ping=common_pb2.Ping())
    ended = asyncio.Event()

    async def frames() -> AsyncGenerator[bytes]:
        for frame in () if silent else (request, ping):
            yield frame.SerializeToString()
        await ended.wait()

    stream: grpc.aio.StreamStreamMultiCallable[bytes, bytes] = here.core.channel.stream_stream(
        _path(method)
    )
    call = stream(frames(), metadata=bearer(shown), timeout=10)
    try:
        async for read in call:
            answer = GetMessageClass(method.output_type).FromString(read)
            arm = answer.WhichOneof("frame")
            if arm in {"rejected", "closing"} and getattr(answer, arm).code:
                return Code(getattr(answer, arm).code).name
            if arm == "pong":
                return ""
    except grpc.aio.AioRpcError as error:
        return reason(error)
    finally:
        ended.set()
        call.cancel()
    return ""
