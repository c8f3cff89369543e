"""grpcurl, which knows nothing of us, finds the services by reflection and uses all of them."""

import asyncio
import json
import shutil
import signal
import subprocess

import pytest
from google.protobuf import json_format

from blackroad.realtime.v1 import (
    access_pb2,
    admin_pb2,
    channel_pb2,
    gateway_pb2,
    presence_pb2,
    stream_pb2,
)
from tests.conformance.sse_door import SseDoor
from tests.processes import ROOT, Installation, running

pytestmark = pytest.mark.go
PACKAGE = "blackroad.realtime.v1"
FILES = (access_pb2, admin_pb2, channel_pb2, gateway_pb2, presence_pb2, stream_pb2)
SERVICES = {
    service.full_name: service
    for file in FILES
    for service in file.DESCRIPTOR.services_by_name.values()
}


@pytest.fixture(scope="session")
def grpcurl() -> str:
    """Give the program that `make .tools/bin/grpcurl` builds."""
    built = ROOT / ".tools/bin/grpcurl"
    found = str(built) if built.exists() else shutil.which("grpcurl")
    if found is None:
        pytest.skip("there is no grpcurl: make .tools/bin/grpcurl")
    return found


def arguments(grpcurl: str, address: str, method: str, request: object) -> list[str]:
    return [grpcurl, "-plaintext", "-d", json.dumps(request), address, f"{PACKAGE}.{method}"]


def call(grpcurl: str, address: str, method: str, request: object) -> dict[str, object]:
    """Make a unary call; return its answer. grpcurl shows default values where it is told to."""
    done = subprocess.run(
        arguments(grpcurl, address, method, request), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{method}: {done.stderr}"
    answer: dict[str, object] = json.loads(done.stdout)
    return answer


def failure(grpcurl: str, address: str, method: str, request: object) -> str:
    """Make a unary call that fails; return what grpcurl says."""
    done = subprocess.run(
        arguments(grpcurl, address, method, request), capture_output=True, text=True, check=False
    )
    assert done.returncode != 0
    return done.stderr


def test_it_lists_and_describes_every_service(grpcurl: str, installation: Installation) -> None:
    command = [grpcurl, "-plaintext", installation.grpc]
    listed = subprocess.run([*command, "list"], capture_output=True, text=True, check=True).stdout
    assert set(SERVICES) | {"grpc.health.v1.Health"} <= set(listed.split())
    for name, service in SERVICES.items():
        described = subprocess.run(
            [*command, "describe", name], capture_output=True, text=True, check=True
        ).stdout
        for method in service.methods:
            assert f"rpc {method.name} (" in described, described
        first = subprocess.run(
            [*command, "describe", f"{name}.{service.methods[0].name}"],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        assert "is a method" in first, first


def test_it_makes_every_unary_call(grpcurl: str, installation: Installation, room: str) -> None:
    def say(method: str, request: object) -> dict[str, object]:
        made.add(method)
        return call(grpcurl, installation.grpc, method, request)

    made: set[str] = set()
    channels, streams = "ChannelService", "StreamService"
    created = say(f"{channels}/CreateChannel", {"name": room, "policy": {"presence": True}})
    assert isinstance(created["channel"], dict)
    assert created["channel"]["name"] == room
    published = say(
        f"{channels}/Publish", {"channel": room, "events": [{"type": "task.done", "text": "hi"}]}
    )
    assert isinstance(published["events"], list)
    page = say(f"{channels}/ListEvents", {"channel": room, "limit": 1})
    assert isinstance(page["events"], list)
    assert page["events"][0]["text"] == "hi"
    assert page["events"][0]["id"] == published["events"][0]["id"]
    say(f"{channels}/GetChannel", {"name": room})
    say(f"{channels}/ListChannels", {"pattern": "journeys.>"})
    mask = {"paths": ["policy.max_members"]}
    update = {"name": room, "policy": {"maxMembers": 5}, "updateMask": mask}
    say(f"{channels}/UpdateChannel", update)
    say(f"{channels}/AddMember", {"channel": room, "subject": "alice"})
    say(f"{channels}/ListMembers", {"channel": room})
    say(f"{channels}/RemoveMember", {"channel": room, "subject": "alice"})
    code = say(f"{channels}/CreateInvitation", {"channel": room})["code"]
    say(f"{channels}/AcceptInvitation", {"code": code})
    say(f"{channels}/DeleteChannel", {"name": room})
    say("PresenceService/GetPresence", {"entityType": "ENTITY_KIND_AGENT", "entityId": "ECHO"})
    agents = say("PresenceService/ListPresence", {"entityType": "ENTITY_KIND_AGENT"})
    assert "ECHO" in json.dumps(agents)
    opened = _open(grpcurl, installation.grpc, "one two")
    stream_id = opened[-2].stream_id
    answer = say(f"{streams}/GetStream", {"streamId": stream_id})
    assert "one two" in json.dumps(answer)
    say(f"{streams}/ListStreams", {})
    say(f"{streams}/CancelStream", {"streamId": stream_id})
    say("AdminService/ListSessions", {})
    say("AdminService/ListNodes", {})
    assert say("StreamService/ListTargets", {})["targets"]
    assert say("AccessService/CreateTicket", {})["ticket"]
    assert say("AccessService/CreateToken", {})["token"]
    say("AccessService/Revoke", {"jti": "one"})
    assert say("AccessService/ListRevocations", {})["revocations"]
    made |= {"AdminService/DisconnectSession", "AdminService/Explain"}
    for method in ("DisconnectSession", "Explain"):
        request = {"sessionId": "se_0", **({"channel": room} if method == "Explain" else {})}
        said = failure(grpcurl, installation.grpc, f"AdminService/{method}", request)
        assert "NOT_FOUND" in said or "NotFound" in said
    unary = {
        f"{service.name}/{method.name}"
        for service in SERVICES.values()
        for method in service.methods
        if not method.client_streaming
    }
    assert made == unary


def test_a_failure_has_its_reason(grpcurl: str, installation: Installation) -> None:
    request = {"channel": "a b", "events": [{"text": "hi"}]}
    said = failure(grpcurl, installation.grpc, "ChannelService/Publish", request)
    assert "InvalidArgument" in said
    assert '"reason": "INVALID_NAME"' in said


async def test_it_tails_a_channel_until_it_is_interrupted(
    grpcurl: str, installation: Installation, room: str
) -> None:
    request = {"subscribe": {"channel": room}}
    tail = arguments(grpcurl, installation.grpc, "ChannelService/Connect", request)
    async with SseDoor(installation.http).session() as writer:
        with running(["env", "--default-signal=INT", *tail], {}) as tailing:
            await asyncio.to_thread(tailing.wait_for, r'("subscribed")')
            for number in range(3):
                await writer.publish(room, {"number": number})
                await asyncio.to_thread(tailing.wait_for, rf'(number\\": ?{number})')
            assert tailing.popen.poll() is None
            tailing.signal(signal.SIGINT)
            tailing.wait()
        # The core has noticed, and goes on.
        published = await writer.publish(room, "after")
        assert published.offset


def _open(grpcurl: str, address: str, text: str) -> list[stream_pb2.OpenResponse]:
    request = {"requestId": "mine", "start": {"target": {"agent": "ECHO"}, "text": text}}
    done = subprocess.run(
        arguments(grpcurl, address, "StreamService/Open", request),
        capture_output=True,
        text=True,
        check=False,
        timeout=20,
    )
    assert done.returncode == 0, done.stderr
    frames: list[stream_pb2.OpenResponse] = []
    decoder, rest = json.JSONDecoder(), done.stdout.strip()
    while rest:
        _, end = decoder.raw_decode(rest)
        frames.append(json_format.Parse(rest[:end], stream_pb2.OpenResponse()))
        rest = rest[end:].strip()
    return frames


def test_it_prints_a_whole_answer(grpcurl: str, installation: Installation) -> None:
    frames = _open(grpcurl, installation.grpc, "one two three")
    kinds = [frame.WhichOneof("frame") for frame in frames]
    assert kinds[0] == "welcome"
    assert kinds[-2:] == ["finished", "closing"]
    events = [event for frame in frames for event in frame.delivery.events]
    assert "".join(event.answer.text_delta for event in events) == "one two three"
